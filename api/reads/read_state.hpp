// api/reads/read_state.hpp - what reads keep between requests: lists that go on, watches that share their changes.
#pragma once

#include <memory>

#include "api/reads/list_pages.hpp"
#include "api/reads/watch_hub.hpp"
#include "api/request/reactor.hpp"

namespace berth::api {

/// API thread only. Must be gone before its reactor.
struct ReadState {
  ReadState(Reactor& reactor, store::Store& store) : hub(reactor.post(), store) {}

  WatchHub hub;
  ListPages pages;
  std::unique_ptr<ReactorHandle> pages_expire;  ///< Drops unused pages when nobody asks.
};

}  // namespace berth::api
