// agent/sets/deployment_controller.hpp - keeps every Deployment's ReplicaSets at its plan: a row of the controller
// runner. Loop thread.
#pragma once

#include <map>
#include <string>

#include "agent/control/controller_runner.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/sets/deployment_plan.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// A Deployment is planned when it, one of its ReplicaSets, or one of their pods changes.
class DeploymentController {
 public:
  DeploymentController(const Clock& clock, const ObjectCache& cache, const store::Store& store);

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  using Key = model::ObjectKey;
  /// What is not computed for every plan.
  struct Memory {
    std::string uid;
    std::int64_t generation = 0;
    std::int32_t collisions = 0;
    std::string hash;
  };

  void wakes(const store::Change& change, const Waker& wake);
  void wake_owner(const model::ObjectMeta& set, const Waker& wake) const;
  void wake_owner_of_pod(const model::Object& pod, const Waker& wake) const;
  void wake_all(const Waker& wake) const;
  Work plan(const Key& key);
  /// `wait` becomes shorter when a pod is available before that.
  DeploymentFacts facts_for(const Key& key, const model::Deployment& deployment,
                            std::optional<std::chrono::milliseconds>& wait);
  DeployedSet count_pods(const ReplicaSetPtr& set, WallTime now, std::optional<std::chrono::milliseconds>& wait) const;
  Work to_work(const Key& key, const model::Deployment& deployment, DeploymentPlan plan) const;
  void write_status(const Key& key, const model::Deployment& deployment, const DeploymentPlan& plan, Work& work) const;

  const Clock& clock_;
  const ObjectCache& cache_;
  const store::Store& store_;
  std::map<Key, Memory> memories_;
};

}  // namespace berth::agent
