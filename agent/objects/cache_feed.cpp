// agent/objects/cache_feed.cpp - see cache_feed.hpp.
#include "agent/objects/cache_feed.hpp"

#include "agent/objects/far_pod.hpp"
#include "base/log.hpp"

namespace berth::agent {

void CacheFeed::begin() {
  watch_ = store_.follow(
      {},
      {.on_snapshot =
           [this](const store::Listing& all) {
             store::Listing ours{.objects = {}, .revision = all.revision};
             ours.objects.reserve(all.objects.size());
             for (const auto& object : all.objects) ours.objects.push_back(kept(object));
             post([this, ours = std::move(ours)] { told_.on_snapshot(cache_.replace(ours)); });
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
