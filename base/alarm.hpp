// base/alarm.hpp - something that is done after a time, on a thread of its own, unless it is called off.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace berth {

/// For what must happen while everybody else waits, the loop too. Destroying it calls it off, and waits for `ring` when
/// that runs already.
class Alarm {
 public:
  Alarm(std::chrono::milliseconds after, std::function<void()> ring)
      : thread_([this, after, ring = std::move(ring)](const std::stop_token& off) {
          std::unique_lock lock(mutex_);
          wake_.wait_for(lock, off, after, [] { return false; });
          lock.unlock();
          if (!off.stop_requested()) ring();
        }) {}
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  ///< Last: uses the rest.
};

}  // namespace berth
