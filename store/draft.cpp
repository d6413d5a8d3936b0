// store/draft.cpp - see draft.hpp.
#include "store/draft.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"

namespace berth::store {
namespace {

using model::Object;
using model::ObjectKey;
using model::ObjectPtr;

Error failure(ErrorCode code, std::string_view verb, const ObjectKey& key, std::string_view what) {
  return {code, fmt::format("{} {}: {}", verb, key.display(), what)};
}

/// What a transaction does to the key of one of its conditions.
std::string_view verb_of(const Txn& txn, const Condition& condition) {
  const auto write =
      std::find_if(txn.writes.begin(), txn.writes.end(), [&](const Write& each) { return each.key == condition.key; });
  if (write == txn.writes.end()) return "look at";
  if (!write->object) return "remove";
  return condition.absent ? "create" : "update";
}

Status uid_matches(std::string_view verb, const ObjectKey& key, const std::string& expected, const Object& stored) {
  if (expected.empty() || expected == stored.meta.uid) return Ok{};
  return failure(ErrorCode::Aborted, verb, key,
                 fmt::format("another object by now: uid is {}, expected {}", stored.meta.uid, expected));
}

/// Writes what the store decides into the decoded metadata and into the JSON alike.
void set_server_fields(Object& object, std::string uid, std::string created, Revision revision,
                       std::int64_t generation) {
  object.meta.uid = std::move(uid);
  object.meta.creation_timestamp = std::move(created);
  object.meta.resource_version = revision;
  object.meta.generation = generation;
  auto& metadata = object.raw["metadata"];
  if (!metadata.is_object()) metadata = model::encode_meta(object.meta);
  auto& fields = metadata.get_object();
  fields["uid"] = object.meta.uid;
  fields["creationTimestamp"] = object.meta.creation_timestamp;
  fields["resourceVersion"] = std::to_string(revision);
  fields["generation"] = generation;
}

/// What is stored stays for long: JSON that was added to holds room for half as much again, a copy of it does not.
void give_back_room(Object& object) { object.raw = json::object(object.raw); }

/// Is all but `skipped` equal? An absent field and an empty one differ, as they do for a reader.
bool equal_except(const json::object& a, const json::object& b, std::initializer_list<std::string_view> skipped) {
  const auto counts = [&](const json::object::value_type& field) {
    return std::find(skipped.begin(), skipped.end(), std::string_view(field.key())) == skipped.end();
  };
  if (std::count_if(a.begin(), a.end(), counts) != std::count_if(b.begin(), b.end(), counts)) return false;
  return std::all_of(a.begin(), a.end(), [&](const auto& field) {
    if (!counts(field)) return true;
    const auto* other = b.if_contains(field.key());
    return other != nullptr && *other == field.value();
  });
}

Staged removed(const Object& old, ObjectPtr previous, Revision revision) {
  auto last = old;
  set_server_fields(last, old.meta.uid, old.meta.creation_timestamp, revision, old.meta.generation);
  return {{ChangeType::Deleted, std::make_shared<const Object>(std::move(last)), std::move(previous), revision}, {}};
}

}  // namespace

std::vector<ObjectPtr> publish(ObjectTable& table, const std::vector<Staged>& staged) {
  std::vector<Change> changes;
  std::vector<ObjectPtr> objects;
  for (const auto& each : staged) {
    objects.push_back(each.change.object);
    if (!each.no_op) changes.push_back(each.change);
  }
  table.publish(changes);
  return objects;
}

ObjectPtr Draft::find(const ObjectKey& key, const States& newer) const {
  if (const auto state = newer.find(key); state != newer.end()) return state->second;
  if (const auto state = states_.find(key); state != states_.end()) return state->second;
  return table_.get(key);
}

ObjectPtr Draft::get(const ObjectKey& key) const {
  if (rules_.reads != nullptr) rules_.reads->keys.insert(key);
  return find(key, newer_);
}

std::vector<ObjectPtr> Draft::list(model::Kind kind, std::string_view ns) const {
  if (rules_.reads != nullptr) rules_.reads->lists.emplace(kind, ns);
  auto all = table_.list(kind, ns).objects;
  const auto differs = [&](const ObjectPtr& object) {
    const auto key = object->key();
    return newer_.contains(key) || states_.contains(key);
  };
  std::erase_if(all, differs);
  const auto add = [&](const States& states, const States* newer) {
    for (auto it = states.lower_bound({kind, std::string(ns), ""}); it != states.end() && it->first.kind == kind;
         ++it) {
      if (!ns.empty() && it->first.ns != ns) break;
      if (it->second != nullptr && (newer == nullptr || !newer->contains(it->first))) all.push_back(it->second);
    }
  };
  add(states_, &newer_);
  add(newer_, nullptr);
  return all;
}

Status Draft::judge(const Txn& txn) const {
  for (const auto& condition : txn.conditions) {
    const auto verb = verb_of(txn, condition);
    const auto& key = condition.key;
    if (const auto row = rules_.unreadable.find(key); row != rules_.unreadable.end()) {
      return failure(ErrorCode::FailedPrecondition, verb, key,
                     "the store has a row of that name that this version cannot read, and keeps it: " + row->second);
    }
    const auto stored = find(key, {});
    if (condition.absent) {
      if (stored != nullptr) return failure(ErrorCode::AlreadyExists, verb, key, "already exists");
      continue;
    }
    if (stored == nullptr) return failure(ErrorCode::NotFound, verb, key, "not found");
    if (condition.revision != 0 && stored->meta.resource_version != condition.revision) {
      return failure(ErrorCode::Aborted, verb, key,
                     fmt::format("changed meanwhile: resourceVersion is {}, expected {}", stored->meta.resource_version,
                                 condition.revision));
    }
    if (auto same = uid_matches(verb, key, condition.uid, *stored); !same) return same;
  }
  return Ok{};
}

Result<std::string> Draft::text_of(const Object& object) const {
  auto text = json::serialize(object.raw);
  if (text.size() > rules_.limits.object_bytes) {
    return failure(ErrorCode::OutOfRange, "store", object.key(),
                   fmt::format("{} bytes, the limit is {}", text.size(), rules_.limits.object_bytes));
  }
  return text;
}

Result<Staged> Draft::put(Object object, ObjectPtr old, Revision revision) const {
  // A status quotes containers and servers, who write bytes. Stored as they are nobody could read the object again.
  if (make_utf8(object.raw)) {
    auto readable = model::make_object(std::move(object.raw));
    if (!readable) return failure(ErrorCode::InvalidArgument, "store", object.key(), readable.error().message());
    object = *std::move(readable);
  }
  if (rules_.limits.complete) {
    if (auto done = rules_.limits.complete(object, old.get(), *this); !done) return std::move(done).error();
  }
  auto type = ChangeType::Added;
  if (old == nullptr) {
    if (auto admitted = model::admit_new(object.kind, object.raw, *this); !admitted) return std::move(admitted).error();
    auto uid = object.meta.uid.empty() ? model::new_uid() : object.meta.uid;
    set_server_fields(object, std::move(uid), format_rfc3339(rules_.clock.wall()), revision, /*generation=*/1);
    model::complete_new(object.kind, object.raw);
  } else {
    type = ChangeType::Modified;
    if (auto same = uid_matches("update", object.key(), object.meta.uid, *old); !same) return std::move(same).error();
    set_server_fields(object, old->meta.uid, old->meta.creation_timestamp, old->meta.resource_version,
                      old->meta.generation);
    if (object.raw == old->raw) return Staged{{type, old, old, revision - 1}, {}, /*no_op=*/true};
    const bool same_wish = equal_except(object.raw, old->raw, {"metadata", "status"});
    const bool is_report = object.kind == model::Kind::Event;  // it wishes for nothing that somebody could observe
    if (!same_wish) {
      auto admitted = model::admit_change(object.kind, object.raw, old->raw, *this);
      if (!admitted) return std::move(admitted).error();
    }
    set_server_fields(object, old->meta.uid, old->meta.creation_timestamp, revision,
                      old->meta.generation + (same_wish || is_report ? 0 : 1));
  }
  auto text = text_of(object);
  if (!text) return std::move(text).error();
  give_back_room(object);
  return Staged{{type, std::make_shared<const Object>(std::move(object)), std::move(old), revision}, *std::move(text)};
}

Result<std::vector<Staged>> Draft::stage(Txn txn) {
  if (auto holds = judge(txn); !holds) return std::move(holds).error();
  std::vector<Staged> all;
  newer_.clear();
  auto revision = revision_;
  for (auto& write : txn.writes) {
    const auto& key = write.key;
    const std::string_view verb = write.object ? "write" : "remove";
    if (key.name.empty()) return failure(ErrorCode::InvalidArgument, verb, key, "no name");
    if (const auto row = rules_.unreadable.find(key); row != rules_.unreadable.end()) {
      return failure(ErrorCode::FailedPrecondition, verb, key,
                     "the store has a row of that name that this version cannot read, and keeps it: " + row->second);
    }
    auto old = find(key, newer_);
    if (write.object) {
      auto staged = put(*std::move(write.object), std::move(old), revision + 1);
      if (!staged) return std::move(staged).error();
      all.push_back(*std::move(staged));
    } else {
      if (old == nullptr) return failure(ErrorCode::NotFound, verb, key, "not found");
      all.push_back(removed(*old, old, revision + 1));
    }
    const auto& last = all.back();
    if (last.no_op) continue;
    revision = last.change.revision;
    newer_[key] = last.change.type == ChangeType::Deleted ? nullptr : last.change.object;
  }
  for (auto& [key, state] : newer_) states_[key] = std::move(state);
  newer_.clear();
  revision_ = revision;
  return all;
}

}  // namespace berth::store
