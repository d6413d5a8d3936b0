// agent/scaling/scale_plan.hpp - how many pods should an autoscaler's set have now, and what is said of it? Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/scaling/replica_count.hpp"
#include "agent/scaling/scaling_rate.hpp"
#include "model/autoscaling.hpp"

namespace berth::agent {

struct ScalingFacts {
  Result<std::int32_t> replicas = 0;  ///< What the set wants now; why that is not known.
  std::vector<PodPtr> pods;           ///< That the set's selector takes.
  std::string selector;               ///< As text.
  std::vector<std::string> rivals;    ///< All autoscalers that scale these pods, when it is not this alone.
  std::size_t elsewhere = 0;          ///< Of the pods: run on other hosts, and could not be measured.
  const ContainerUses& uses;
  WallTime wall{};
  SteadyTime now{};
};

struct ScalingSaying {
  std::string_view type;  ///< "Normal" or "Warning".
  std::string reason;
  std::string message;
};

struct ScalingPlan {
  std::optional<std::int32_t> replicas;  ///< What the set should want; nothing: as it is.
  std::string why;                       ///< "cpu resource utilization (percentage of request) above target"
  model::AutoscalerStatus status;        ///< Of `replicas` as if it were written.
  std::vector<ScalingSaying> said;
  ScalingMemory memory;
};

/// One round of Kubernetes' autoscaler, in its conditions and words. Of several metrics the one that wants most
/// decides; one that cannot be computed keeps the set from shrinking.
ScalingPlan plan_scaling(const model::Autoscaler& scaler, const ScalingFacts& facts, ScalingMemory memory);

}  // namespace berth::agent
