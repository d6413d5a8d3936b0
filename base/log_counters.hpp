// base/log_counters.hpp - what berth-logd counted of containers' lines, as the agent last heard of it, for /metrics.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

namespace berth {

/// Sums since berth-logd began. Any thread.
class LogCounters {
 public:
  using Container = std::tuple<std::string, std::string, std::string>;  ///< Namespace, pod, container.

  struct Values {
    std::uint64_t stored = 0;
    std::uint64_t files_missed = 0;                ///< In the journal, and not in the files beside it.
    std::map<Container, std::uint64_t> dropped{};  ///< Over the limit; only of whom there are any.
    std::uint64_t waiting = 0;                     ///< Containers whose lines cannot be stored now.
  };

  void set(Values values) {
    const std::lock_guard lock(mutex_);
    values_ = std::move(values);
  }
  Values read() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  mutable std::mutex mutex_;
  Values values_;
};

inline LogCounters& log_counters() {
  static LogCounters all;
  return all;
}

}  // namespace berth
