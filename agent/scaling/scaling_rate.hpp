// agent/scaling/scaling_rate.hpp - how fast may the number of pods change, by what was recommended and done before?
// Pure.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "model/autoscaling.hpp"

namespace berth::agent {

/// What an autoscaler remembers, as long as the agent runs.
struct ScalingMemory {
  struct Recommendation {
    std::int32_t replicas = 0;
    SteadyTime at{};
  };
  struct Step {
    std::int32_t pods = 0;  ///< More, or fewer.
    SteadyTime at{};
  };
  std::vector<Recommendation> recommendations;
  std::vector<Step> ups;
  std::vector<Step> downs;
};

struct RatedReplicas {
  std::int32_t replicas = 0;
  model::AutoscalerCondition able;     ///< AbleToScale
  model::AutoscalerCondition limited;  ///< ScalingLimited
  ScalingMemory memory;                ///< With what was recommended now.
};

/// From `current` towards `wanted`: as low (or high) as what was recommended within the window, no faster than the
/// policies say, and within the bounds. Kubernetes' stabilization and its conditions.
RatedReplicas rate_replicas(const model::Autoscaler& scaler, std::int32_t current, std::int32_t wanted,
                            ScalingMemory memory, SteadyTime now);

/// With a step that was made; without those that no policy looks at any more.
ScalingMemory with_step(const model::Autoscaler& scaler, ScalingMemory memory, std::int32_t before, std::int32_t after,
                        SteadyTime now);

}  // namespace berth::agent
