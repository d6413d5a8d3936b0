// agent/ending/garbage_collector.cpp - see garbage_collector.hpp.
#include "agent/ending/garbage_collector.hpp"

#include <memory>
#include <utility>

#include "agent/sources/manifest_applier.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// Come and go all the time, and own nothing.
bool is_of_no_interest(Kind kind) { return kind == Kind::Event || kind == Kind::Lease; }

constexpr std::size_t kMaxTold = 100;

}  // namespace

Controller GarbageCollector::row() {
  return {.name = "garbage",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all = [this](const Waker& wake) { wake_due(wake); },
          .plan = [this](const model::ObjectKey& key) { return plan(key); }};
}

void GarbageCollector::see(const model::Object& object) {
  if (!is_of_no_interest(object.kind)) coming_.see(object);
}

std::function<void()> GarbageCollector::end_of_snapshot() {
  return [this, made = std::make_shared<OwnerIndex>(coming_.end())] { index_ = std::move(*made); };
}

void GarbageCollector::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  const auto* previous = change.previous.get();
  const auto deleted = change.type == store::ChangeType::Deleted;
  if (deleted) lose(object.meta.uid, wake);
  if (previous != nullptr && previous->meta.uid != object.meta.uid) lose(previous->meta.uid, wake);
  if (is_of_no_interest(object.kind)) return;
  if (deleted) {
    if (previous != nullptr) index_.drop(*previous);
    index_.drop(object);
    wake_owners_of(object, wake);
    return;
  }
  const auto same_owners = previous != nullptr && previous->meta.uid == object.meta.uid &&
                           previous->meta.owner_references == object.meta.owner_references;
  if (same_owners) {
    index_.note_deletion(object);
  } else {
    if (previous != nullptr) {
      index_.drop(*previous);
      wake_owners_of(*previous, wake);  // An owner that waits for its dependents has one less.
    }
    index_.add(object, [this](const model::ObjectKey& key, const std::string& uid) {
      const auto owner = store_.get(key);
      return owner && owner->meta.uid == uid;
    });
    if (!object.meta.owner_references.empty()) wake(object.key());
  }
  if (object.meta.deleting()) wake(object.key());
}

void GarbageCollector::lose(const std::string& uid, const Waker& wake) {
  index_.lose(uid);
  for (const auto& key : index_.dependents_of(uid)) wake(key);
}

/// Only those that are due: who plans a key that is not may change as often as hosts come and go.
void GarbageCollector::wake_due(const Waker& wake) const {
  for (const auto& key : index_.lost()) wake(key);
  for (const auto& key : index_.ending()) wake(key);
}

Work GarbageCollector::plan(const model::ObjectKey& key) {
  Work work;
  const auto object = store_.get(key);
  if (!object) return work;
  if (!object->meta.owner_references.empty()) look_at_dependent(*object, work);
  if (!object->meta.deleting()) return work;
  if (!object->meta.finalizers.empty()) {
    look_at_owner(*object, work);
  } else if (!model::deletes_gracefully(object->kind)) {
    // Held by nothing, and no one else's to end: its last finalizer went in a write, or just before a crash.
    work.writes.push_back({.verb = Write::Verb::Remove, .key = key, .uid = object->meta.uid});
  }
  return work;
}

void GarbageCollector::look_at_dependent(const model::Object& object, Work& work) {
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
    if (!is_left_alone(object)) remove(object, work);
    return;
  }
  if (plan.drop_owners.empty()) return index_.found_sound(object.key());
  work.writes.push_back(
      {.key = object.key(), .uid = object.meta.uid, .edit = [uids = plan.drop_owners](json::object& raw) {
         auto changed = false;
         for (const auto& uid : uids) changed = drop_owner(raw, uid) || changed;
         return changed ? Edit::Done : Edit::Leave;
       }});
}

void GarbageCollector::look_at_owner(const model::Object& object, Work& work) {
  std::vector<model::ObjectPtr> dependents;
  for (const auto& key : index_.dependents_of(object.meta.uid)) {
    if (auto dependent = store_.get(key)) dependents.push_back(std::move(dependent));
  }
  const auto plan = plan_owner(object, dependents);
  for (const auto& dependent : plan.remove) look_at_dependent(*dependent, work);  // It may have other owners.
  for (const auto& dependent : plan.release) {
    work.writes.push_back(
        {.key = dependent->key(), .uid = dependent->meta.uid, .edit = [uid = object.meta.uid](json::object& raw) {
           return drop_owner(raw, uid) ? Edit::Done : Edit::Leave;
         }});
  }
  if (plan.finalizer.empty()) return;
  work.writes.push_back({.verb = Write::Verb::DropFinalizer,
                         .key = object.key(),
                         .uid = object.meta.uid,
                         .finalizer = std::string(plan.finalizer)});
}

void GarbageCollector::wake_owners_of(const model::Object& object, const Waker& wake) const {
  for (const auto& owner : object.meta.owner_references) {
    const auto key = owner_key(owner, object.kind, object.meta.ns);
    const auto found = key ? store_.get(*key) : nullptr;
    if (found && found->meta.uid == owner.uid && found->meta.deleting()) wake(*key);
  }
}

/// In the background, but a dependent that others depend on passes the owner's foreground on to them.
void GarbageCollector::remove(const model::Object& object, Work& work) const {
  auto waited_for = false;
  for (const auto& owner : object.meta.owner_references) {
    const auto key = owner_key(owner, object.kind, object.meta.ns);
    const auto found = key ? store_.get(*key) : nullptr;
    waited_for = waited_for || owner_state(owner, found.get()) == OwnerState::Waiting;
  }
  log(LogLevel::Info, "owners are gone, deleting", {{"object", object.key().display()}});
  const auto passes_on =
      waited_for && !index_.dependents_of(object.meta.uid).empty() && !model::deletes_gracefully(object.kind);
  if (passes_on) {
    work.writes.push_back({.key = object.key(), .uid = object.meta.uid, .edit = [](json::object& raw) {
                             return model::add_finalizer(raw, model::kForegroundFinalizer) ? Edit::Done : Edit::Leave;
                           }});
  }
  work.writes.push_back({.verb = Write::Verb::Delete, .key = object.key(), .uid = object.meta.uid, .after = passes_on});
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
