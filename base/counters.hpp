// base/counters.hpp - what this process counts for /metrics: a handful of atomics, no library.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace berth {

/// Counts observations below each bound. Adding is two relaxed additions; any thread.
template <std::size_t kBounds>
class Histogram {
 public:
  constexpr explicit Histogram(const std::array<double, kBounds>& bounds) : bounds_(bounds) {}

  void add(double seconds) {
    std::size_t at = 0;
    while (at < kBounds && seconds > bounds_[at]) ++at;
    counts_[at].fetch_add(1, std::memory_order_relaxed);
    micros_.fetch_add(static_cast<std::uint64_t>(seconds > 0 ? seconds * 1e6 : 0), std::memory_order_relaxed);
  }

  const std::array<double, kBounds>& bounds() const { return bounds_; }
  /// Of bucket `at` alone, not cumulative; the last one is what is above all bounds.
  std::uint64_t count(std::size_t at) const { return counts_[at].load(std::memory_order_relaxed); }
  double sum() const { return static_cast<double>(micros_.load(std::memory_order_relaxed)) / 1e6; }

 private:
  std::array<double, kBounds> bounds_;
  std::array<std::atomic<std::uint64_t>, kBounds + 1> counts_{};
  std::atomic<std::uint64_t> micros_{0};
};

/// A value for each of a few labels. Any thread.
class LabelledGauge {
 public:
  void set(const std::string& label, std::int64_t value) {
    const std::lock_guard lock(mutex_);
    values_[label] = value;
  }
  /// There is nothing of that label any more.
  void forget(const std::string& label) {
    const std::lock_guard lock(mutex_);
    values_.erase(label);
  }
  std::map<std::string, std::int64_t> values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> values_;
};

/// One set a process: whoever does the work counts it, whoever serves /metrics reads it.
struct Counters {
  std::atomic<std::int64_t> api_connections{0};  ///< Open now.
  std::atomic<std::int64_t> api_watches{0};      ///< Open now.
  std::atomic<std::uint64_t> dns_queries{0};
  std::atomic<std::uint64_t> dns_cache_hits{0};      ///< Of names outside that were known.
  std::atomic<std::uint64_t> dns_forwarded{0};       ///< To the host's resolvers.
  std::atomic<std::uint64_t> dns_forward_errors{0};  ///< No resolver answered.
  std::atomic<std::uint64_t> runtime_calls{0};       ///< Of containerd.
  std::atomic<std::uint64_t> runtime_errors{0};      ///< Those that failed; NotFound is an answer.
  std::atomic<std::uint64_t> volume_jobs{0};         ///< Of berth-volume, that have ended.
  std::atomic<std::uint64_t> volume_job_errors{0};
  std::atomic<std::uint64_t> events_normal{0};  ///< Told, repetitions included.
  std::atomic<std::uint64_t> events_warning{0};
  std::atomic<std::uint64_t> store_errors{0};  ///< Groups of writes that the file refused.
  LabelledGauge manifest_errors;               ///< Now, by source.
  /// From the moment that the agent sees a pod until all its containers have been started.
  Histogram<9> pod_start{{0.25, 0.5, 1, 2, 5, 10, 30, 60, 300}};
  /// One call of containerd, until its answer is whole; streams of events are none.
  Histogram<8> runtime_call{{0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30}};
  /// One group of writes, until it is in the store's file (and on disk, when it is durable).
  Histogram<8> store_commit{{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5}};
};

inline Counters& counters() {
  static Counters all;
  return all;
}

}  // namespace berth
