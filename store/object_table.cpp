// store/object_table.cpp - see object_table.hpp.
#include "store/object_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <iterator>

#include "store/scope.hpp"

namespace berth::store {

using model::Object;
using model::ObjectKey;
using model::ObjectPtr;

/// One watch. The mutex is held while its callbacks run, so that a destroyed watch is silent; it is
/// recursive because a callback may destroy its own watch.
struct ObjectTable::Watcher {
  Scope scope;
  Follower follower;
  std::recursive_mutex mutex;
  bool wanted = true;

  void deliver(const Change& change) {
    const auto seen = scoped(scope, change);
    if (!seen) return;
    const std::scoped_lock lock(mutex);
    if (wanted) follower.on_change(*seen);
  }
  void deliver(const Listing& listing) {
    const std::scoped_lock lock(mutex);
    if (wanted && follower.on_snapshot) follower.on_snapshot(listing);
  }
  void lose() {
    const std::scoped_lock lock(mutex);
    if (wanted && follower.on_lost) follower.on_lost();
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

ObjectTable::ObjectTable(const StoreLimits& limits, std::unique_ptr<Lane> lane)
    : limits_(limits), self_(std::make_shared<ObjectTable*>(this)), lane_(std::move(lane)) {}

ObjectTable::~ObjectTable() {
  self_.reset();
  // The last job owns the promise: a lane that drops what is queued breaks it, and that ends the wait as well.
  auto drained = std::make_shared<std::promise<void>>();
  const auto end = drained->get_future();
  lane_->run([promise = std::move(drained)] { promise->set_value(); });
  end.wait();
}

void ObjectTable::load(std::vector<Object> objects, Revision revision) {
  const std::scoped_lock lock(mutex_);
  for (auto& object : objects) {
    auto& names = objects_[object.kind];
    auto name = std::pair(object.meta.ns, object.meta.name);
    names[std::move(name)] = std::make_shared<const Object>(std::move(object));
  }
  revision_ = revision;
  loaded_ = revision;
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

void ObjectTable::publish(const std::vector<Change>& changes) {
  if (changes.empty()) return;
  const std::scoped_lock lock(mutex_);
  for (const auto& change : changes) {
    auto& names = objects_[change.object->kind];
    std::pair name(change.object->meta.ns, change.object->meta.name);
    if (change.type == ChangeType::Deleted) {
      names.erase(name);
    } else {
      names[std::move(name)] = change.object;
    }
    revision_ = change.revision;
    auto& history = history_[change.object->kind];
    history.last = change.revision;
    history.changes.push_back(change);
    while (history.changes.size() > limits_.history) {
      history.start = history.changes.front().revision;
      history.changes.pop_front();
    }
  }
  if (watchers_->empty()) return;
  lane_->run([changes, watchers = watchers_] {
    for (const auto& change : changes) {
      for (const auto& watcher : *watchers) watcher->deliver(change);
    }
  });
}

std::unique_ptr<Watch> ObjectTable::add(std::shared_ptr<Watcher> watcher) {
  auto all = std::make_shared<Watchers>(*watchers_);
  all->push_back(watcher);
  watchers_ = std::move(all);
  return std::make_unique<WatchHandle>(std::move(watcher), self_);
}

Listing ObjectTable::snapshot(const Scope& scope) const {
  Listing listing;
  listing.revision = revision_;
  for (const auto& [kind, names] : objects_) {
    if (scope.kind && *scope.kind != kind) continue;
    for (const auto& [name, object] : names) {
      if (in_scope(scope, *object)) listing.objects.push_back(object);
    }
  }
  return listing;
}

std::unique_ptr<Watch> ObjectTable::follow(Scope scope, Follower follower) {
  auto watcher = std::make_shared<Watcher>();
  watcher->scope = std::move(scope);
  watcher->follower = std::move(follower);

  const std::scoped_lock lock(mutex_);
  lane_->run([watcher, listing = snapshot(watcher->scope)] { watcher->deliver(listing); });
  return add(std::move(watcher));
}

Result<std::unique_ptr<Watch>> ObjectTable::watch(std::optional<model::Kind> kind, Revision from,
                                                  std::function<void(const Change&)> on_change) {
  auto watcher = std::make_shared<Watcher>();
  watcher->scope.kind = kind;
  watcher->follower.on_change = std::move(on_change);

  const std::scoped_lock lock(mutex_);
  if (auto kept = can_resume(kind, from); !kept) return std::move(kept).error();
  lane_->run([watcher, missed = changes_after(kind, from)] {
    for (const auto& change : missed) watcher->deliver(change);
  });
  return add(std::move(watcher));
}

Status ObjectTable::can_resume(std::optional<model::Kind> kind, Revision from) const {
  auto start = loaded_;
  for (const auto& [each, history] : history_) {
    if (!kind || *kind == each) start = std::max(start, history.start);
  }
  if (from >= start && from <= revision_) return Ok{};
  return Error(ErrorCode::OutOfRange,
               fmt::format("watch from revision {}: only {} to {} are kept, list again", from, start, revision_));
}

std::vector<Change> ObjectTable::changes_after(std::optional<model::Kind> kind, Revision from) const {
  std::vector<Change> after;
  for (const auto& [each, history] : history_) {
    if (kind && *kind != each) continue;
    const auto first =
        std::upper_bound(history.changes.begin(), history.changes.end(), from,
                         [](Revision revision, const Change& change) { return revision < change.revision; });
    after.insert(after.end(), first, history.changes.end());
  }
  if (!kind) {
    std::sort(after.begin(), after.end(), [](const auto& a, const auto& b) { return a.revision < b.revision; });
  }
  return after;
}

Result<History> ObjectTable::history(model::Kind kind, Revision from) const {
  const std::scoped_lock lock(mutex_);
  if (auto kept = can_resume(kind, from); !kept) return std::move(kept).error();
  return History{changes_after(kind, from), revision_};
}

Progress ObjectTable::progress(model::Kind kind) const {
  const std::scoped_lock lock(mutex_);
  const auto history = history_.find(kind);
  return {revision_, history == history_.end() ? 0 : history->second.last};
}

void ObjectTable::lose() {
  const std::scoped_lock lock(mutex_);
  lane_->run([watchers = watchers_] {
    for (const auto& watcher : *watchers) watcher->lose();
  });
}

void ObjectTable::retell() {
  const std::scoped_lock lock(mutex_);
  for (const auto& watcher : *watchers_) {
    if (!watcher->follower.on_snapshot) continue;
    lane_->run([watcher, listing = snapshot(watcher->scope)] { watcher->deliver(listing); });
  }
}

std::vector<Change> ObjectTable::difference(const std::map<model::Kind, Names>& next, Revision revision) const {
  std::vector<Change> changes;
  const auto in = [](const std::map<model::Kind, Names>& all, const Object& object) -> ObjectPtr {
    const auto names = all.find(object.kind);
    if (names == all.end()) return nullptr;
    const auto found = names->second.find({object.meta.ns, object.meta.name});
    return found == names->second.end() ? nullptr : found->second;
  };
  for (const auto& [kind, names] : objects_) {
    for (const auto& [name, old] : names) {
      if (in(next, *old) == nullptr) changes.push_back({ChangeType::Deleted, old, old, revision});
    }
  }
  for (const auto& [kind, names] : next) {
    for (const auto& [name, object] : names) {
      const auto old = in(objects_, *object);
      if (old != nullptr && old->meta.resource_version == object->meta.resource_version) continue;
      changes.push_back({old == nullptr ? ChangeType::Added : ChangeType::Modified, object, old, revision});
    }
  }
  return changes;
}

void ObjectTable::replace(const Listing& all) {
  std::map<model::Kind, Names> next;
  for (const auto& object : all.objects) next[object->kind][{object->meta.ns, object->meta.name}] = object;

  const std::scoped_lock lock(mutex_);
  const auto changes = difference(next, all.revision);
  objects_ = std::move(next);
  revision_ = all.revision;
  loaded_ = all.revision;
  history_.clear();
  for (const auto& change : changes) history_[change.object->kind].last = all.revision;
  for (const auto& watcher : *watchers_) {
    if (watcher->follower.on_snapshot) {
      lane_->run([watcher, listing = snapshot(watcher->scope)] { watcher->deliver(listing); });
    } else {
      lane_->run([watcher, changes] {
        for (const auto& change : changes) watcher->deliver(change);
      });
    }
  }
}

void ObjectTable::forget(const Watcher* watcher) {
  const std::scoped_lock lock(mutex_);
  auto all = std::make_shared<Watchers>(*watchers_);
  std::erase_if(*all, [watcher](const auto& each) { return each.get() == watcher; });
  watchers_ = std::move(all);
}

}  // namespace berth::store
