// agent/claim_controller.hpp - carries out the claim plan: binds, provisions, releases. Loop thread; directories on a
// lane.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/claim_plan.hpp"
#include "agent/object_cache.hpp"
#include "agent/set_controller.hpp"
#include "agent/store_writer.hpp"
#include "base/lane.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

class ClaimController {
 public:
  ClaimController(Loop& loop, Lane& lane, const ObjectCache& cache, StoreWriter& writer, volumes::PodVolumes& volumes,
                  EventSink events, std::string node_name);
  ~ClaimController();

  void on_change(const store::Change& change);
  void plan_all() { mark(); }

  /// Why the pod has to wait for this claim, or empty when it is bound; `bound` is filled then.
  std::string resolve(const model::Pod& pod, const std::string& claim, volumes::BoundClaim& bound) const;

 private:
  void mark();
  void run();
  void bind(const BindAction& action);
  void provision(const ProvisionAction& action);
  void provisioned(const ProvisionAction& action, const std::string& tag, const Result<volumes::Provisioned>& made);
  void release(const ReleaseAction& action);
  void drop_volume(const model::ObjectKey& key, const std::string& tag);
  void report(const WaitingClaim& waiting);
  void finished(const std::string& what, const Status& status);

  Loop& loop_;
  Lane& lane_;
  const ObjectCache& cache_;
  StoreWriter& writer_;
  volumes::PodVolumes& volumes_;
  EventSink events_;
  std::string node_name_;
  std::set<std::string> under_way_;      ///< Claims ("ns/name") and volumes ("name") with an action running.
  std::map<Name, std::string> waiting_;  ///< Last message per claim: each is said once.
  std::unique_ptr<LoopHandle> retry_;
  bool run_posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The PersistentVolume of a provisioned directory, bound to its claim and pinned to this node; pure.
json::object make_provisioned_volume(const ProvisionAction& action, const volumes::Provisioned& made,
                                     const std::string& node_name);

}  // namespace berth::agent
