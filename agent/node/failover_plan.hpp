// agent/node/failover_plan.hpp - what of a node whose session is gone is surely dead, as its fence has killed it. Pure.
#pragma once

#include <memory>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "model/model.hpp"

namespace berth::agent {

struct FailoverPlan {
  std::vector<PodPtr> remove;                                        ///< Their sets make them elsewhere.
  std::vector<std::shared_ptr<const model::VolumeAttachment>> free;  ///< Held for them alone.
};

/// Of `node`, whose agent has no session by the store's own word. Nothing where it was not armed. A volume that a pod
/// has, too, which may run on there, stays that node's, as does one of which nobody knows who has it.
FailoverPlan plan_failover(const model::Object& node, const ObjectCache& cache);

}  // namespace berth::agent
