// base/clock.hpp - the time, injectable, so that no test has to sleep.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

/// Where the agent reads the time. Steady time orders and delays within one process. Wall time is what objects carry
/// (created, started, to be deleted by), so it is shown, and it is compared with what an object says, which may be
/// older than the process: such a delay becomes longer or shorter when somebody sets the host's clock.
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

/// Seconds that a person wrote, as a delay that may be added to any time twice without leaving what a time can hold:
/// what is more than a hundred years is a hundred years.
constexpr std::chrono::seconds bounded_seconds(std::int64_t seconds) {
  constexpr std::int64_t kMost = 100LL * 365 * 24 * 3600;
  return std::chrono::seconds(seconds > kMost ? kMost : seconds < -kMost ? -kMost : seconds);
}

/// "2026-11-21T09:25:13Z" (RFC 3339, UTC, whole seconds): how Kubernetes writes metav1.Time.
std::string format_rfc3339(WallTime time);

/// "2026-11-21T09:25:13.123456Z": metav1.MicroTime.
std::string format_rfc3339_micro(WallTime time);

/// Reads RFC 3339 with any offset and fraction. InvalidArgument when it is not that.
Result<WallTime> parse_rfc3339(std::string_view text);

}  // namespace berth
