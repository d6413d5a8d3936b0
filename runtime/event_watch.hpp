// runtime/event_watch.hpp - containerd's event stream: who ended, who ran out of memory, and when to look at
// everything.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/containerd_client.hpp"

namespace berth::runtime {

/// One thread that stays subscribed. Events can be lost while there is no subscription, so after each new one
/// `on_connected` runs, when the subscription is known to be in force: containerd does not acknowledge a Subscribe, so
/// we publish a marker and wait until it comes back.
class EventWatch {
 public:
  /// All run on the watch's thread.
  struct Handlers {
    std::function<void(const std::string& container, const std::string& exec, std::int32_t code)> on_exit;
    std::function<void(const std::string& container)> on_oom;
    std::function<void()> on_connected;
  };

  EventWatch(ContainerdClient& client, Handlers handlers);
  /// Needs GrpcChannel::shutdown() before.
  ~EventWatch();
  EventWatch(const EventWatch&) = delete;
  EventWatch& operator=(const EventWatch&) = delete;

 private:
  void run();
  /// One subscription from begin to end; true when it came into force.
  bool follow();
  void publish_marker(const std::string& token);
  /// True when `bytes` is the marker with `token`.
  bool handle(const std::string& bytes, const std::string& token);

  ContainerdClient& client_;
  Handlers handlers_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace berth::runtime
