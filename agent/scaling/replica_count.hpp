// agent/scaling/replica_count.hpp - how many pods would use as much as they should? Kubernetes' replica calculator.
// Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace berth::agent {

/// What one container used, over `window`, up to `at`.
struct ContainerUse {
  std::int64_t cpu_milli = 0;  ///< Thousandths of a processor.
  std::int64_t memory_bytes = 0;
  WallTime at{};
  std::chrono::nanoseconds window{0};
};
using ContainerUses = std::unordered_map<std::string, ContainerUse>;  ///< By the container's id.

/// What a pod used of one resource, in thousandths.
struct PodUse {
  std::int64_t milli = 0;
  WallTime at{};
  std::chrono::nanoseconds window{0};
};
/// Of `resource` ("cpu", "memory"), of one container or, where that is empty, of all. Nothing when one of them could
/// not be measured.
std::optional<PodUse> pod_use(const model::Pod& pod, std::string_view resource, std::string_view container,
                              const ContainerUses& uses);

struct ReplicaQuestion {
  std::int32_t current = 0;  ///< What the set wants now.
  std::string resource;
  std::string container;  ///< Empty: all of the pod.
  const std::vector<PodPtr>& pods;
  const ContainerUses& uses;
  WallTime now{};
  double up_tolerance = 0.1;
  double down_tolerance = 0.1;
};
struct ReplicaAnswer {
  std::int32_t replicas = 0;
  std::optional<std::int32_t> utilization;  ///< Percent of what is requested, now.
  std::int64_t average_milli = 0;           ///< Of those that count.
};

/// So that the pods use `percent` of what they request, on average.
///
/// A pod that is being deleted or has failed is none. One that is not ready, or has not been for as long as it was
/// measured, counts as using nothing when the set would grow, and not at all else. One that could not be measured
/// counts as using nothing when the set would grow, and all that it requests when it would shrink. What would turn the
/// direction, or is within the tolerance, changes nothing. FailedPrecondition: it cannot be said, in Kubernetes' words.
Result<ReplicaAnswer> count_by_utilization(const ReplicaQuestion& question, std::int32_t percent);

/// So that each uses `milli` on average. As above; unmeasured pods use just that when the set would shrink.
Result<ReplicaAnswer> count_by_average(const ReplicaQuestion& question, std::int64_t milli);

}  // namespace berth::agent
