// base/lane.cpp - threads that take jobs from one queue.
#include "base/lane.hpp"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace berth {
namespace {

class ThreadLane final : public Lane {
 public:
  ThreadLane(std::string name, std::size_t threads)
      : name_(std::move(name)), running_(std::max<std::size_t>(threads, 1)) {}
  ThreadLane(const ThreadLane&) = delete;
  ThreadLane& operator=(const ThreadLane&) = delete;

  ~ThreadLane() override {
    std::deque<std::function<void()>> dropped;
    {
      const std::scoped_lock lock(mutex_);
      closing_ = true;
      dropped.swap(queue_);
    }
    wake_.notify_all();
    dropped.clear();  // what jobs hold is freed before we wait
    for (auto& thread : threads_) thread.join();
  }

  void run(std::function<void()> job) override {
    std::function<void()> dropped;
    {
      const std::scoped_lock lock(mutex_);
      if (closing_) {
        dropped = std::move(job);  // freed outside the lock
        return;
      }
      queue_.push_back(std::move(job));
      if (idle_ < queue_.size() && threads_.size() < running_.size()) start_thread();
    }
    wake_.notify_one();
  }

  std::chrono::milliseconds oldest() const override {
    const std::scoped_lock lock(mutex_);
    std::optional<SteadyTime> first;
    for (const auto& since : running_) {
      if (since && (!first || *since < *first)) first = since;
    }
    if (!first) return {};
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - *first);
  }

 private:
  /// One more, under the lock: threads that nobody has needed yet cost nothing.
  void start_thread() {
    // Signals belong to the loop thread: a lane's system calls are not interrupted by them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const auto index = threads_.size();
    threads_.emplace_back([this, index] { work(index); });
    const auto suffix = "-" + std::to_string(index);
    const auto label = name_.substr(0, 15 - std::min<std::size_t>(suffix.size(), 15)) + suffix;
    pthread_setname_np(threads_.back().native_handle(), label.c_str());
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void work(std::size_t index) {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      --idle_;
      if (closing_) return;
      auto job = std::move(queue_.front());
      queue_.pop_front();
      running_[index] = std::chrono::steady_clock::now();
      lock.unlock();
      job();
      job = nullptr;  // what it holds may lock something of its own
      lock.lock();
      running_[index].reset();
    }
  }

  const std::string name_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::optional<SteadyTime>> running_;  ///< By thread: since when its job runs.
  std::size_t idle_ = 0;                            ///< Threads that wait for a job.
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

class InlineLane final : public Lane {
 public:
  void run(std::function<void()> job) override { job(); }
  std::chrono::milliseconds oldest() const override { return {}; }
};

}  // namespace

std::unique_ptr<Lane> make_thread_lane(std::string name, std::size_t threads) {
  return std::make_unique<ThreadLane>(std::move(name), threads);
}

std::unique_ptr<Lane> make_inline_lane() { return std::make_unique<InlineLane>(); }

}  // namespace berth
