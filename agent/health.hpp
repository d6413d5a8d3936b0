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
#include "model/host_status.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

/// How long until containerd is asked again.
struct RuntimePace {
  std::chrono::milliseconds usable{10'000};  ///< A hung one says nothing by itself, and a host may have no pods.
  std::chrono::milliseconds unusable{2'000};
};

/// Loop thread, but for state().
class Health {
 public:
  /// What containerd says of itself: an error ("" when it is usable) and its version.
  using OnRuntime = std::function<void(const std::string& error, const std::string& version)>;
  /// All pods whose shim does not answer, while containerd does; when that is news.
  using OnSilent = std::function<void(const std::vector<model::HostProblem>&)>;
  /// It was not usable, and is again: what happened in between may never be told.
  using OnBack = std::function<void()>;

  /// `lane` is for this alone: where pods are looked at a containerd that hangs holds every thread. Whose pods are
  /// counted for systemd: the `node`'s, and those of none. `watched` are the lanes whose jobs have deadlines: while one
  /// of them hangs, systemd's watchdog is not fed.
  Health(Loop& loop, Lane& lane, runtime::PodRuntime& runtime, const ObjectCache& cache, std::string node,
         std::vector<Lane*> watched, OnRuntime on_runtime, OnSilent on_silent, OnBack on_back, RuntimePace pace = {});

  /// Asks containerd on the lane, now and again and again. What it answers is logged when that is news.
  void check_runtime();

  /// Feeds the watchdog from now on, where systemd wants it (sd_watchdog_enabled(3)).
  void feed_watchdog();

  /// Unavailable: containerd is not usable, and why. Any thread.
  Status state() const;

 private:
  static constexpr const char* kNotAsked = "not asked yet";

  void on_check(const Status& status);
  void look_at_shims();
  void report();

  Loop& loop_;
  Lane& lane_;
  runtime::PodRuntime& runtime_;
  const ObjectCache& cache_;
  const std::string node_;
  const std::vector<Lane*> watched_;
  OnRuntime on_runtime_;
  OnSilent on_silent_;
  OnBack on_back_;
  const RuntimePace pace_;
  std::unique_ptr<LoopHandle> watchdog_;
  std::unique_ptr<LoopHandle> ask_again_;
  std::uint64_t calls_seen_ = 0;  ///< Of containerd's answers, and when there was a new one.
  std::chrono::steady_clock::time_point calls_moved_{};
  std::string last_report_;
  std::vector<model::HostProblem> silent_;
  mutable std::mutex mutex_;
  std::string runtime_error_ = kNotAsked;
};

}  // namespace berth::agent
