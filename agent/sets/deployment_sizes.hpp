// agent/sets/deployment_sizes.hpp - how many pods a Deployment's ReplicaSets may have: surge, floor, shares. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/model.hpp"

namespace berth::agent {

/// Annotations of a ReplicaSet that its Deployment reads and writes.
inline constexpr const char* kDesiredReplicas = "deployment.kubernetes.io/desired-replicas";
inline constexpr const char* kMaxReplicas = "deployment.kubernetes.io/max-replicas";

/// Pods beyond `replicas` that there may be; 0 when all old pods go first. Shares are rounded up.
std::int32_t max_surge(const model::Deployment& deployment);
/// Pods that may be missing; shares are rounded down. 1 when both limits come to 0: a rollout would never end.
std::int32_t max_unavailable(const model::Deployment& deployment);

/// The annotation as a number; nullopt: it has none.
std::optional<std::int32_t> number_in(const model::StringMap& annotations, const char* name);

/// One of the ReplicaSets that share a Deployment's pods.
struct SizedSet {
  std::string name;
  std::string created;
  std::int32_t replicas = 0;
  std::optional<std::int32_t> max_replicas;  ///< What kMaxReplicas says.
};

/// The sizes after the Deployment got another number of replicas in the middle of a rollout: each of `sets` (none is
/// empty) gives or takes in proportion to its size, what is left over by rounding goes to the largest. In the order of
/// `sets`.
std::vector<std::int32_t> share_out(const model::Deployment& deployment, const std::vector<SizedSet>& sets);

}  // namespace berth::agent
