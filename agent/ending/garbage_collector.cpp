// agent/ending/garbage_collector.cpp - see garbage_collector.hpp.
#include "agent/ending/garbage_collector.hpp"

#include "agent/sources/manifest_applier.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// Come and go all the time, and own nothing.
bool is_of_no_interest(Kind kind) { return kind == Kind::Event || kind == Kind::Lease; }

constexpr std::size_t kMaxTold = 100;

}  // namespace

void GarbageCollector::on_change(const store::Change& change) {
  const auto& object = *change.object;
  if (is_of_no_interest(object.kind)) return;
  if (change.previous) drop(*change.previous);
  if (change.type == store::ChangeType::Deleted) {
    drop(object);
    if (const auto found = dependents_.find(object.meta.uid); found != dependents_.end()) {
      const auto left = found->second;  // A copy: what follows may change it.
      for (const auto& key : left) {
        if (const auto dependent = store_.get(key)) look_at_dependent(*dependent);
      }
    }
    look_at_owners_of(object);
    return;
  }
  add(object);
  if (const auto now = store_.get(object.key())) look_at(now);  // Perhaps newer: what was decided since is not again.
  // An owner that waits for its dependents has one less.
  if (change.previous && change.previous->meta.owner_references != object.meta.owner_references) {
    look_at_owners_of(*change.previous);
  }
}

void GarbageCollector::scan_all() {
  dependents_.clear();
  for (const auto& kind : model::all_kinds()) {
    if (is_of_no_interest(kind.kind)) continue;
    for (const auto& object : store_.list(kind.kind).objects) add(*object);
  }
  for (const auto& kind : model::all_kinds()) {
    if (is_of_no_interest(kind.kind)) continue;
    for (const auto& object : store_.list(kind.kind).objects) look_at(object);
  }
}

void GarbageCollector::add(const model::Object& object) {
  for (const auto& owner : object.meta.owner_references) dependents_[owner.uid].insert(object.key());
}

void GarbageCollector::drop(const model::Object& object) {
  for (const auto& owner : object.meta.owner_references) {
    const auto found = dependents_.find(owner.uid);
    if (found == dependents_.end()) continue;
    found->second.erase(object.key());
    if (found->second.empty()) dependents_.erase(found);
  }
}

void GarbageCollector::look_at(const model::ObjectPtr& object) {
  if (!object->meta.owner_references.empty()) look_at_dependent(*object);
  if (!object->meta.deleting()) return;
  if (object->meta.finalizers.empty()) {
    // Held by nothing, and no one else's to end: its last finalizer went in a write, or just before a crash.
    if (!model::deletes_gracefully(object->kind)) writer_.remove(object->key(), object->meta.uid, {});
    return;
  }
  look_at_owner(*object);
}

void GarbageCollector::look_at_dependent(const model::Object& object) {
  std::vector<OwnerState> owners;
  for (const auto& owner : object.meta.owner_references) {
    const auto key = owner_key(owner, object.kind, object.meta.ns);
    owners.push_back(key ? owner_state(owner, store_.get(*key).get()) : OwnerState::Unknown);
    if (!key && told_.size() < kMaxTold && told_.insert(owner.api_version + " " + owner.kind).second) {
      log(LogLevel::Info, "an owner of a kind that is not kept here: objects that it owns are left alone",
          {{"owner", owner.api_version + " " + owner.kind + " " + owner.name}, {"object", object.key().display()}});
    }
  }
  const auto plan = plan_dependent(object.meta, owners);
  if (plan.remove) {
    if (!is_left_alone(object)) remove(object);
    return;
  }
  if (plan.drop_owners.empty()) return;
  writer_.modify(object.key(), object.meta.uid, Durability::Durable,
                 [uids = plan.drop_owners](json::object& raw) {
                   auto changed = false;
                   for (const auto& uid : uids) changed = drop_owner(raw, uid) || changed;
                   return changed;
                 },
                 {});
}

void GarbageCollector::look_at_owner(const model::Object& object) {
  std::vector<model::ObjectPtr> dependents;
  if (const auto found = dependents_.find(object.meta.uid); found != dependents_.end()) {
    for (const auto& key : found->second) {
      if (auto dependent = store_.get(key)) dependents.push_back(std::move(dependent));
    }
  }
  const auto plan = plan_owner(object, dependents);
  for (const auto& dependent : plan.remove) look_at_dependent(*dependent);  // It may have other owners.
  for (const auto& dependent : plan.release) {
    writer_.modify(dependent->key(), dependent->meta.uid, Durability::Durable,
                   [uid = object.meta.uid](json::object& raw) { return drop_owner(raw, uid); }, {});
  }
  if (!plan.finalizer.empty()) writer_.drop_finalizer(object.key(), object.meta.uid, plan.finalizer, {});
}

void GarbageCollector::look_at_owners_of(const model::Object& object) {
  for (const auto& owner : object.meta.owner_references) {
    const auto key = owner_key(owner, object.kind, object.meta.ns);
    const auto found = key ? store_.get(*key) : nullptr;
    if (found && found->meta.uid == owner.uid && found->meta.deleting()) look_at_owner(*found);
  }
}

/// In the background, but a dependent that others depend on passes the owner's foreground on to them.
void GarbageCollector::remove(const model::Object& object) {
  auto waited_for = false;
  for (const auto& owner : object.meta.owner_references) {
    const auto key = owner_key(owner, object.kind, object.meta.ns);
    const auto found = key ? store_.get(*key) : nullptr;
    waited_for = waited_for || owner_state(owner, found.get()) == OwnerState::Waiting;
  }
  log(LogLevel::Info, "owners are gone, deleting", {{"object", object.key().display()}});
  if (!waited_for || !dependents_.contains(object.meta.uid) || model::deletes_gracefully(object.kind)) {
    writer_.delete_object(object.key(), object.meta.uid, {});
    return;
  }
  writer_.modify(
      object.key(), object.meta.uid, Durability::Durable,
      [](json::object& raw) { return model::add_finalizer(raw, model::kForegroundFinalizer); },
      [this, key = object.key(), uid = object.meta.uid](const Status& status) {
        if (status) writer_.delete_object(key, uid, {});
      });
}

/// What a file keeps would only be made again: the file decides.
bool GarbageCollector::is_left_alone(const model::Object& object) {
  if (!object.meta.annotations.contains(std::string(kSourceAnnotation)) || object.meta.controller() != nullptr) {
    return false;
  }
  if (told_.size() < kMaxTold && told_.insert(object.key().display()).second) {
    log(LogLevel::Warning, "owners are gone, but a manifest keeps the object: left alone",
        {{"object", object.key().display()}});
  }
  return true;
}

}  // namespace berth::agent
