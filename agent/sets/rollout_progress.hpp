// agent/sets/rollout_progress.hpp - does a StatefulSet's rollout get on? Kubernetes asks that only of Deployments.
// Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "model/meta.hpp"

namespace berth::agent {

/// Seconds without progress after which a rollout has failed, as a Deployment's progressDeadlineSeconds; 600 when it is
/// not there, or is no number from 1 on.
inline constexpr const char* kProgressDeadline = "berth.io/progress-deadline-seconds";
std::chrono::seconds progress_deadline(const model::ObjectMeta& set);

/// How far the rollout is.
struct RolloutCounts {
  std::string revision;  ///< Of the template as it is.
  bool complete = false;
  std::int64_t wanted = 0;
  std::int64_t updated = 0;
  std::int64_t available = 0;
};

struct RolloutProgress {
  json::array conditions;   ///< The set's, with "Progressing": its transition is the last time that something got on.
  bool failed_now = false;  ///< The deadline is over, and was not when `before` was written.
  std::optional<std::chrono::milliseconds> look_again;  ///< Until it is.
};

/// `before`: the set's status as it is stored, written by the last plan. Conditions of others stay.
RolloutProgress follow_rollout(const json::object& before, const RolloutCounts& counts, std::chrono::seconds deadline,
                               WallTime now);

}  // namespace berth::agent
