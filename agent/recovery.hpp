// agent/recovery.hpp - after a restart: which pods were here before us, and what is left of pods that have no object.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/orphan_plan.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "model/model.hpp"
#include "network/pod_network.hpp"
#include "runtime/pod_runtime.hpp"
#include "store/store.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

/// Where recovery looks. All outlive it; `lane` ends before `loop` does.
struct RecoveryRooms {
  Loop& loop;
  Lane& lane;  ///< The rooms' listings block.
  store::Store& store;
  runtime::PodRuntime& runtime;
  network::PodNetwork& network;
  volumes::PodVolumes& volumes;
  std::filesystem::path mark_file;  ///< See store_mark.hpp.
  /// The same, kept over a boot. Where others decide about this host's pods while it is off, it finds none of those
  /// that it knew. Empty: the store is this host's own, and lies where the file would.
  std::filesystem::path kept_mark_file;
  std::string node;
  bool from_copy = false;  ///< The store is away, and its objects are a copy's: see Recovery::on_store().
};

struct RecoveryCallbacks {
  /// Something of a pod is on this host that has no object, and its store is known to have decided its deletion.
  std::function<void(const runtime::PodIdentity&)> on_orphan;
  /// The pods that have no object and that nobody but a person may decide about have become known, or fewer.
  std::function<void(const std::vector<model::Stranger>&)> on_strangers;
  /// Of a copy: what runs here is known, so that other pods are held than before.
  std::function<void()> on_found{};
};

/// Loop thread.
class Recovery {
 public:
  Recovery(RecoveryRooms rooms, RecoveryCallbacks callbacks);

  /// The pods bound to this node when we started; their adoption is reported once, when all have settled.
  void begin(std::set<std::string> uids);
  void on_settled(const std::string& uid);

  /// Looks through all rooms for pods without an object, and again until every room could be asked: half a picture
  /// says nothing about what is not in it.
  void look_for_orphans();
  /// containerd is there (again).
  void retry();
  /// The objects were a copy's, and are the store's now. Until then only a pod of which something is on this host goes
  /// on, and nothing is an orphan or a stranger: the copy may be older than that.
  void on_store();

  /// Is this store known to have made all that runs here? Then nothing is a stranger. From begin() on.
  bool trusts_store() const { return trusted_; }

  /// Must `pod` wait? A stranger of its name (see in_the_way()) may use its data and its ports, and until the host was
  /// looked through there may be one, unless this store is known to have made all that runs here.
  bool holds(const model::Pod& pod) const;

  const std::vector<model::Stranger>& strangers() const { return strangers_; }
  /// Was the host looked through? Before, strangers() is empty and says nothing.
  bool strangers_known() const { return judged_; }
  /// What is to be said of a stranger from now on: why it is still one.
  void explain(const std::string& uid, const std::string& why);
  /// It is no stranger any more: it has an object, or it is gone.
  void drop(const std::string& uid);

 private:
  void trust();
  void take_unreadable();
  void take_found(const std::map<std::string, runtime::PodIdentity>& found);
  void judge(OrphanFacts facts);
  void write_mark();

  RecoveryRooms rooms_;
  RecoveryCallbacks callbacks_;
  std::set<std::string> unadopted_;  ///< uids of pods that were here before us and have not settled yet.
  std::size_t adopting_ = 0;
  bool from_copy_ = false;   ///< The objects are a copy's.
  bool trusted_ = false;     ///< The mark says that this store made everything here.
  bool incomplete_ = false;  ///< A room could not be asked yet.
  bool judged_ = false;
  std::vector<store::StoreProblem> unreadable_;  ///< Rows as they were at the start.
  std::set<std::string> found_;                  ///< uids of what was on the host.
  std::vector<model::Stranger> strangers_;
  std::unique_ptr<LoopHandle> again_;
};

}  // namespace berth::agent
