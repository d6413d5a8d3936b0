// agent/budgets/disruption_controller.cpp - see disruption_controller.hpp.
#include "agent/budgets/disruption_controller.hpp"

#include <fmt/format.h>

#include "agent/control/waking.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// The set of that reference, if it is the one that is meant.
template <typename T>
std::optional<PodScale> scale_in(const Typed<T>& sets, const std::string& ns, const model::OwnerReference& owner) {
  const auto found = sets.find({ns, owner.name});
  if (found == sets.end() || found->second->meta.uid != owner.uid) return std::nullopt;
  return PodScale{owner.uid, found->second->replicas};
}

model::ObjectKey budget_key(const Name& name) { return {Kind::PodDisruptionBudget, name.first, name.second}; }

bool has_scale(Kind kind) { return model::info(kind).has_scale; }

}  // namespace

Controller DisruptionController::row() {
  return {.name = "disruptionbudgets",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all =
              [this](const Waker& wake) {
                for (const auto& [name, budget] : cache_.disruption_budgets()) wake(budget_key(name));
              },
          .plan = [this](const Key& key) { return plan(key); }};
}

void DisruptionController::wakes(const store::Change& change, const Waker& wake) const {
  if (cache_.disruption_budgets().empty()) return;
  const auto& object = *change.object;
  if (object.kind == Kind::PodDisruptionBudget) {
    if (change.type != store::ChangeType::Deleted) wake_itself(change, wake);
  } else if (object.kind == Kind::Pod) {
    const auto wake_taking = [&](const model::ObjectMeta& pod) {
      wake_selecting(cache_.disruption_budgets(), Kind::PodDisruptionBudget, pod, wake);
    };
    wake_taking(object.meta);
    if (change.previous && change.previous->meta.labels != object.meta.labels) wake_taking(change.previous->meta);
  } else if (has_scale(object.kind) && asks_anew(change)) {
    each_in_namespace(cache_.disruption_budgets(), object.meta.ns,
                      [&](const Name& name, const auto&) { wake(budget_key(name)); });
  }
}

BudgetedPod DisruptionController::with_scale(PodPtr pod) const {
  BudgetedPod out{std::move(pod), std::nullopt, {}};
  const auto* owner = out.pod->meta.controller();
  if (owner == nullptr) return out;
  const auto& ns = out.pod->meta.ns;
  if (owner->kind == "ReplicaSet") {
    const auto found = cache_.replica_sets().find({ns, owner->name});
    const auto* above = found == cache_.replica_sets().end() ? nullptr : found->second->meta.controller();
    out.scale = above != nullptr && above->kind == "Deployment" ? scale_in(cache_.deployments(), ns, *above)
                                                                : scale_in(cache_.replica_sets(), ns, *owner);
  } else if (owner->kind == "StatefulSet") {
    out.scale = scale_in(cache_.stateful_sets(), ns, *owner);
  } else if (owner->kind == "ReplicationController") {
    out.scale = scale_in(cache_.replication_controllers(), ns, *owner);
  } else if (const auto* kind = model::kind_named(owner->kind)) {
    out.no_scale = fmt::format("{}{}{} does not implement the scale subresource", kind->plural,
                               kind->group.empty() ? "" : ".", kind->group);
    return out;
  }
  if (!out.scale) out.no_scale = fmt::format("found no controllers for pod \"{}\"", out.pod->meta.name);
  return out;
}

Work DisruptionController::plan(const Key& key) const {
  Work work;
  const auto found = cache_.disruption_budgets().find({key.ns, key.name});
  if (found == cache_.disruption_budgets().end()) return work;
  const auto& budget = *found->second;
  // What was computed by an older status would be refused; the newer one is on its way.
  const auto stored = store_.get(key);
  if (!stored || stored->meta.resource_version != budget.meta.resource_version) return work;
  std::vector<BudgetedPod> pods;
  if (budget.selector) {
    for (auto& pod : cache_.pods_taken(key.ns, *budget.selector)) pods.push_back(with_scale(std::move(pod)));
  }
  auto plan = plan_disruptions(budget, pods, clock_.wall());
  work.look_again = plan.look_again;
  const auto say = [&](std::string reason, std::string message) {
    work.events.push_back({key, budget.meta.uid, "Warning", std::move(reason), std::move(message)});
  };
  for (const auto& name : plan.not_deleted) {
    say("NotDeleted",
        fmt::format("Pod {} was expected by PDB {}/{} to be deleted but it wasn't", name, key.ns, key.name));
  }
  if (plan.status == budget.status) return work;
  if (!plan.failure.empty()) {
    say("CalculateExpectedPodCountFailed",
        fmt::format("Failed to calculate the number of expected pods: {}", plan.failure));
  }
  work.writes.push_back({.key = key,
                         .uid = budget.meta.uid,
                         .edit =
                             [status = model::encode_disruption_status(plan.status),
                              revision = std::to_string(budget.meta.resource_version)](json::object& raw) {
                               // Somebody took from it meanwhile.
                               if (find_string(raw.at("metadata"), {"resourceVersion"}) != revision)
                                 return Edit::Refuse;
                               raw["status"] = status;
                               return Edit::Done;
                             },
                         .durability = Durability::Lazy});
  return work;
}

}  // namespace berth::agent
