// base/loop.hpp - the one event loop: posts, timers, descriptors, signals.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include "base/clock.hpp"

namespace berth {

/// A pending timer or descriptor watch. Destroying or cancelling it means its callback will not
/// run any more. Loop thread only.
class LoopHandle {
 public:
  virtual ~LoopHandle() = default;
};

/// The io_context of one thread, without Asio's headers. Callbacks run on the thread inside run()
/// and must not block. Only post() and stop() may be called from other threads.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs callbacks until stop(). Must be called on one thread only, which becomes the loop thread.
  void run();

  /// Runs what is ready now and returns; for tests. Returns the number of callbacks run.
  std::size_t poll();

  /// Makes run() return soon. Any thread.
  void stop();

  /// Runs `callback` on the loop soon, in order of posting. Any thread.
  void post(std::function<void()> callback);

  /// Runs `callback` once at `when` unless the handle is destroyed before.
  [[nodiscard]] std::unique_ptr<LoopHandle> at(SteadyTime when, std::function<void()> callback);
  [[nodiscard]] std::unique_ptr<LoopHandle> after(std::chrono::milliseconds delay, std::function<void()> callback);

  /// Calls `callback` each time `fd` is readable, until the handle is destroyed. The caller keeps
  /// owning `fd` and must keep it open longer than the handle. The file behind `fd` becomes
  /// non-blocking. A descriptor that epoll(7) does not take (a regular file) never calls.
  [[nodiscard]] std::unique_ptr<LoopHandle> on_readable(int fd, std::function<void()> callback);

  /// Calls `callback(signal)` for each of `signals`, for the life of the loop. See signal(7).
  void on_signals(std::span<const int> signals, std::function<void(int)> callback);

  /// Is the caller on the loop thread (or is no thread in run() yet)?
  bool is_loop_thread() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth
