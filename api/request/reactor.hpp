// api/request/reactor.hpp - the API's own thread: posts, timers, descriptors; Asio's headers stay in the .cpp files.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace berth::api {

/// Runs a callback on the API thread soon. Any thread, and harmless after the reactor is gone (the callback is
/// dropped).
using Poster = std::function<void(std::function<void()>)>;

/// A pending timer or descriptor wait. Destroying it means its callback will not run any more. API thread only.
class ReactorHandle {
 public:
  virtual ~ReactorHandle() = default;
};

class Reactor {
 public:
  Reactor();
  /// Stops the thread; pending callbacks are destroyed without being run.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Begins serving on a thread named "api".
  void start();
  /// Ends the thread. Twice is harmless.
  void stop();

  const Poster& post() const { return post_; }

  [[nodiscard]] std::unique_ptr<ReactorHandle> after(std::chrono::milliseconds delay, std::function<void()> callback);
  /// Once. The caller keeps owning `fd` and must keep it open longer than the handle.
  [[nodiscard]] std::unique_ptr<ReactorHandle> when_readable(int fd, std::function<void()> callback);
  [[nodiscard]] std::unique_ptr<ReactorHandle> when_writable(int fd, std::function<void()> callback);

  boost::asio::io_context& context();

 private:
  struct Core;
  std::shared_ptr<Core> core_;
  Poster post_;
};

}  // namespace berth::api
