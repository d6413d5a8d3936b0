// agent/sets/set_controller.hpp - keeps every StatefulSet and DaemonSet at its plan: a row of the controller runner.
// Loop thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/control/controller_runner.hpp"
#include "agent/control/pod_making.hpp"
#include "agent/objects/live_nodes.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/sets/set_plan.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// The facts of a plan are found by the cache's indexes: they cost what the set has, not what the namespace has.
class SetController {
 public:
  /// `shared`: other hosts plan over the same store.
  SetController(const Clock& clock, const ObjectCache& cache, const store::Store& store, const LiveNodes& nodes,
                bool shared = false);

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  using Key = model::ObjectKey;
  /// What is not computed for every plan, and what the store cannot tell.
  struct Memory {
    std::string uid;
    std::int64_t generation = 0;
    std::string template_hash;                    ///< Of that generation.
    DaemonRollout rollout;                        ///< The same.
    std::optional<CountOrShare> max_unavailable;  ///< The same.
    std::string salt;  ///< Of the next pod's name; drawn anew once a pod of that name has been seen.
  };
  /// A set of either kind, with what both have; `meta` is null when there is none of that name.
  struct Found;

  void wakes(const store::Change& change, const Waker& wake);
  void wake_owner(const model::ObjectMeta& owned, const Waker& wake) const;
  void wake_adopters(const model::Object& pod, const Waker& wake) const;
  void wake_claim_set(const model::Object& claim, const Waker& wake) const;
  void wake_all(const Waker& wake, bool daemon_sets_only) const;
  Work plan(const Key& key);
  Found find_set(const Key& key) const;
  std::vector<PodPtr> pods_to_adopt(const Key& key, const Found& set) const;
  SetFacts facts_for(const Key& key, const Found& set);
  SetClaim look_at(const model::PersistentVolumeClaim& claim) const;
  Work to_work(const Key& key, const Found& set, SetPlan plan) const;

  const Clock& clock_;
  const ObjectCache& cache_;
  const store::Store& store_;
  const LiveNodes& nodes_;
  std::map<Key, Memory> memories_;
  PodMaking making_;  ///< Of DaemonSets: pods with a number of their own have one name everywhere.
};

}  // namespace berth::agent
