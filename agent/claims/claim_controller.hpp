// agent/claims/claim_controller.hpp - carries out the claim plan: binds, provisions, grows, releases. Loop thread; the
// front door of volumes/ is called on a lane and answers from wherever it likes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/claims/claim_plan.hpp"
#include "agent/claims/claim_use.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/sets/set_controller.hpp"
#include "base/lane.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

class ClaimController {
 public:
  /// `kick`: look at the pod with that uid again, what it waits for has changed.
  ClaimController(Loop& loop, const Clock& clock, Lane& lane, const ObjectCache& cache, StoreWriter& writer,
                  volumes::PodVolumes& volumes, EventSink events, std::string node_name,
                  std::function<void(const std::string& uid)> kick);
  ~ClaimController();

  void on_change(const store::Change& change);
  /// With the cache as it is: for the start.
  void plan_all();

  /// Why the pod has to wait for this claim, or empty when it is bound; `bound` is filled then.
  std::string resolve(const model::Pod& pod, const std::string& claim, volumes::BoundClaim& bound) const;

 private:
  /// An action that failed: how often in a row, and when it is tried again.
  struct Retry {
    std::uint32_t failures = 0;
    SteadyTime next{};
    std::unique_ptr<LoopHandle> timer;
  };

  void on_pod(const store::Change& change);
  void on_secret(const Name& secret);
  void mark();
  void run();
  ClaimFacts facts() const;
  void kick_users(const Name& claim) const;
  std::string uid_of_volume(const std::string& name) const;
  void say(const model::ObjectKey& about, const std::string& uid, std::string_view reason, const std::string& message);
  void set_waiting(const Name& claim, const std::string& message);

  bool begin(const std::string& tag);
  void finished(const std::string& tag, const Status& status);

  void bind(const BindAction& action);
  void bind_claim(const BindAction& action, const std::string& tag);
  void provision(const ProvisionAction& action);
  void provisioned(const ProvisionAction& action, const std::string& tag, const Result<volumes::Provisioned>& made);
  void assign_class(const ClassAction& action);
  void delegate(const DelegateAction& action);
  void expand(const ExpandAction& action);
  void expanded(const ExpandAction& action, const std::string& tag, const Result<std::int64_t>& size);
  void grown(const ExpandAction& action, const std::string& tag, const std::string& capacity);
  void resized(const ResizedAction& action);
  void lose(const LostClaim& action);
  void release(const ReleaseAction& action);
  void reclaim(const ReleaseAction& action, const std::string& tag);
  void reclaimed(const ReleaseAction& action, const std::string& tag, const Status& gone);
  void set_volume_phase(const std::string& volume, std::string_view phase, const std::string& message,
                        StoreWriter::Done done);
  void drop_volume(const model::ObjectKey& key, const std::string& tag);
  void report(const WaitingClaim& waiting);

  Loop& loop_;
  const Clock& clock_;
  Lane& lane_;
  const ObjectCache& cache_;
  StoreWriter& writer_;
  volumes::PodVolumes& volumes_;
  EventSink events_;
  std::string node_name_;
  std::function<void(const std::string& uid)> kick_;
  ClaimUsers users_;
  std::set<std::string> under_way_;       ///< Claims ("ns/name") with an action running, and kPool.
  std::map<std::string, Retry> retries_;  ///< By the same names.
  std::map<Name, std::string> waiting_;   ///< Last message per claim: each is said once.
  bool run_posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
