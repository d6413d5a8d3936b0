// base/boot_time.hpp - the time since the host was booted, suspended or not.
#pragma once

#include <time.h>

#include <chrono>

namespace berth {

/// CLOCK_BOOTTIME, see clock_gettime(2): it goes on while the host is suspended, and is the same in every process.
using BootTime = std::chrono::nanoseconds;

inline BootTime boot_time() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace berth
