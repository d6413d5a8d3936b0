// agent/ending/namespace_plan.hpp - what goes next of a namespace that is being deleted, and what its status says.
// Pure.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "model/meta.hpp"

namespace berth::agent {

struct NamespacePlan {
  std::vector<model::ObjectPtr> remove;  ///< To be deleted now. Nothing, and not finished: wait for what is going.
  json::array conditions;                ///< status.conditions, as Kubernetes words them.
  bool finished = false;                 ///< Nothing is left: the namespace can go.
};

/// `content` is everything in the namespace. Sets go first, so that their pods are stopped in the set's order; then
/// other pods; then the rest, which the pods may have used to the end; events last.
NamespacePlan plan_namespace(const model::Object& ns, const std::vector<model::ObjectPtr>& content, WallTime now);

}  // namespace berth::agent
