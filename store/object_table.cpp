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
  void deliver(const ObjectPtr& object) {
    const std::scoped_lock lock(mutex);
    if (wanted) follower.on_object(object);
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

ObjectTable::ObjectTable(const StoreLimits& limits, std::unique_ptr<Lane> lane, Held held)
    : limits_(limits), held_(held), self_(std::make_shared<ObjectTable*>(this)), lane_(std::move(lane)) {}

ObjectTable::~ObjectTable() {
  self_.reset();
  // The last job owns the promise: a lane that drops what is queued breaks it, and that ends the wait as well.
  auto drained = std::make_shared<std::promise<void>>();
  const auto end = drained->get_future();
  lane_->run([promise = std::move(drained)] { promise->set_value(); });
  end.wait();
}

KeptObject ObjectTable::keep(const ObjectPtr& object) {
  if (object == nullptr || held_ == Held::Whole) return KeptObject(object);
  const std::scoped_lock lock(packing_);
  return packers_[object->kind].pack(*object);
}

void ObjectTable::load(std::vector<Object> objects, Revision revision) {
  Objects all;
  for (auto& object : objects) add_to(all, std::make_shared<const Object>(std::move(object)));
  const std::scoped_lock lock(mutex_);
  objects_ = std::move(all);
  revision_ = revision;
  loaded_ = revision;
}

const KeptObject* ObjectTable::find(const Objects& objects, const ObjectKey& key) {
  const auto names = objects.find(key.kind);
  if (names == objects.end()) return nullptr;
  const auto entry = names->second.find({key.ns, key.name});
  return entry == names->second.end() ? nullptr : &entry->second;
}

ObjectPtr ObjectTable::get(const ObjectKey& key) const { return kept(key).get(); }

KeptObject ObjectTable::kept(const ObjectKey& key) const {
  const std::scoped_lock lock(mutex_);
  const auto* found = find(objects_, key);
  return found == nullptr ? KeptObject() : *found;
}

ObjectTable::Objects ObjectTable::all() const {
  const std::scoped_lock lock(mutex_);
  return objects_;
}

ObjectTable::KeptListing ObjectTable::kept(model::Kind kind, std::string_view ns) const {
  KeptListing all;
  const std::scoped_lock lock(mutex_);
  all.revision = revision_;
  const auto names = objects_.find(kind);
  if (names == objects_.end()) return all;
  auto entry = ns.empty() ? names->second.begin() : names->second.lower_bound({std::string(ns), ""});
  for (; entry != names->second.end() && (ns.empty() || entry->first.first == ns); ++entry) {
    all.objects.push_back(entry->second);
  }
  return all;
}

Listing ObjectTable::list(model::Kind kind, std::string_view ns) const {
  const auto all = kept(kind, ns);
  Listing listing;
  listing.revision = all.revision;
  listing.objects.reserve(all.objects.size());
  for (const auto& each : all.objects) listing.objects.push_back(each.get());
  return listing;
}

void ObjectTable::visit(model::Kind kind, std::string_view ns, const std::function<void(const ObjectPtr&)>& see) const {
  const auto all = kept(kind, ns);
  for (const auto& each : all.objects) see(each.get_alone());
}

std::size_t ObjectTable::count(model::Kind kind) const {
  const std::scoped_lock lock(mutex_);
  const auto names = objects_.find(kind);
  return names == objects_.end() ? 0 : names->second.size();
}

Revision ObjectTable::revision() const {
  const std::scoped_lock lock(mutex_);
  return revision_;
}

void ObjectTable::publish(const std::vector<Change>& changes) {
  if (changes.empty()) return;
  std::vector<KeptObject> kept;
  kept.reserve(changes.size());
  for (const auto& change : changes) kept.push_back(keep(change.object));
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto& change = changes[i];
    auto& names = objects_[change.object->kind];
    std::pair name(change.object->meta.ns, change.object->meta.name);
    KeptObject previous;
    if (change.previous != nullptr) {
      const auto known = names.find(name);
      previous = known == names.end() ? KeptObject(change.previous) : known->second;
    }
    if (change.type == ChangeType::Deleted) {
      names.erase(name);
    } else {
      names[std::move(name)] = kept[i];
    }
    revision_ = change.revision;
    auto& history = history_[change.object->kind];
    history.last = change.revision;
    history.changes.push_back(
        {change.type, change.object->kind, std::move(kept[i]), std::move(previous), change.revision});
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

void ObjectTable::tell_all(const std::shared_ptr<Watcher>& watcher) {
  std::vector<KeptObject> kept;
  for (const auto& [kind, names] : objects_) {
    if (watcher->scope.kind && *watcher->scope.kind != kind) continue;
    for (const auto& [name, object] : names) kept.push_back(object);
  }
  lane_->run([watcher, kept = std::move(kept), revision = revision_] {
    Listing listing;
    listing.revision = revision;
    const auto one_by_one = static_cast<bool>(watcher->follower.on_object);
    for (const auto& each : kept) {
      auto object = one_by_one ? each.get_alone() : each.get();
      if (!in_scope(watcher->scope, *object)) continue;
      if (one_by_one) {
        watcher->deliver(object);
      } else {
        listing.objects.push_back(std::move(object));
      }
    }
    watcher->deliver(listing);
  });
}

std::unique_ptr<Watch> ObjectTable::follow(Scope scope, Follower follower) {
  auto watcher = std::make_shared<Watcher>();
  watcher->scope = std::move(scope);
  watcher->follower = std::move(follower);

  const std::scoped_lock lock(mutex_);
  tell_all(watcher);
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
    for (const auto& change : missed) watcher->deliver(whole(change));
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

Change ObjectTable::whole(const KeptChange& change) {
  return {change.type, change.object.get(), change.previous.get(), change.revision};
}

std::vector<ObjectTable::KeptChange> ObjectTable::changes_after(std::optional<model::Kind> kind, Revision from) const {
  std::vector<KeptChange> after;
  for (const auto& [each, history] : history_) {
    if (kind && *kind != each) continue;
    const auto first =
        std::upper_bound(history.changes.begin(), history.changes.end(), from,
                         [](Revision revision, const KeptChange& change) { return revision < change.revision; });
    after.insert(after.end(), first, history.changes.end());
  }
  if (!kind) {
    std::sort(after.begin(), after.end(), [](const auto& a, const auto& b) { return a.revision < b.revision; });
  }
  return after;
}

Result<History> ObjectTable::history(model::Kind kind, Revision from) const {
  std::vector<KeptChange> kept;
  History history;
  {
    const std::scoped_lock lock(mutex_);
    if (auto can = can_resume(kind, from); !can) return std::move(can).error();
    kept = changes_after(kind, from);
    history.revision = revision_;
  }
  for (const auto& change : kept) history.changes.push_back(whole(change));
  return history;
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
    if (watcher->follower.on_snapshot) tell_all(watcher);
  }
}

std::vector<ObjectTable::KeptChange> ObjectTable::difference(const Objects& next, Revision revision) const {
  std::vector<KeptChange> changes;
  for (const auto& [kind, names] : objects_) {
    for (const auto& [name, old] : names) {
      if (find(next, {kind, name.first, name.second}) == nullptr) {
        changes.push_back({ChangeType::Deleted, kind, old, old, revision});
      }
    }
  }
  for (const auto& [kind, names] : next) {
    for (const auto& [name, object] : names) {
      const auto* old = find(objects_, {kind, name.first, name.second});
      if (old == nullptr) {
        changes.push_back({ChangeType::Added, kind, object, {}, revision});
      } else if (old->resource_version() != object.resource_version()) {
        changes.push_back({ChangeType::Modified, kind, object, *old, revision});
      }
    }
  }
  return changes;
}

void ObjectTable::add_to(Objects& all, const ObjectPtr& object) {
  all[object->kind][{object->meta.ns, object->meta.name}] = keep(object);
}

void ObjectTable::replace(const Listing& all) {
  Objects next;
  for (const auto& object : all.objects) add_to(next, object);
  replace(std::move(next), all.revision);
}

void ObjectTable::replace(Objects all, Revision revision) {
  const std::scoped_lock lock(mutex_);
  const auto changes = difference(all, revision);
  objects_ = std::move(all);
  revision_ = revision;
  loaded_ = revision;
  history_.clear();
  for (const auto& change : changes) history_[change.kind].last = revision;
  for (const auto& watcher : *watchers_) {
    if (watcher->follower.on_snapshot) {
      tell_all(watcher);
    } else {
      lane_->run([watcher, changes] {
        for (const auto& change : changes) watcher->deliver(whole(change));
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
