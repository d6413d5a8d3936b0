// agent/sets/replica_set_plan.hpp - a number of pods that are all alike: which to make, take, leave or delete now.
// Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/clock.hpp"
#include "model/model.hpp"

namespace berth::agent {

struct ReplicaFacts {
  std::vector<PodPtr> pods;  ///< Whose controller is this set.
  std::vector<PodPtr> free;  ///< Without a controller, and the selector takes them.
  WallTime now{};
};

struct ReplicaPlan {
  std::vector<PodPtr> adopt;    ///< Nothing is made or deleted before they are ours...
  std::vector<PodPtr> release;  ///< ... and these are nobody's: the selector does not take them any more.
  std::int32_t create = 0;
  std::vector<PodPtr> remove;  ///< Gracefully, in this order.
  std::int64_t replicas = 0;   ///< The status.
  std::int64_t fully_labeled = 0;
  std::int64_t ready = 0;
  std::int64_t available = 0;
  std::optional<std::chrono::milliseconds> look_again;  ///< minReadySeconds runs.
};

/// Kubernetes' rules for a ReplicaSet and a ReplicationController: pods that ended or are ending do not count and are
/// replaced; of too many those go first that are missed the least: without a node, pending, not ready, of a lower
/// deletion cost (annotation controller.kubernetes.io/pod-deletion-cost), ready for less long, restarted more often,
/// younger. Never more than kBurst pods at a time.
ReplicaPlan plan_replica_set(const model::ReplicaSet& set, const ReplicaFacts& facts);

inline constexpr std::int32_t kBurst = 500;

/// Does it count: has it not ended, and does it not end?
bool is_active(const model::Pod& pod);

}  // namespace berth::agent
