// agent/node/taint_plan.hpp - which pods have to leave a node that is there, for its taints NoExecute. Pure. As
// Kubernetes' taint eviction controller does it.
//
// See https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/clock.hpp"
#include "model/model.hpp"

namespace berth::agent {

struct TaintPlan {
  bool stamp = false;  ///< A pod stays for a while, and a taint does not say since when: stamp_taints().
  std::vector<PodPtr> evict;
  std::optional<std::chrono::milliseconds> look_again;
};

/// A pod that does not tolerate each of the taints goes at once; one that does goes when the shortest tolerationSeconds
/// of those that apply are over, which count from the taint's timeAdded, whoever plans. What the node's own files made
/// stays, as a static pod does: it would be made again at once.
TaintPlan plan_taints(const json::object& node, const std::vector<PodPtr>& pods, WallTime now);

/// Writes `timeAdded` into each taint NoExecute that has none, which a person need not say. False: all have it.
bool stamp_taints(json::object& node, WallTime now);

/// Has it a taint NoExecute?
bool drives_pods_away(const model::Node& node);

}  // namespace berth::agent
