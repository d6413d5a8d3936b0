// agent/sets/deployment_controller.cpp - see deployment_controller.hpp.
#include "agent/sets/deployment_controller.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "agent/control/waking.hpp"
#include "agent/ending/ownership.hpp"
#include "agent/objects/change_facts.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/sets/replica_set_object.hpp"
#include "agent/sets/replica_set_plan.hpp"
#include "agent/sets/set_plan.hpp"
#include "agent/sets/status_numbers.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;

json::array encode(const std::vector<model::DeploymentCondition>& conditions) {
  json::array out;
  for (const auto& each : conditions) {
    out.push_back({{"type", each.type},
                   {"status", each.status},
                   {"lastUpdateTime", each.last_update_time},
                   {"lastTransitionTime", each.last_transition_time},
                   {"reason", each.reason},
                   {"message", each.message}});
  }
  return out;
}

/// False: it has it already.
bool put_annotation(json::object& raw, std::string_view name, const std::string& value) {
  auto& old = model::object_in(model::object_in(raw, "metadata"), "annotations")[name];
  if (old == json::value(value)) return false;
  old = value;
  return true;
}

Edit carry_out(const ReplicaSetEdit& edit, json::object& raw) {
  auto changed = false;
  auto& spec = raw["spec"].get_object();
  const auto put = [&](std::string_view name, const std::optional<std::int32_t>& number) {
    if (!number || (spec.contains(name) && spec.at(name) == json::value(*number))) return;
    spec[name] = *number;
    changed = true;
  };
  put("replicas", edit.replicas);
  put("minReadySeconds", edit.min_ready_seconds);
  for (const auto& [name, value] : edit.annotations) changed = put_annotation(raw, name, value) || changed;
  return changed ? Edit::Done : Edit::Leave;
}

}  // namespace

DeploymentController::DeploymentController(const Clock& clock, const ObjectCache& cache, const store::Store& store)
    : clock_(clock), cache_(cache), store_(store) {}

Controller DeploymentController::row() {
  return {
      .name = "deployments",
      .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
      .all =
          [this](const Waker& wake) {
            const auto& all = cache_.deployments();
            std::erase_if(memories_, [&](const auto& each) { return !all.contains({each.first.ns, each.first.name}); });
            wake_all(wake);
          },
      .plan = [this](const Key& key) { return plan(key); }};
}

void DeploymentController::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  const auto deleted = change.type == store::ChangeType::Deleted;
  if (object.kind == Kind::Deployment) {
    if (deleted) {
      memories_.erase(object.key());
    } else {
      wake_itself(change, wake);
    }
  } else if (object.kind == Kind::ReplicaSet) {
    wake_owners(change, [&](const model::Object& set) { wake_owner(set.meta, wake); });
    if (!deleted && object.meta.controller() == nullptr) {
      wake_selecting(cache_.deployments(), Kind::Deployment, object.meta, wake);
    }
  } else if (object.kind == Kind::Pod) {
    wake_owners(change, [&](const model::Object& pod) { wake_owner_of_pod(pod, wake); });
  }
}

void DeploymentController::wake_all(const Waker& wake) const {
  for (const auto& [name, deployment] : cache_.deployments()) wake({Kind::Deployment, name.first, name.second});
}

void DeploymentController::wake_owner(const model::ObjectMeta& set, const Waker& wake) const {
  const auto* owner = set.controller();
  if (owner != nullptr && owner->kind == "Deployment") wake({Kind::Deployment, set.ns, owner->name});
}

void DeploymentController::wake_owner_of_pod(const model::Object& pod, const Waker& wake) const {
  const auto* owner = pod.meta.controller();
  if (owner == nullptr || owner->kind != "ReplicaSet") return;
  const auto set = cache_.replica_sets().find({pod.meta.ns, owner->name});
  if (set != cache_.replica_sets().end()) wake_owner(set->second->meta, wake);
}

DeployedSet DeploymentController::count_pods(const ReplicaSetPtr& set, WallTime now,
                                             std::optional<std::chrono::milliseconds>& wait) const {
  DeployedSet counted{.set = set};
  const auto stored = store_.get({Kind::ReplicaSet, set->meta.ns, set->meta.name});
  const auto* status = stored ? stored->raw.if_contains("status") : nullptr;
  const auto* seen = status == nullptr ? nullptr : find(*status, {"observedGeneration"});
  counted.observed = seen != nullptr && seen->is_int64() && seen->get_int64() >= set->meta.generation;
  const auto* conditions = status == nullptr ? nullptr : find(*status, {"conditions"});
  if (conditions != nullptr && conditions->is_array()) {
    for (const auto& each : conditions->get_array()) {
      if (find_string(each, {"type"}) == "ReplicaFailure") counted.refused = find_string(each, {"message"});
    }
  }
  const std::chrono::seconds min_ready(set->min_ready_seconds);
  for (const auto& name : cache_.pods_of_owner(set->meta.uid)) {
    const auto pod = cache_.pod(name);
    counted.has_pods = counted.has_pods || !is_terminal(*pod);
    if (!is_active(*pod)) continue;
    ++counted.active;
    if (pod->status.ready()) ++counted.ready;
    if (is_available(pod->status, min_ready, now, wait)) ++counted.available;
  }
  return counted;
}

DeploymentFacts DeploymentController::facts_for(const Key& key, const model::Deployment& deployment,
                                                std::optional<std::chrono::milliseconds>& wait) {
  auto& memory = memories_[key];
  const auto& meta = deployment.meta;
  const auto collisions = deployment.status.collision_count;
  if (memory.uid != meta.uid || memory.generation != meta.generation || memory.collisions != collisions) {
    memory = {meta.uid, meta.generation, collisions, hash_for(deployment)};
  }
  DeploymentFacts facts;
  facts.now = clock_.wall();
  facts.hash = memory.hash;
  facts.name_taken = cache_.replica_sets().contains({key.ns, key.name + "-" + memory.hash});
  for (const auto& name : cache_.replica_sets_of_owner(meta.uid)) {
    facts.sets.push_back(count_pods(cache_.replica_sets().at(name), facts.now, wait));
  }
  for (const auto& name : cache_.free_replica_sets(key.ns)) {
    const auto& set = cache_.replica_sets().at(name);
    if (!set->meta.deleting() && model::matches(deployment.selector, set->meta.labels)) facts.free.push_back(set);
  }
  return facts;
}

Work DeploymentController::plan(const Key& key) {
  const auto found = cache_.deployments().find({key.ns, key.name});
  if (found == cache_.deployments().end()) return {};
  const auto& deployment = *found->second;
  std::optional<std::chrono::milliseconds> wait;  // Until minReadySeconds of a pod are over.
  auto work = to_work(key, deployment, plan_deployment(deployment, facts_for(key, deployment, wait)));
  if (wait) work.look_again = work.look_again ? std::min(*work.look_again, *wait) : *wait;
  return work;
}

Work DeploymentController::to_work(const Key& key, const model::Deployment& deployment, DeploymentPlan plan) const {
  Work work;
  work.look_again = plan.look_again;
  const auto& uid = deployment.meta.uid;
  const auto set_key = [&](const ReplicaSetPtr& set) { return Key{Kind::ReplicaSet, key.ns, set->meta.name}; };
  const auto scaled = [&](const std::string& name, std::int32_t from, std::int32_t to) {
    return EventText{key, uid, "Normal", "ScalingReplicaSet",
                     fmt::format("Scaled {} replica set {} from {} to {}", to > from ? "up" : "down", name, from, to)};
  };
  for (const auto& set : plan.adopt)
    work.writes.push_back(adopt(set_key(set), set->meta, deployment.meta, "Deployment"));
  for (const auto& set : plan.release) work.writes.push_back(release(set_key(set), set->meta.uid, uid));
  if (plan.create) {
    const json::value value(*plan.create);
    const std::string name(find_string(value, {"metadata", "name"}));
    Write write{.verb = Write::Verb::Create,
                .key = {Kind::ReplicaSet, key.ns, name},
                .object = *std::move(plan.create),
                .refused = EventText{key, uid, "Warning", "ReplicaSetCreateError",
                                     fmt::format("Failed to create new replica set \"{}\"", name)}};
    if (plan.created_replicas > 0) write.said = scaled(name, 0, plan.created_replicas);
    work.writes.push_back(std::move(write));
  }
  for (auto& edit : plan.edits) {
    const auto& set = *edit.set;
    Write write{.key = set_key(edit.set), .uid = set.meta.uid};
    if (edit.replicas) write.said = scaled(set.meta.name, set.replicas, *edit.replicas);
    write.edit = [edit = std::move(edit)](json::object& raw) { return carry_out(edit, raw); };
    work.writes.push_back(std::move(write));
  }
  for (const auto& set : plan.remove) {
    work.writes.push_back({.verb = Write::Verb::Delete, .key = set_key(set), .uid = set->meta.uid});
  }
  write_status(key, deployment, plan, work);
  return work;
}

/// The status, and the number of the revision, which is an annotation.
void DeploymentController::write_status(const Key& key, const model::Deployment& deployment, const DeploymentPlan& plan,
                                        Work& work) const {
  const auto& status = plan.status;
  StatusNumbers numbers{{"observedGeneration", status.observed_generation},
                        {"replicas", status.replicas},
                        {"updatedReplicas", status.updated},
                        {"readyReplicas", status.ready},
                        {"availableReplicas", status.available},
                        {"unavailableReplicas", status.unavailable},
                        {"collisionCount", status.collision_count}};
  auto edit = [numbers = std::move(numbers), conditions = encode(status.conditions),
               same_conditions = status.conditions == deployment.status.conditions, revision = plan.revision,
               undo = plan.undo](json::object& raw) {
    if (undo && put_back(*undo, raw) == Edit::Refuse) return Edit::Refuse;
    auto changed = put_numbers(raw, numbers) || undo.has_value();
    if (!same_conditions) {
      auto& list = raw["status"].get_object()["conditions"];
      changed = changed || list != json::value(conditions);
      list = conditions;
    }
    if (!revision.empty()) changed = put_annotation(raw, kRevision, revision) || changed;
    return changed ? Edit::Done : Edit::Leave;
  };
  const auto stored = store_.get(key);
  if (!stored || stored->meta.uid != deployment.meta.uid) return;
  auto copy = stored->raw;
  if (edit(copy) == Edit::Leave) return;
  Write write{.key = key,
              .uid = deployment.meta.uid,
              .edit = std::move(edit),
              .durability = plan.undo ? Durability::Durable : Durability::Lazy};
  if (plan.undo) write.said = EventText{key, deployment.meta.uid, "Warning", "RolloutUndone", plan.undo->why};
  work.writes.push_back(std::move(write));
}

}  // namespace berth::agent
