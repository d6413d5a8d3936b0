// agent/budgets/disruption_plan.hpp - how many pods of a PodDisruptionBudget may be taken away now. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/clock.hpp"
#include "model/budgets.hpp"

namespace berth::agent {

/// The set that decides how many pods like one there are.
struct PodScale {
  std::string uid;
  std::int64_t replicas = 0;
};

struct BudgetedPod {
  PodPtr pod;
  std::optional<PodScale> scale;  ///< None: it has no controller, or one without a scale.
  std::string no_scale;           ///< Why it has none, when it has a controller.
};

/// A pod that was given away and is still there after this long has been kept by somebody.
constexpr std::chrono::minutes kDisruptionTimeout{2};

struct DisruptionPlan {
  model::DisruptionBudgetStatus status;
  std::optional<std::chrono::milliseconds> look_again;  ///< When a pod that was given away counts again.
  std::vector<std::string> not_deleted;                 ///< Pods that were given away and are still there.
  std::string failure;  ///< Why the numbers could not be computed: a share of pods whose set has no size.
};

/// As Kubernetes' disruption controller: a share is one of what the pods' sets want, rounded up; healthy is who is
/// ready, is not being deleted and was not given away. What cannot be computed allows nothing.
DisruptionPlan plan_disruptions(const model::DisruptionBudget& budget, const std::vector<BudgetedPod>& pods,
                                WallTime now);

}  // namespace berth::agent
