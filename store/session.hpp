// store/session.hpp - being known to be alive: a name that others can rely on while we keep it, and who keeps which.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "base/boot_time.hpp"

namespace berth::store {

/// boot_time(), which goes on while the host is suspended: a host that slept knows that its session's time has passed.
struct BootClock {
  using duration = BootTime;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;

  static time_point now() { return time_point(boot_time()); }
};

/// Held under one name by one holder at a time. Destroying it gives the name back. Any thread.
class Session {
 public:
  virtual ~Session() = default;
  virtual const std::string& name() const = 0;

  /// Can nobody else hold the name at `now`? Errs on the side of no. Once lost it stays lost.
  virtual bool surely_alive(BootClock::time_point now) const = 0;
};

/// Who holds a name, in its own words.
struct Holder {
  std::string node;     ///< Empty: no node's agent.
  std::string version;  ///< Of its program.
  std::string since;    ///< RFC 3339; when it took the name.
  bool operator==(const Holder&) const = default;
};

/// By name ("live/worker1").
using Holders = std::map<std::string, Holder, std::less<>>;

}  // namespace berth::store
