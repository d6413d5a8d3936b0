// agent/objects/cache_feed.cpp - see cache_feed.hpp.
#include "agent/objects/cache_feed.hpp"

#include <utility>

#include "agent/objects/far_pod.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

/// What a snapshot has told so far. The store's thread has it, until it is whole.
struct Taken {
  ObjectCache objects;
  ObjectCache::Unread unread;
};

}  // namespace

void CacheFeed::begin() {
  const auto so_far = std::make_shared<Taken>();
  watch_ = store_.follow(
      {},
      {.on_snapshot =
           [this, so_far](const store::Listing& /*its objects were taken*/) {
             const auto take_too = told_.on_whole ? told_.on_whole() : std::function<void()>();
             post([this, take_too, all = std::make_shared<Taken>(std::exchange(*so_far, {}))] {
               const auto gone = cache_.replace(std::move(all->objects), all->unread);
               if (take_too) take_too();
               told_.on_snapshot(gone);
             });
           },
       .on_object =
           [this, so_far](const model::ObjectPtr& object) {
             if (told_.on_object) told_.on_object(*object);
             if (!so_far->objects.put(*kept(object))) so_far->unread[object->key()] = object->meta.uid;
           },
       .on_change =
           [this](const store::Change& change) {
             post([this, change] {
               auto ours = change;
               ours.object = kept(change.object);
               cache_.apply(ours);
               told_.on_change(change);
             });
           },
       .on_lost =
           [] { log(LogLevel::Warning, "the store is out of sight: what is known of its objects grows old", {}); }});
}

void CacheFeed::end() {
  watch_.reset();
  *alive_ = false;
}

model::ObjectPtr CacheFeed::kept(const model::ObjectPtr& object) const {
  if (node_.empty() || !is_far_pod(*object, node_)) return object;
  return std::make_shared<const model::Object>(outline_of(*object));
}

/// From a thread of the store: only the loop outlives us for certain.
void CacheFeed::post(std::function<void()> job) {
  loop_.post([alive = alive_, job = std::move(job)] {
    if (*alive) job();
  });
}

}  // namespace berth::agent
