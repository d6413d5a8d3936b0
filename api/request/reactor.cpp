// api/request/reactor.cpp - the API's own thread.
#include "api/request/reactor.hpp"

#include <pthread.h>

#include <mutex>
#include <optional>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace berth::api {

namespace asio = boost::asio;

struct Reactor::Core {
  std::mutex mutex;
  bool alive = true;  ///< Under `mutex`: false once the context is about to go.
  std::optional<asio::io_context> context{std::in_place, 1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::thread thread;
};

namespace {

class Timer final : public ReactorHandle {
 public:
  Timer(asio::io_context& context, std::chrono::milliseconds delay, std::function<void()> callback)
      : timer_(context, delay), alive_(std::make_shared<bool>(true)) {
    timer_.async_wait([alive = alive_, callback = std::move(callback)](const boost::system::error_code& error) {
      if (!error && *alive) callback();
    });
  }
  ~Timer() override { *alive_ = false; }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> alive_;
};

class Wait final : public ReactorHandle {
 public:
  Wait(asio::io_context& context, int fd, asio::posix::descriptor_base::wait_type type, std::function<void()> callback)
      : alive_(std::make_shared<bool>(true)) {
    boost::system::error_code failed;
    descriptor_.emplace(context);
    descriptor_->assign(fd, failed);
    if (failed) {  // a regular file, or one that is waited for already: look again soon instead
      descriptor_.reset();
      retry_ = std::make_unique<Timer>(context, std::chrono::milliseconds(20), std::move(callback));
      return;
    }
    descriptor_->async_wait(type,
                            [alive = alive_, callback = std::move(callback)](const boost::system::error_code& error) {
                              if (!error && *alive) callback();
                            });
  }
  ~Wait() override {
    *alive_ = false;
    if (descriptor_) descriptor_->release();
  }

 private:
  std::optional<asio::posix::stream_descriptor> descriptor_;
  std::unique_ptr<Timer> retry_;
  std::shared_ptr<bool> alive_;
};

}  // namespace

Reactor::Reactor() : core_(std::make_shared<Core>()) {
  core_->work.emplace(core_->context->get_executor());
  post_ = [weak = std::weak_ptr(core_)](std::function<void()> callback) {
    const auto core = weak.lock();
    if (!core) return;
    const std::lock_guard lock(core->mutex);
    if (core->alive) asio::post(*core->context, std::move(callback));
  };
}

Reactor::~Reactor() {
  stop();
  {
    const std::lock_guard lock(core_->mutex);
    core_->alive = false;
  }
  core_->work.reset();
  core_->context.reset();  // destroys pending handlers and with them connections and their watches
}

void Reactor::start() {
  core_->thread = std::thread([core = core_.get()] {
    pthread_setname_np(pthread_self(), "api");
    core->context->run();
  });
}

void Reactor::stop() {
  if (!core_->thread.joinable()) return;
  core_->context->stop();
  core_->thread.join();
}

std::unique_ptr<ReactorHandle> Reactor::after(std::chrono::milliseconds delay, std::function<void()> callback) {
  return std::make_unique<Timer>(*core_->context, delay, std::move(callback));
}

std::unique_ptr<ReactorHandle> Reactor::when_readable(int fd, std::function<void()> callback) {
  return std::make_unique<Wait>(*core_->context, fd, asio::posix::descriptor_base::wait_read, std::move(callback));
}

std::unique_ptr<ReactorHandle> Reactor::when_writable(int fd, std::function<void()> callback) {
  return std::make_unique<Wait>(*core_->context, fd, asio::posix::descriptor_base::wait_write, std::move(callback));
}

asio::io_context& Reactor::context() { return *core_->context; }

}  // namespace berth::api
