// agent/sets/replica_controller.cpp - see replica_controller.hpp.
#include "agent/sets/replica_controller.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/control/waking.hpp"
#include "agent/ending/ownership.hpp"
#include "agent/objects/change_facts.hpp"
#include "agent/sets/set_plan.hpp"
#include "agent/sets/status_numbers.hpp"
#include "model/generated_name.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// The condition ReplicaFailure: there while pods that are to be made are refused, and why. False: it says so already.
bool put_failure(json::object& raw, const std::string& why, const std::string& now) {
  auto& status = model::object_in(raw, "status");
  auto* found = status.if_contains("conditions");
  auto conditions = found != nullptr && found->is_array() ? found->get_array() : json::array();
  auto* known = std::find_if(conditions.begin(), conditions.end(),
                             [](const json::value& each) { return find_string(each, {"type"}) == "ReplicaFailure"; });
  if (why.empty()) {
    if (known == conditions.end()) return false;
    conditions.erase(known);
    if (conditions.empty()) return model::erase(status, "conditions"), true;
  } else {
    if (known != conditions.end() && find_string(*known, {"message"}) == why) return false;
    const auto since = known == conditions.end() ? now : std::string(find_string(*known, {"lastTransitionTime"}, now));
    if (known != conditions.end()) conditions.erase(known);
    conditions.push_back(json::object{{"type", "ReplicaFailure"},
                                      {"status", "True"},
                                      {"lastTransitionTime", since},
                                      {"reason", "FailedCreate"},
                                      {"message", why}});
  }
  status["conditions"] = std::move(conditions);
  return true;
}

bool is_ours(Kind kind) { return kind == Kind::ReplicaSet || kind == Kind::ReplicationController; }

}  // namespace

ReplicaController::ReplicaController(const Clock& clock, const ObjectCache& cache, const store::Store& store,
                                     bool shared)
    : clock_(clock), cache_(cache), store_(store), making_(shared) {}

Controller ReplicaController::row() {
  return {.name = "replicas",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all =
              [this](const Waker& wake) {
                std::erase_if(names_, [this](const auto& each) { return find_set(each.first) == nullptr; });
                std::erase_if(failures_, [this](const auto& each) { return find_set(each.first) == nullptr; });
                wake_all(wake);
              },
          .plan = [this](const Key& key) { return plan(key); },
          .refused =
              [this](const Key& key, const Write& write, const Error& error) {
                if (write.verb == Write::Verb::Create) failures_[key] = error.message();
                making_.refused(key, write);
              }};
}

void ReplicaController::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  const auto deleted = change.type == store::ChangeType::Deleted;
  if (is_ours(object.kind)) {
    if (deleted) {
      names_.erase(object.key());
      failures_.erase(object.key());
    } else {
      wake_itself(change, wake);
    }
  } else if (object.kind == Kind::Pod) {
    wake_owners(change, [&](const model::Object& pod) { wake_owner(pod, wake); });
    if (!deleted && object.meta.controller() == nullptr) {
      wake_selecting(cache_.replica_sets(), Kind::ReplicaSet, object.meta, wake);
      wake_selecting(cache_.replication_controllers(), Kind::ReplicationController, object.meta, wake);
    }
  }
}

void ReplicaController::wake_all(const Waker& wake) const {
  for (const auto& [name, set] : cache_.replica_sets()) wake({Kind::ReplicaSet, name.first, name.second});
  for (const auto& [name, set] : cache_.replication_controllers()) {
    wake({Kind::ReplicationController, name.first, name.second});
  }
}

void ReplicaController::wake_owner(const model::Object& pod, const Waker& wake) {
  const auto* owner = pod.meta.controller();
  const auto* kind = owner == nullptr ? nullptr : model::kind_named(owner->kind);
  if (kind == nullptr || !is_ours(kind->kind)) return;
  const Key key{kind->kind, pod.meta.ns, owner->name};
  if (const auto names = names_.find(key); names != names_.end()) names->second.seen(pod.meta.name);
  wake(key);
}

ReplicaController::SetPtr ReplicaController::find_set(const Key& key) const {
  const auto& sets = key.kind == Kind::ReplicaSet ? cache_.replica_sets() : cache_.replication_controllers();
  const auto found = sets.find({key.ns, key.name});
  return found == sets.end() ? nullptr : found->second;
}

Work ReplicaController::plan(const Key& key) {
  Work work;
  const auto set = find_set(key);
  if (set == nullptr) return work;
  ReplicaFacts facts;
  facts.now = clock_.wall();
  for (const auto& name : cache_.pods_of_owner(set->meta.uid)) facts.pods.push_back(cache_.pod(name));
  facts.free = cache_.free_pods(key.ns, set->selector);
  const auto plan = plan_replica_set(*set, facts);
  work.look_again = plan.look_again;
  const auto pod_key = [&](const PodPtr& pod) { return Key{Kind::Pod, key.ns, pod->meta.name}; };
  for (const auto& pod : plan.adopt) {
    work.writes.push_back(adopt(pod_key(pod), pod->meta, set->meta, model::info(key.kind).name));
  }
  if (plan.create == 0) failures_.erase(key);
  for (const auto& pod : plan.release) work.writes.push_back(release(pod_key(pod), pod->meta.uid, set->meta.uid));
  write_status(key, *set, plan, work);
  for (const auto& pod : plan.remove) {
    const auto event = [&](std::string_view type, std::string reason, std::string message) {
      return EventText{key, set->meta.uid, type, std::move(reason), std::move(message)};
    };
    work.writes.push_back({.verb = Write::Verb::MarkDeleted,
                           .key = pod_key(pod),
                           .uid = pod->meta.uid,
                           .said = event("Normal", "SuccessfulDelete", "Deleted pod: " + pod->meta.name),
                           .refused = event("Warning", "FailedDelete", "Error deleting")});
  }
  ask_for_pods(key, *set, plan.create, work);
  making_.gather(key, set->meta, work);
  return work;
}

std::vector<std::string> ReplicaController::names_for(const Key& key, const model::ReplicaSet& set,
                                                      std::int32_t count) {
  if (!making_.shared()) {
    return names_[key].draw(key.name, static_cast<std::size_t>(count), [&](const std::string& name) {
      return cache_.pod({key.ns, name}) != nullptr;
    });
  }
  std::vector<std::string> names;
  for (auto number = pods_made(set.meta); names.size() < static_cast<std::size_t>(count); ++number) {
    names.push_back(model::suffixed_name(key.name + "-", letters_of(set.meta.uid, number)));
  }
  return names;
}

void ReplicaController::ask_for_pods(const Key& key, const model::ReplicaSet& set, std::int32_t count, Work& work) {
  if (count == 0) return;
  const auto names = names_for(key, set, count);
  // Each batch waits for the one before, and is not asked for when that failed.
  std::size_t batch = 1;
  std::size_t left = batch;
  for (const auto& name : names) {
    const auto begins = left == 0;
    if (begins) left = batch *= 2;
    --left;
    auto pod = make_pod_object(set.pod_template.raw, set.meta, model::info(key.kind).name, {});
    auto& meta = pod["metadata"].get_object();
    meta["generateName"] = key.name + "-";
    meta["name"] = name;
    work.writes.push_back({.verb = Write::Verb::Create,
                           .key = {Kind::Pod, key.ns, name},
                           .object = std::move(pod),
                           .may_exist = true,  // Asked for before; the answer was lost.
                           .after = begins,
                           .said = EventText{key, set.meta.uid, "Normal", "SuccessfulCreate", "Created pod: " + name},
                           .refused = EventText{key, set.meta.uid, "Warning", "FailedCreate", "Error creating"}});
  }
}

void ReplicaController::write_status(const Key& key, const model::ReplicaSet& set, const ReplicaPlan& plan,
                                     Work& work) const {
  const auto stored = store_.get(key);
  if (!stored || stored->meta.uid != set.meta.uid) return;
  const StatusNumbers numbers{{"replicas", plan.replicas},
                              {"fullyLabeledReplicas", plan.fully_labeled},
                              {"readyReplicas", plan.ready},
                              {"availableReplicas", plan.available},
                              {"observedGeneration", set.meta.generation}};
  const auto known = failures_.find(key);
  const auto edit = [numbers, why = known == failures_.end() ? std::string() : known->second,
                     now = format_rfc3339(clock_.wall())](json::object& raw) {
    const auto changed = put_numbers(raw, numbers);
    return put_failure(raw, why, now) || changed ? Edit::Done : Edit::Leave;
  };
  json::object now;
  if (const auto* status = stored->raw.if_contains("status")) now["status"] = *status;
  if (edit(now) == Edit::Leave) return;
  work.writes.push_back({.key = key, .uid = set.meta.uid, .edit = edit, .durability = Durability::Lazy});
}

}  // namespace berth::agent
