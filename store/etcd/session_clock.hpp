// store/etcd/session_clock.hpp - until when a lease is surely ours, whatever the other clock says. Pure.
#pragma once

#include <algorithm>
#include <chrono>

#include "store/session.hpp"

namespace berth::store::etcd {

/// Counts from the moment at which the last answered question was *sent*: etcd took it later, so it lets the lease live
/// longer than we believe. A second and 1 % are taken away for clocks that go differently. What was lost once stays
/// lost. One thread.
class SessionClock {
 public:
  /// The lease was asked for at `sent`, and granted for `ttl`.
  SessionClock(BootClock::time_point sent, std::chrono::seconds ttl) : deadline_(end_of(sent, ttl)) {}

  static BootClock::time_point end_of(BootClock::time_point sent, std::chrono::seconds ttl) {
    return sent + std::chrono::nanoseconds(ttl) * 99 / 100 - std::chrono::seconds{1};
  }

  /// A question that was sent at `sent` is answered at `now`; a `ttl` of 0: the lease is gone. False: it is lost.
  bool kept(BootClock::time_point sent, std::chrono::seconds ttl, BootClock::time_point now) {
    if (ttl <= std::chrono::seconds{0}) lost_ = true;
    if (!alive(now)) return false;
    deadline_ = std::max(deadline_, end_of(sent, ttl));
    return true;
  }

  /// False for ever from the first time on.
  bool alive(BootClock::time_point now) {
    if (now >= deadline_) lost_ = true;
    return !lost_;
  }

  void lose() { lost_ = true; }
  BootClock::time_point deadline() const { return deadline_; }

 private:
  BootClock::time_point deadline_;
  bool lost_ = false;
};

}  // namespace berth::store::etcd
