// base/loop.cpp - Asio's io_context behind loop.hpp.
#include "base/loop.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace berth {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// Shared by a handle and Asio's pending operation: whichever goes last frees it, and the
/// operation asks `wanted` before it runs anything.
struct TimerState {
  TimerState(asio::io_context& context, SteadyTime when, std::function<void()> then)
      : timer(context, when), callback(std::move(then)) {}
  asio::steady_timer timer;
  std::function<void()> callback;
  bool wanted = true;
};

struct ReadState {
  ReadState(asio::io_context& context, int fd, std::function<void()> then)
      : descriptor(context, fd), callback(std::move(then)) {}
  asio::posix::stream_descriptor descriptor;
  std::function<void()> callback;
  bool wanted = true;
};

/// Keeps the io_context, so that a handle may outlive its Loop.
class TimerHandle final : public LoopHandle {
 public:
  TimerHandle(std::shared_ptr<asio::io_context> context, std::shared_ptr<TimerState> state)
      : context_(std::move(context)), state_(std::move(state)) {}
  TimerHandle(const TimerHandle&) = delete;
  TimerHandle& operator=(const TimerHandle&) = delete;
  ~TimerHandle() override {
    state_->wanted = false;
    state_->callback = nullptr;
    state_->timer.cancel();
  }

 private:
  std::shared_ptr<asio::io_context> context_;
  std::shared_ptr<TimerState> state_;
};

class ReadHandle final : public LoopHandle {
 public:
  ReadHandle(std::shared_ptr<asio::io_context> context, std::shared_ptr<ReadState> state)
      : context_(std::move(context)), state_(std::move(state)) {}
  ReadHandle(const ReadHandle&) = delete;
  ReadHandle& operator=(const ReadHandle&) = delete;
  ~ReadHandle() override {
    state_->wanted = false;
    error_code ignored;
    state_->descriptor.close(ignored);  // our duplicate
  }

 private:
  std::shared_ptr<asio::io_context> context_;
  std::shared_ptr<ReadState> state_;
};

/// What on_readable gives for a descriptor that cannot be watched.
class DeadHandle final : public LoopHandle {};

}  // namespace

struct Loop::Impl {
  std::shared_ptr<asio::io_context> context = std::make_shared<asio::io_context>(/*concurrency_hint=*/1);
  std::vector<std::unique_ptr<asio::signal_set>> signals;
  std::atomic<std::thread::id> thread{};
  std::size_t callbacks_run = 0;

  void wait_readable(const std::shared_ptr<ReadState>& state) {
    state->descriptor.async_wait(asio::posix::descriptor_base::wait_read, [this, state](const error_code& error) {
      if (error || !state->wanted) return;
      ++callbacks_run;
      state->callback();  // it may destroy its own handle: we hold the state
      if (state->wanted) wait_readable(state);
    });
  }

  void wait_signal(asio::signal_set& set, const std::shared_ptr<std::function<void(int)>>& callback) {
    set.async_wait([this, &set, callback](const error_code& error, int signal) {
      if (error) return;
      ++callbacks_run;
      (*callback)(signal);
      wait_signal(set, callback);
    });
  }
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}

Loop::~Loop() {
  // Handlers point to the sets: nobody may run them from here on, even if a handle keeps the context.
  impl_->context->stop();
  impl_->signals.clear();
}

void Loop::run() {
  impl_->thread = std::this_thread::get_id();
  {
    const auto guard = asio::make_work_guard(*impl_->context);
    impl_->context->run();
  }
  impl_->context->restart();  // after the guard, whose end may stop the context again
  impl_->thread = std::thread::id{};
}

std::size_t Loop::poll() {
  const auto outer = impl_->thread.exchange(std::this_thread::get_id());
  const std::size_t before = impl_->callbacks_run;
  impl_->context->poll();
  if (impl_->context->stopped()) impl_->context->restart();
  impl_->thread = outer;
  return impl_->callbacks_run - before;
}

void Loop::stop() { impl_->context->stop(); }

void Loop::post(std::function<void()> callback) {
  asio::post(*impl_->context, [this, callback = std::move(callback)] {
    ++impl_->callbacks_run;
    callback();
  });
}

std::unique_ptr<LoopHandle> Loop::at(SteadyTime when, std::function<void()> callback) {
  auto state = std::make_shared<TimerState>(*impl_->context, when, std::move(callback));
  state->timer.async_wait([impl = impl_.get(), state](const error_code& error) {
    if (error || !state->wanted) return;
    ++impl->callbacks_run;
    const auto run = std::exchange(state->callback, nullptr);  // it may destroy its own handle
    run();
  });
  return std::make_unique<TimerHandle>(impl_->context, std::move(state));
}

std::unique_ptr<LoopHandle> Loop::after(std::chrono::milliseconds delay, std::function<void()> callback) {
  return at(std::chrono::steady_clock::now() + delay, std::move(callback));
}

std::unique_ptr<LoopHandle> Loop::on_readable(int fd, std::function<void()> callback) {
  // A duplicate has its own place in epoll: two watches on one descriptor work, and the caller may
  // close his without ours pointing at a stranger's file.
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return std::make_unique<DeadHandle>();
  try {
    auto state = std::make_shared<ReadState>(*impl_->context, own, std::move(callback));
    impl_->wait_readable(state);
    return std::make_unique<ReadHandle>(impl_->context, std::move(state));
  } catch (const boost::system::system_error&) {  // not a file that epoll knows
    ::close(own);
    return std::make_unique<DeadHandle>();
  }
}

void Loop::on_signals(std::span<const int> signals, std::function<void(int)> callback) {
  auto set = std::make_unique<asio::signal_set>(*impl_->context);
  for (const int signal : signals) {
    error_code error;
    set->add(signal, error);
  }
  impl_->wait_signal(*set, std::make_shared<std::function<void(int)>>(std::move(callback)));
  impl_->signals.push_back(std::move(set));
}

bool Loop::is_loop_thread() const {
  const auto thread = impl_->thread.load();
  return thread == std::thread::id{} || thread == std::this_thread::get_id();
}

}  // namespace berth
