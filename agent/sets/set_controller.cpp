// agent/sets/set_controller.cpp - see set_controller.hpp.
#include "agent/sets/set_controller.hpp"

#include "agent/ending/garbage_plan.hpp"
#include "agent/sets/daemon_set_plan.hpp"
#include "agent/sets/stateful_set_plan.hpp"
#include "base/log.hpp"

namespace berth::agent {

using model::Kind;

/// What is under way for one set.
struct SetController::SetState {
  std::size_t writes = 0;  ///< Not answered yet.
  bool failed = false;     ///< One of them failed: wait before planning again.
  unsigned failures = 0;
  std::unique_ptr<LoopHandle> timer;
};

SetController::SetController(Loop& loop, const Clock& clock, const ObjectCache& cache, StoreWriter& writer,
                             EventSink events, std::string node_name)
    : loop_(loop),
      clock_(clock),
      cache_(cache),
      writer_(writer),
      events_(std::move(events)),
      node_name_(std::move(node_name)) {}

SetController::~SetController() { *alive_ = false; }

void SetController::on_change(const store::Change& change) {
  const auto& object = *change.object;
  switch (object.kind) {
    case Kind::StatefulSet:
    case Kind::DaemonSet:
      if (change.type == store::ChangeType::Deleted) {
        states_.erase(object.key());
        dirty_.erase(object.key());
      } else {
        mark(object.key());
      }
      return;
    case Kind::Pod:
    case Kind::ControllerRevision:
      if (const auto* owner = object.meta.controller()) {
        const auto* kind = model::find_kind(owner->kind);
        if (kind == nullptr) return;
        mark({kind->kind, object.meta.ns, owner->name});
      }
      return;
    case Kind::PersistentVolumeClaim:
      for (const auto& [name, set] : cache_.stateful_sets()) {
        if (name.first == object.meta.ns && !set->claim_templates.empty())
          mark({Kind::StatefulSet, name.first, name.second});
      }
      return;
    case Kind::Node:
      for (const auto& [name, set] : cache_.stateful_sets()) mark({Kind::StatefulSet, name.first, name.second});
      for (const auto& [name, set] : cache_.daemon_sets()) mark({Kind::DaemonSet, name.first, name.second});
      return;
    case Kind::Namespace:
    case Kind::StorageClass:
    case Kind::PersistentVolume:
    case Kind::ConfigMap:
    case Kind::Secret:
    case Kind::ServiceAccount:
    case Kind::Service:
    case Kind::Endpoints:
    case Kind::EndpointSlice:
    case Kind::Lease:
    case Kind::Event: return;
  }
}

void SetController::plan_all() {
  for (const auto& [name, set] : cache_.stateful_sets()) mark({Kind::StatefulSet, name.first, name.second});
  for (const auto& [name, set] : cache_.daemon_sets()) mark({Kind::DaemonSet, name.first, name.second});
}

void SetController::mark(const SetKey& key) {
  dirty_.insert(key);
  if (run_posted_) return;
  run_posted_ = true;
  loop_.post([this, alive = alive_] {
    if (*alive) run();
  });
}

void SetController::run() {
  run_posted_ = false;
  for (auto it = dirty_.begin(); it != dirty_.end();) {
    const auto state = states_.find(*it);
    if (state != states_.end() && (state->second->writes > 0 || state->second->failed)) {
      ++it;  // Stays dirty; the answer to its writes marks it again.
      continue;
    }
    const auto key = *it;
    it = dirty_.erase(it);
    plan(key);
  }
}

const model::ObjectMeta* SetController::meta_of(const SetKey& key) const {
  if (key.kind == Kind::StatefulSet) {
    const auto found = cache_.stateful_sets().find({key.ns, key.name});
    return found == cache_.stateful_sets().end() ? nullptr : &found->second->meta;
  }
  if (key.kind == Kind::DaemonSet) {
    const auto found = cache_.daemon_sets().find({key.ns, key.name});
    return found == cache_.daemon_sets().end() ? nullptr : &found->second->meta;
  }
  return nullptr;
}

SetFacts SetController::facts_for(const std::string& uid, const std::string& ns) const {
  SetFacts facts;
  facts.node_name = node_name_;
  facts.now = clock_.wall();
  for (auto it = cache_.pods().lower_bound({ns, ""}); it != cache_.pods().end() && it->first.first == ns; ++it) {
    const auto* owner = it->second->meta.controller();
    if (owner != nullptr && owner->uid == uid) facts.pods.push_back(it->second);
  }
  for (auto it = cache_.revisions().lower_bound({ns, ""}); it != cache_.revisions().end() && it->first.first == ns;
       ++it) {
    if (it->second.first == uid) facts.revisions.push_back(it->second.second);
  }
  for (auto it = cache_.claims().lower_bound({ns, ""}); it != cache_.claims().end() && it->first.first == ns; ++it) {
    facts.claims.insert(it->first.second);
  }
  const auto node = cache_.nodes().find({"", node_name_});
  if (node != cache_.nodes().end()) facts.node = node->second.get();
  return facts;
}

std::vector<model::ObjectKey> SetController::pods_to_adopt(const SetKey& key) const {
  const auto stateful = key.kind == Kind::StatefulSet;
  const auto& selector = stateful ? cache_.stateful_sets().at({key.ns, key.name})->selector
                                  : cache_.daemon_sets().at({key.ns, key.name})->selector;
  std::vector<model::ObjectKey> found;
  for (auto it = cache_.pods().lower_bound({key.ns, ""}); it != cache_.pods().end() && it->first.first == key.ns;
       ++it) {
    if (!is_adoptable(*it->second, selector)) continue;
    if (stateful && !ordinal_of(key.name, it->first.second)) continue;
    found.push_back({Kind::Pod, key.ns, it->first.second});
  }
  return found;
}

void SetController::plan(const SetKey& key) {
  const auto* meta = meta_of(key);
  if (meta == nullptr) return;
  const auto uid = meta->uid;
  if (const auto left = pods_to_adopt(key); !left.empty() && !meta->deleting()) {
    SetPlan plan;
    plan.adopt_pods = left;
    return carry_out(key, uid, plan);
  }
  const auto facts = facts_for(uid, key.ns);
  if (key.kind == Kind::StatefulSet) {
    const auto set = cache_.stateful_sets().at({key.ns, key.name});
    carry_out(key, uid, plan_stateful_set(*set, set->current_revision, facts));
  } else {
    carry_out(key, uid, plan_daemon_set(*cache_.daemon_sets().at({key.ns, key.name}), facts));
  }
}

void SetController::carry_out(const SetKey& key, const std::string& uid, const SetPlan& plan) {
  auto& state = states_[key];
  if (!state) state = std::make_shared<SetState>();
  // A late answer of a set that was deleted and made again must not be counted for the new one.
  const auto answered = [this, key, weak = std::weak_ptr<SetState>(state)](ErrorCode tolerated) {
    return [this, key, weak, tolerated](const Status& status) {
      const auto set = weak.lock();
      if (!set) return;
      --set->writes;
      if (!status && status.error().code() != tolerated) {
        log(LogLevel::Warning, "set write failed", {{"set", key.display()}, {"error", status.error().message()}});
        set->failed = true;
      }
      if (set->writes > 0) return;
      if (!set->failed) {
        set->failures = 0;
        mark(key);
        return;
      }
      ++set->failures;
      const auto delay = std::chrono::milliseconds(std::min(30'000U, 100U << std::min(set->failures, 8U)));
      set->timer = loop_.after(delay, [this, key, weak] {
        if (const auto again = weak.lock()) again->failed = false;
        mark(key);
      });
    };
  };

  for (const auto& pod : plan.adopt_pods) {
    ++state->writes;
    writer_.modify(
        pod, {}, Durability::Durable,
        [owner = make_owner_reference(*meta_of(key), model::info(key.kind).name)](json::object& raw) {
          auto& owners = raw["metadata"].get_object()["ownerReferences"];
          if (!owners.is_array()) owners.emplace_array();
          owners.get_array().push_back(owner);
          return true;
        },
        answered(ErrorCode::NotFound));
  }
  if (!plan.adopt_pods.empty()) return;
  for (const auto& raw : plan.create) {
    ++state->writes;
    const auto name = std::string(find_string(json::value(raw), {"metadata", "name"}));
    const auto kind = std::string(find_string(json::value(raw), {"kind"}));
    // A pod of that name that is not ours is a conflict, to be tried again with patience; a claim is adopted.
    const auto tolerated = kind == "Pod" ? ErrorCode::Cancelled : ErrorCode::AlreadyExists;
    writer_.create(
        raw, Durability::Durable, [this, key, uid, kind, name, answer = answered(tolerated)](const Status& status) {
          if (status && kind != "ControllerRevision") {
            events_(key, uid, "Normal", "SuccessfulCreate",
                    "create " + kind + (name.empty() ? "" : " " + name) + " in " + key.display() + " successful");
          } else if (!status && kind == "Pod") {
            events_(key, uid, "Warning", "FailedCreate", "create Pod " + name + " failed: " + status.error().message());
          }
          answer(status);
        });
  }
  for (const auto& pod : plan.delete_pods) {
    ++state->writes;
    events_(key, uid, "Normal", "SuccessfulDelete", "delete Pod " + pod.name + " in " + key.display());
    writer_.mark_deleted(pod, {}, std::nullopt, answered(ErrorCode::NotFound));
  }
  if (plan.renumber) {
    ++state->writes;
    writer_.modify(
        {Kind::ControllerRevision, key.ns, plan.renumber->name}, {}, Durability::Durable,
        [number = plan.renumber->number](json::object& raw) {
          raw["revision"] = number;
          return true;
        },
        answered(ErrorCode::NotFound));
  }
  for (const auto& surplus : plan.remove) {
    const auto claim = cache_.claims().find({surplus.ns, surplus.name});
    if (surplus.kind == Kind::PersistentVolumeClaim && claim != cache_.claims().end() &&
        claim->second->meta.deleting()) {
      continue;  // Asked before; it waits for its finalizers.
    }
    ++state->writes;
    writer_.delete_object(surplus, {}, answered(ErrorCode::NotFound));
  }
  for (const auto& pod : plan.release_pods) {
    ++state->writes;
    writer_.modify(
        pod, {}, Durability::Durable, [uid](json::object& raw) { return drop_owner(raw, uid); },
        answered(ErrorCode::NotFound));
  }
  const auto* meta = meta_of(key);
  if (plan.forget && meta != nullptr && meta->finalizers.empty()) {  // Else their end marks it again.
    ++state->writes;
    writer_.remove(key, uid, answered(ErrorCode::NotFound));
    return;
  }
  // Status: only when it changed, so that a plan that changes nothing ends the round.
  writer_.modify(key, uid, Durability::Lazy,
                 [status = plan.status](json::object& raw) {
                   const auto* old = raw.if_contains("status");
                   if (old != nullptr && *old == json::value(status)) return false;
                   raw["status"] = status;
                   return true;
                 },
                 {});
  state->timer.reset();
  if (plan.look_again) {
    state->timer = loop_.after(*plan.look_again, [this, key] { mark(key); });
  }
}

}  // namespace berth::agent
