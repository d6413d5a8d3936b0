// base/clock_watch.cpp - see clock_watch.hpp.
#include "base/clock_watch.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace berth {

ClockWatch::ClockWatch(Loop& loop, std::function<void()> on_set)
    : on_set_(std::move(on_set)), timer_(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (!timer_) return;
  arm();
  handle_ = loop.on_readable(timer_.get(), [this] {
    std::uint64_t expirations = 0;
    const bool was_set = ::read(timer_.get(), &expirations, sizeof expirations) < 0 && errno == ECANCELED;
    arm();
    if (was_set) on_set_();
  });
}

/// For a time that no clock of ours shows: only its being called off counts.
void ClockWatch::arm() {
  constexpr std::int64_t kNever = std::int64_t{1} << 40;
  itimerspec when{};
  when.it_value.tv_sec = kNever;
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, nullptr);
}

}  // namespace berth
