// agent/sets/deployment_status.hpp - how far a Deployment is, in Kubernetes' conditions and words. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// What is counted of all ReplicaSets of a Deployment.
struct DeploymentCounts {
  std::int32_t wanted = 0;  ///< Sum of what the ReplicaSets should have now.
  std::int32_t replicas = 0;
  std::int32_t updated = 0;
  std::int32_t ready = 0;
  std::int32_t available = 0;
};

/// The numbers and the condition Available; all else is as `before`.
model::DeploymentStatus counted(const model::Deployment& deployment, const DeploymentCounts& counts,
                                const model::DeploymentStatus& before, WallTime now);

/// All pods are there, of the template as it is, and available.
bool is_complete(const model::Deployment& deployment, const model::DeploymentStatus& status);

/// None when it is the largest number.
bool has_deadline(const model::Deployment& deployment);

/// The condition Progressing of a rollout that is under way or over. `before` has the numbers from before this plan and
/// the conditions of it. `new_set`: name of the ReplicaSet of the template as it is; empty: there is none yet.
/// `look_again`: when the deadline is over.
void note_progress(const model::Deployment& deployment, const model::DeploymentStatus& before,
                   const std::string& new_set, WallTime now, model::DeploymentStatus& status,
                   std::optional<std::chrono::milliseconds>& look_again);

/// Notes in Progressing that the Deployment was paused, or goes on.
void note_pause(const model::Deployment& deployment, WallTime now, model::DeploymentStatus& status);

/// The condition ReplicaFailure: there while a ReplicaSet's pods are refused, with its words. Empty: none are.
void note_failure(const std::string& why, WallTime now, model::DeploymentStatus& status);

/// Nothing changes when the status and the reason are the same; the time of the transition stays with the status.
void set_condition(model::DeploymentStatus& status, const std::string& type, const std::string& is,
                   const std::string& reason, const std::string& message, WallTime now);

}  // namespace berth::agent
