// base/clock.hpp - the time, injectable, so that no test has to sleep.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

/// Where the agent reads the time. Steady time orders and delays; wall time is only ever shown.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime now() const = 0;
  virtual WallTime wall() const = 0;
};

/// The host's clocks. Any thread.
class SystemClock final : public Clock {
 public:
  SteadyTime now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

/// "2026-11-21T09:25:13Z" (RFC 3339, UTC, whole seconds): how Kubernetes writes metav1.Time.
std::string format_rfc3339(WallTime time);

/// "2026-11-21T09:25:13.123456Z": metav1.MicroTime.
std::string format_rfc3339_micro(WallTime time);

/// Reads RFC 3339 with any offset and fraction. InvalidArgument when it is not that.
Result<WallTime> parse_rfc3339(std::string_view text);

}  // namespace berth
