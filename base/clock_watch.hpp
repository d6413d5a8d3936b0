// base/clock_watch.hpp - somebody set the clock: who waits for a time of day looks again.
#pragma once

#include <functional>
#include <memory>

#include "base/loop.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// Calls `on_set` each time CLOCK_REALTIME jumps (it is set, or the host wakes up), see TFD_TIMER_CANCEL_ON_SET in
/// timerfd_create(2). A clock that is only slewed, as NTP usually does, does not jump. Where the kernel gives no such
/// timer nothing is ever called: what waits must look now and then by itself. Loop thread.
class ClockWatch {
 public:
  ClockWatch(Loop& loop, std::function<void()> on_set);

 private:
  void arm();

  std::function<void()> on_set_;
  UniqueFd timer_;
  std::unique_ptr<LoopHandle> handle_;  ///< Last: uses the descriptor.
};

}  // namespace berth
