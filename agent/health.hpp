// agent/health.hpp - is everything that pods need in order? containerd asked, systemd told.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

/// Loop thread, but for state().
class Health {
 public:
  /// What containerd says of itself: an error ("" when it is usable) and its version.
  using OnRuntime = std::function<void(const std::string& error, const std::string& version)>;

  /// Whose pods are counted for systemd: the `node`'s, and those of none. `watched` are the lanes whose jobs have
  /// deadlines: while one of them hangs, systemd's watchdog is not fed.
  Health(Loop& loop, Lane& lane, runtime::PodRuntime& runtime, const ObjectCache& cache, std::string node,
         std::vector<Lane*> watched, OnRuntime on_runtime);

  /// Asks containerd on the lane; asks again every two seconds while it is not usable.
  void check_runtime();

  /// Feeds the watchdog from now on, where systemd wants it (sd_watchdog_enabled(3)).
  void feed_watchdog();

  /// Unavailable: containerd is not usable, and why. Any thread.
  Status state() const;

 private:
  void on_check(const Status& status);
  void report();

  Loop& loop_;
  Lane& lane_;
  runtime::PodRuntime& runtime_;
  const ObjectCache& cache_;
  const std::string node_;
  const std::vector<Lane*> watched_;
  OnRuntime on_runtime_;
  std::unique_ptr<LoopHandle> watchdog_;
  std::unique_ptr<LoopHandle> retry_;
  std::uint64_t calls_seen_ = 0;  ///< Of containerd's answers, and when there was a new one.
  std::chrono::steady_clock::time_point calls_moved_{};
  std::string last_report_;
  mutable std::mutex mutex_;
  std::string runtime_error_ = "not asked yet";
};

}  // namespace berth::agent
