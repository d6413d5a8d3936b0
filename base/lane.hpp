// base/lane.hpp - a few named threads for calls that may block.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace berth {

/// Where blocking work goes. `run` queues `job`; results go back to the loop by Loop::post.
class Lane {
 public:
  virtual ~Lane() = default;

  /// Queues `job`. Any thread. Jobs must not throw.
  virtual void run(std::function<void()> job) = 0;

  /// How long the job that runs longest has been running; zero when idle. Any thread. Jobs that wait do not count: a
  /// queue may be long without anything hanging. The watchdog is fed only while this stays small.
  virtual std::chrono::milliseconds oldest() const = 0;
};

/// At most `threads` threads, started as they are needed, named `name-N` (at most 15 characters,
/// pthread_setname_np(3)). The destructor drops queued jobs and joins: running jobs must end by themselves.
std::unique_ptr<Lane> make_thread_lane(std::string name, std::size_t threads);

/// Runs every job at once on the caller's thread; for tests.
std::unique_ptr<Lane> make_inline_lane();

}  // namespace berth
