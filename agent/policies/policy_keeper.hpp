// agent/policies/policy_keeper.hpp - keeps the host's packet rules at what network policies say. Loop thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/objects/object_cache.hpp"
#include "agent/policies/policy_book.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "network/pod_network.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// A pod that comes to the host has its rules before its first process starts: it asks. A policy that comes later is in
/// force when the kernel has taken it, milliseconds after its write. What changed meanwhile goes out together, in one
/// transaction, one after the other; what fails is tried again, and everything stays as it was until then. Without
/// policies nothing is kept, here or in the kernel.
class PolicyKeeper {
 public:
  static constexpr std::chrono::seconds kRetry{5};

  struct Context {
    Loop& loop;
    Lane& lane;
    network::PodNetwork& network;
    std::function<const ObjectCache&()> objects;  ///< As they are now. Another cache than before: all is looked at.
    std::string node;
    std::function<void(const std::string& uid)> kick;  ///< The pod may ask again.
    /// A pod does not start because the kernel does not take the rules.
    std::function<void(const model::Pod& pod, const std::string& message)> on_refused;
  };

  explicit PolicyKeeper(Context context) : context_(std::move(context)) {}
  ~PolicyKeeper() { *alive_ = false; }
  PolicyKeeper(const PolicyKeeper&) = delete;
  PolicyKeeper& operator=(const PolicyKeeper&) = delete;

  /// Tell it every change of the store, after the cache took it.
  void on_change(const store::Change& change);
  /// Looks at everything: for the start, and when the cache was loaded anew.
  void look_at_all();

  /// Why a container of this pod, which has its address, must not start yet; empty: it may. What it waits for is begun,
  /// and kick() follows.
  std::string may_start(const model::Pod& pod);

  /// Something is on its way to the kernel.
  bool is_settling() const { return busy_ || posted_; }

 private:
  void look_soon();
  void look();
  void look_at_all(const ObjectCache& objects);
  void renew_policy(const Name& name, const ObjectCache& objects);
  void renew_pod(const std::string& uid, const Name& name, const ObjectCache& objects);
  void answered(const std::map<std::string, std::string>& sent, const Status& status);
  void say_refused(const std::string& why);
  std::string address_of(const model::Pod& pod) const;

  const Context context_;
  PolicyBook book_;
  std::set<Name> policies_;                  ///< To be looked at.
  std::set<std::string> namespaces_;         ///< To be looked at.
  std::map<std::string, Name> pods_;         ///< To be looked at: by uid.
  std::map<std::string, Name> names_;        ///< Of the pods in the book.
  std::map<std::string, Name> waiting_;      ///< Pods that asked, by uid.
  std::map<std::string, std::string> safe_;  ///< Whose rules the kernel has or had: address by uid.
  std::set<std::string> told_;               ///< Pods whose event was sent since the kernel refused.
  const ObjectCache* objects_ = nullptr;     ///< What was looked at last; never looked into.
  bool posted_ = false;
  bool busy_ = false;
  bool out_of_step_ = true;        ///< The kernel may have something else than the book.
  bool policy_under_way_ = false;  ///< Since the last good answer the book got, or lost, a policy.
  std::string failure_;            ///< Why; empty: the last answer was good.
  std::unique_ptr<LoopHandle> retry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
