// agent/objects/cache_feed.cpp - see cache_feed.hpp.
#include "agent/objects/cache_feed.hpp"

#include "base/log.hpp"

namespace berth::agent {

void CacheFeed::begin() {
  watch_ = store_.follow(
      {},
      {.on_snapshot =
           [this](const store::Listing& all) { post([this, all] { told_.on_snapshot(cache_.replace(all)); }); },
       .on_change =
           [this](const store::Change& change) {
             post([this, change] {
               cache_.apply(change);
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

/// From a thread of the store: only the loop outlives us for certain.
void CacheFeed::post(std::function<void()> job) {
  loop_.post([alive = alive_, job = std::move(job)] {
    if (*alive) job();
  });
}

}  // namespace berth::agent
