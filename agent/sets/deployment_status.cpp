// agent/sets/deployment_status.cpp - see deployment_status.hpp.
#include "agent/sets/deployment_status.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "agent/sets/deployment_sizes.hpp"

namespace berth::agent {
namespace {

constexpr const char* kProgressing = "Progressing";
constexpr const char* kNewSetAvailable = "NewReplicaSetAvailable";
constexpr const char* kTimedOut = "ProgressDeadlineExceeded";
constexpr const char* kPaused = "DeploymentPaused";
constexpr const char* kReplicaFailure = "ReplicaFailure";

void drop_condition(model::DeploymentStatus& status, std::string_view type) {
  std::erase_if(status.conditions, [&](const auto& each) { return each.type == type; });
}

bool goes_on(const model::DeploymentStatus& before, const model::DeploymentStatus& status) {
  return status.updated > before.updated || status.replicas - status.updated < before.replicas - before.updated ||
         status.ready > before.ready || status.available > before.available;
}

/// When the deadline counts as over; nullopt: it does not run.
std::optional<WallTime> deadline_of(const model::Deployment& deployment, const model::DeploymentStatus& status) {
  const auto* progressing = status.condition(kProgressing);
  if (progressing == nullptr || progressing->reason == kNewSetAvailable || progressing->reason == kPaused) return {};
  const auto since = parse_rfc3339(progressing->last_update_time);
  if (!since) return std::nullopt;
  return *since + std::chrono::seconds(deployment.progress_deadline_seconds);
}

}  // namespace

void set_condition(model::DeploymentStatus& status, const std::string& type, const std::string& is,
                   const std::string& reason, const std::string& message, WallTime now) {
  const auto* known = status.condition(type);
  if (known != nullptr && known->status == is && known->reason == reason) return;
  const auto when = format_rfc3339(now);
  const auto since = known != nullptr && known->status == is ? known->last_transition_time : when;
  drop_condition(status, type);
  status.conditions.push_back({type, is, reason, message, when, since});
}

bool has_deadline(const model::Deployment& deployment) {
  return deployment.progress_deadline_seconds != std::numeric_limits<std::int32_t>::max();
}

bool is_complete(const model::Deployment& deployment, const model::DeploymentStatus& status) {
  return status.updated == deployment.replicas && status.replicas == deployment.replicas &&
         status.available == deployment.replicas && status.observed_generation >= deployment.meta.generation;
}

model::DeploymentStatus counted(const model::Deployment& deployment, const DeploymentCounts& counts,
                                const model::DeploymentStatus& before, WallTime now) {
  auto status = before;
  status.observed_generation = deployment.meta.generation;
  status.replicas = counts.replicas;
  status.updated = counts.updated;
  status.ready = counts.ready;
  status.available = counts.available;
  status.unavailable = std::max(counts.wanted - counts.available, 0);
  if (counts.available >= deployment.replicas - max_unavailable(deployment)) {
    set_condition(status, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now);
  } else {
    set_condition(status, "Available", "False", "MinimumReplicasUnavailable",
                  "Deployment does not have minimum availability.", now);
  }
  return status;
}

void note_progress(const model::Deployment& deployment, const model::DeploymentStatus& before,
                   const std::string& new_set, WallTime now, model::DeploymentStatus& status,
                   std::optional<std::chrono::milliseconds>& look_again) {
  if (!has_deadline(deployment)) return drop_condition(status, kProgressing);
  const auto* current = status.condition(kProgressing);
  const auto was_complete =
      status.replicas == status.updated && current != nullptr && current->reason == kNewSetAvailable;
  if (was_complete) return;
  const auto who = new_set.empty() ? fmt::format("Deployment \"{}\"", deployment.meta.name)
                                   : fmt::format("ReplicaSet \"{}\"", new_set);
  if (is_complete(deployment, status)) {
    set_condition(status, kProgressing, "True", kNewSetAvailable, who + " has successfully progressed.", now);
    return;
  }
  if (goes_on(before, status)) {
    const auto since =
        current != nullptr && current->status == "True" ? current->last_transition_time : format_rfc3339(now);
    drop_condition(status, kProgressing);
    status.conditions.push_back(
        {kProgressing, "True", "ReplicaSetUpdated", who + " is progressing.", format_rfc3339(now), since});
  } else if (const auto deadline = deadline_of(deployment, status);
             deadline && (current->reason == kTimedOut || *deadline < now)) {
    set_condition(status, kProgressing, "False", kTimedOut, who + " has timed out progressing.", now);
    return;
  }
  if (const auto deadline = deadline_of(deployment, status)) {
    // Times are whole seconds: one more, and it is over for certain.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - now) + std::chrono::seconds(1);
    const auto wait = std::max<std::chrono::milliseconds>(left, std::chrono::seconds(1));
    look_again = look_again ? std::min(*look_again, wait) : wait;
  }
}

void note_failure(const std::string& why, WallTime now, model::DeploymentStatus& status) {
  if (why.empty()) return drop_condition(status, kReplicaFailure);
  set_condition(status, kReplicaFailure, "True", "FailedCreate", why, now);
}

void note_pause(const model::Deployment& deployment, WallTime now, model::DeploymentStatus& status) {
  if (!has_deadline(deployment)) return;
  const auto* progressing = status.condition(kProgressing);
  if (progressing != nullptr && progressing->reason == kTimedOut) return;
  const auto noted = progressing != nullptr && progressing->reason == kPaused;
  if (deployment.paused && !noted) {
    set_condition(status, kProgressing, "Unknown", kPaused, "Deployment is paused", now);
  } else if (!deployment.paused && noted) {
    set_condition(status, kProgressing, "Unknown", "DeploymentResumed", "Deployment is resumed", now);
  }
}

}  // namespace berth::agent
