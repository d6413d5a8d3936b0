// store/etcd/loop_poster.hpp - the way to a loop for callbacks that may outlive it.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "base/loop.hpp"

namespace berth::store::etcd {

/// Any thread.
class LoopPoster {
 public:
  explicit LoopPoster(Loop& loop) : loop_(&loop) {}

  /// Nothing happens once it is closed.
  void post(std::function<void()> job) {
    const std::scoped_lock lock(mutex_);
    if (loop_ != nullptr) loop_->post(std::move(job));
  }
  void close() {
    const std::scoped_lock lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Loop* loop_;
};

}  // namespace berth::store::etcd
