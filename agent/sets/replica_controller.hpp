// agent/sets/replica_controller.hpp - keeps every ReplicaSet and ReplicationController at its number of pods: a row of
// the controller runner. Loop thread.
#pragma once

#include <map>
#include <memory>

#include "agent/control/controller_runner.hpp"
#include "agent/control/pod_making.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/sets/pod_names.hpp"
#include "agent/sets/replica_set_plan.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Pods are made as Kubernetes does it, one, then two, then four: a set whose pods are refused asks for one at a time.
class ReplicaController {
 public:
  /// `shared`: other hosts plan over the same store.
  ReplicaController(const Clock& clock, const ObjectCache& cache, const store::Store& store, bool shared = false);

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  using Key = model::ObjectKey;
  using SetPtr = std::shared_ptr<const model::ReplicaSet>;

  void wakes(const store::Change& change, const Waker& wake);
  void wake_owner(const model::Object& pod, const Waker& wake);
  void wake_all(const Waker& wake) const;
  SetPtr find_set(const Key& key) const;
  Work plan(const Key& key);
  std::vector<std::string> names_for(const Key& key, const model::ReplicaSet& set, std::int32_t count);
  void ask_for_pods(const Key& key, const model::ReplicaSet& set, std::int32_t count, Work& work);
  void write_status(const Key& key, const model::ReplicaSet& set, const ReplicaPlan& plan, Work& work) const;

  const Clock& clock_;
  const ObjectCache& cache_;
  const store::Store& store_;
  std::map<Key, PodNames> names_;
  PodMaking making_;
  std::map<Key, std::string> failures_;  ///< Why the pods that are asked for cannot be made; until they are.
};

}  // namespace berth::agent
