// store/object_table.cpp - see object_table.hpp.
#include "store/object_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <iterator>

#include "base/clock.hpp"

namespace berth::store {
namespace {

using model::Object;
using model::ObjectKey;
using model::ObjectPtr;

Error failure(ErrorCode code, std::string_view verb, const ObjectKey& key, std::string_view what) {
  return {code, fmt::format("{} {}: {}", verb, key.display(), what)};
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

}  // namespace

/// One watch. The mutex is held while its callback runs, so that a destroyed watch is silent; it is
/// recursive because a callback may destroy its own watch.
struct ObjectTable::Watcher {
  std::optional<model::Kind> kind;
  std::function<void(const Change&)> on_change;
  std::recursive_mutex mutex;
  bool wanted = true;

  void deliver(const Change& change) {
    if (kind && *kind != change.object->kind) return;
    const std::scoped_lock lock(mutex);
    if (wanted) on_change(change);
  }
};

class ObjectTable::WatchHandle final : public Watch {
 public:
  WatchHandle(std::shared_ptr<Watcher> watcher, std::weak_ptr<ObjectTable*> table)
      : watcher_(std::move(watcher)), table_(std::move(table)) {}
  WatchHandle(const WatchHandle&) = delete;
  WatchHandle& operator=(const WatchHandle&) = delete;
  ~WatchHandle() override {
    if (const auto table = table_.lock()) (*table)->forget(watcher_.get());
    const std::scoped_lock lock(watcher_->mutex);
    watcher_->wanted = false;
  }

 private:
  std::shared_ptr<Watcher> watcher_;
  std::weak_ptr<ObjectTable*> table_;
};

ObjectTable::ObjectTable(const StoreLimits& limits)
    : limits_(limits), self_(std::make_shared<ObjectTable*>(this)), lane_(make_thread_lane("store", 1)) {}

ObjectTable::~ObjectTable() {
  self_.reset();
  std::promise<void> drained;
  lane_->run([&drained] { drained.set_value(); });
  drained.get_future().wait();
}

void ObjectTable::load(std::vector<Object> objects, Revision revision) {
  const std::scoped_lock lock(mutex_);
  for (auto& object : objects) {
    auto& names = objects_[object.kind];
    auto name = std::pair(object.meta.ns, object.meta.name);
    names[std::move(name)] = std::make_shared<const Object>(std::move(object));
  }
  revision_ = revision;
  history_start_ = revision;
}

const ObjectPtr* ObjectTable::find(const ObjectKey& key) const {
  const auto names = objects_.find(key.kind);
  if (names == objects_.end()) return nullptr;
  const auto entry = names->second.find({key.ns, key.name});
  return entry == names->second.end() ? nullptr : &entry->second;
}

ObjectPtr ObjectTable::get(const ObjectKey& key) const {
  const std::scoped_lock lock(mutex_);
  const auto* found = find(key);
  return found == nullptr ? nullptr : *found;
}

Listing ObjectTable::list(model::Kind kind, std::string_view ns) const {
  const std::scoped_lock lock(mutex_);
  Listing listing;
  listing.revision = revision_;
  const auto names = objects_.find(kind);
  if (names == objects_.end()) return listing;
  auto entry = ns.empty() ? names->second.begin() : names->second.lower_bound({std::string(ns), ""});
  for (; entry != names->second.end() && (ns.empty() || entry->first.first == ns); ++entry) {
    listing.objects.push_back(entry->second);
  }
  return listing;
}

Revision ObjectTable::revision() const {
  const std::scoped_lock lock(mutex_);
  return revision_;
}

Result<std::string> ObjectTable::text_of(const Object& object) const {
  auto text = json::serialize(object.raw);
  if (text.size() > limits_.object_bytes) {
    return failure(ErrorCode::ResourceExhausted, "store", object.key(),
                   fmt::format("{} bytes, the limit is {}", text.size(), limits_.object_bytes));
  }
  return text;
}

Result<Applied> ObjectTable::create(Object object) {
  const auto key = object.key();
  if (key.name.empty()) return failure(ErrorCode::InvalidArgument, "create", key, "no name");
  auto uid = object.meta.uid.empty() ? model::new_uid() : object.meta.uid;
  auto created = format_rfc3339(SystemClock().wall());

  const std::scoped_lock lock(mutex_);
  if (find(key) != nullptr) return failure(ErrorCode::AlreadyExists, "create", key, "already exists");
  set_server_fields(object, std::move(uid), std::move(created), revision_ + 1, /*generation=*/1);
  auto text = text_of(object);
  if (!text) return std::move(text).error();
  return Applied{publish(ChangeType::Added, std::make_shared<const Object>(std::move(object)), nullptr),
                 *std::move(text)};
}

Result<Applied> ObjectTable::update(Object object, Revision expected) {
  const auto key = object.key();
  const std::scoped_lock lock(mutex_);
  const auto* found = find(key);
  if (found == nullptr) return failure(ErrorCode::NotFound, "update", key, "not found");
  const auto old = *found;
  if (expected != 0 && old->meta.resource_version != expected) {
    return failure(
        ErrorCode::Aborted, "update", key,
        fmt::format("changed meanwhile: resourceVersion is {}, expected {}", old->meta.resource_version, expected));
  }
  if (!object.meta.uid.empty() && object.meta.uid != old->meta.uid) {
    return failure(ErrorCode::Aborted, "update", key,
                   fmt::format("another object by now: uid is {}, expected {}", old->meta.uid, object.meta.uid));
  }
  set_server_fields(object, old->meta.uid, old->meta.creation_timestamp, old->meta.resource_version,
                    old->meta.generation);
  if (object.raw == old->raw) return Applied{{ChangeType::Modified, old, old, revision_}, {}, /*no_op=*/true};

  const bool same_wish = equal_except(object.raw, old->raw, {"metadata", "status"});
  set_server_fields(object, old->meta.uid, old->meta.creation_timestamp, revision_ + 1,
                    old->meta.generation + (same_wish ? 0 : 1));
  auto text = text_of(object);
  if (!text) return std::move(text).error();
  return Applied{publish(ChangeType::Modified, std::make_shared<const Object>(std::move(object)), old),
                 *std::move(text)};
}

Result<Applied> ObjectTable::remove(const ObjectKey& key, Revision expected) {
  const std::scoped_lock lock(mutex_);
  const auto* found = find(key);
  if (found == nullptr) return failure(ErrorCode::NotFound, "remove", key, "not found");
  const auto old = *found;
  if (expected != 0 && old->meta.resource_version != expected) {
    return failure(
        ErrorCode::Aborted, "remove", key,
        fmt::format("changed meanwhile: resourceVersion is {}, expected {}", old->meta.resource_version, expected));
  }
  auto last = *old;
  set_server_fields(last, old->meta.uid, old->meta.creation_timestamp, revision_ + 1, old->meta.generation);
  return Applied{publish(ChangeType::Deleted, std::make_shared<const Object>(std::move(last)), old), {}};
}

void ObjectTable::restore(const ObjectKey& key, const ObjectPtr& state) {
  const std::scoped_lock lock(mutex_);
  const auto* found = find(key);
  const auto now = found == nullptr ? nullptr : *found;
  if (now == state) return;
  auto object = state != nullptr ? *state : *now;
  set_server_fields(object, object.meta.uid, object.meta.creation_timestamp, revision_ + 1, object.meta.generation);
  const auto type = state == nullptr ? ChangeType::Deleted : now == nullptr ? ChangeType::Added : ChangeType::Modified;
  publish(type, std::make_shared<const Object>(std::move(object)), now);
}

Change ObjectTable::publish(ChangeType type, ObjectPtr object, ObjectPtr previous) {
  auto& names = objects_[object->kind];
  const std::pair name(object->meta.ns, object->meta.name);
  if (type == ChangeType::Deleted) {
    names.erase(name);
  } else {
    names[name] = object;
  }
  Change change{type, std::move(object), std::move(previous), ++revision_};
  last_change_[change.object->kind] = change.revision;
  history_.push_back(change);
  while (history_.size() > limits_.history) {
    history_start_ = history_.front().revision;
    history_.pop_front();
  }
  if (!watchers_->empty()) tell(change, watchers_);
  return change;
}

void ObjectTable::tell(const Change& change, std::shared_ptr<const Watchers> watchers) {
  lane_->run([change, watchers = std::move(watchers)] {
    for (const auto& watcher : *watchers) watcher->deliver(change);
  });
}

Result<std::unique_ptr<Watch>> ObjectTable::watch(std::optional<model::Kind> kind, Revision from,
                                                  std::function<void(const Change&)> on_change) {
  auto watcher = std::make_shared<Watcher>();
  watcher->kind = kind;
  watcher->on_change = std::move(on_change);

  const std::scoped_lock lock(mutex_);
  if (auto kept = can_resume(from); !kept) return std::move(kept).error();
  const auto alone = std::make_shared<const Watchers>(Watchers{watcher});
  for (auto change = first_after(from); change != history_.end(); ++change) {
    if (!kind || *kind == change->object->kind) tell(*change, alone);
  }
  auto all = std::make_shared<Watchers>(*watchers_);
  all->push_back(watcher);
  watchers_ = std::move(all);
  return std::unique_ptr<Watch>(std::make_unique<WatchHandle>(std::move(watcher), self_));
}

Status ObjectTable::can_resume(Revision from) const {
  if (from >= history_start_ && from <= revision_) return Ok{};
  return Error(ErrorCode::OutOfRange, fmt::format("watch from revision {}: only {} to {} are kept, list again", from,
                                                  history_start_, revision_));
}

std::deque<Change>::const_iterator ObjectTable::first_after(Revision from) const {
  return std::upper_bound(history_.begin(), history_.end(), from,
                          [](Revision revision, const Change& each) { return revision < each.revision; });
}

Result<History> ObjectTable::history(model::Kind kind, Revision from) const {
  const std::scoped_lock lock(mutex_);
  if (auto kept = can_resume(from); !kept) return std::move(kept).error();
  History history{{}, revision_};
  std::copy_if(first_after(from), history_.end(), std::back_inserter(history.changes),
               [kind](const Change& change) { return change.object->kind == kind; });
  return history;
}

Progress ObjectTable::progress(model::Kind kind) const {
  const std::scoped_lock lock(mutex_);
  const auto last = last_change_.find(kind);
  return {revision_, last == last_change_.end() ? 0 : last->second};
}

void ObjectTable::forget(const Watcher* watcher) {
  const std::scoped_lock lock(mutex_);
  auto all = std::make_shared<Watchers>(*watchers_);
  std::erase_if(*all, [watcher](const auto& each) { return each.get() == watcher; });
  watchers_ = std::move(all);
}

}  // namespace berth::store
