// agent/sets/deployment_plan.hpp - a Deployment's next step: which ReplicaSet to make, to resize, to delete now. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/sets/auto_undo.hpp"
#include "base/clock.hpp"
#include "model/model.hpp"

namespace berth::agent {

using ReplicaSetPtr = std::shared_ptr<const model::ReplicaSet>;

/// A ReplicaSet whose controller is the Deployment, and its pods. They are counted here, not read from its status: that
/// is written later than it becomes true.
struct DeployedSet {
  ReplicaSetPtr set;
  std::int32_t active = 0;  ///< Pods that have not ended and do not end.
  std::int32_t ready = 0;
  std::int32_t available = 0;
  bool has_pods = false;  ///< Those count, too, that are on their way out.
  std::string refused{};  ///< Why its pods cannot be made, as its condition ReplicaFailure has it. Empty: they can.
  bool observed = true;   ///< Its controller has seen its spec; before, it may still make pods of an older one.
};

struct DeploymentFacts {
  std::vector<DeployedSet> sets;
  std::vector<ReplicaSetPtr> free;  ///< Without a controller, and the selector takes them.
  std::string hash;                 ///< hash_for() the Deployment.
  bool name_taken = false;          ///< There is a ReplicaSet, whoever's, of the name that a new one would get.
  WallTime now{};
};

/// What changes of a ReplicaSet that stays.
struct ReplicaSetEdit {
  ReplicaSetPtr set;
  std::optional<std::int32_t> replicas;
  std::optional<std::int32_t> min_ready_seconds;
  model::StringMap annotations;  ///< To be set; others stay.
};

struct DeploymentPlan {
  std::vector<ReplicaSetPtr> adopt;    ///< Nothing else is planned before they are its own...
  std::vector<ReplicaSetPtr> release;  ///< ... and these are not: the selector does not take them.
  std::optional<json::object> create;
  std::int32_t created_replicas = 0;
  std::vector<ReplicaSetEdit> edits;
  std::vector<ReplicaSetPtr> remove;  ///< Old and empty, beyond revisionHistoryLimit.
  model::DeploymentStatus status;
  std::string revision;      ///< Of the template as it is: an annotation of the Deployment. Empty: not known yet.
  std::optional<Undo> undo;  ///< Written with that status.
  std::optional<std::chrono::milliseconds> look_again;  ///< The deadline runs.
};

/// Kubernetes' rules, one step at a time: a rollout makes a ReplicaSet of the new template, gives it pods while there
/// are fewer than replicas + maxSurge, and takes from the old ones what is not needed for replicas - maxUnavailable
/// available pods, those that are not well first. A change of `replicas` on the way is shared out in proportion. While
/// it is paused, or another number is wanted, nothing is rolled. With kAutoUndo, the deadline's end puts the template
/// before back.
DeploymentPlan plan_deployment(const model::Deployment& deployment, const DeploymentFacts& facts);

}  // namespace berth::agent
