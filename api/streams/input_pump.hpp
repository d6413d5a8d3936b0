// api/streams/input_pump.hpp - what a client sends, on its way to a descriptor that takes it at its own pace.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/request/reactor.hpp"

namespace berth::api {

/// A bounded queue: the client is told to pause when it is full. A part of its owner; the reactor's thread.
class InputPump {
 public:
  /// write(2), or send(2) on a socket that may be reset.
  using Put = ssize_t (*)(int fd, const char* bytes, std::size_t size);

  struct Callbacks {
    std::function<void(bool)> set_reading;  ///< Shall the client send more?
    std::function<void()> on_progress;      ///< Bytes were written, or it ended: see written() and gone().
  };

  InputPump(Reactor& reactor, Callbacks callbacks) : reactor_(reactor), callbacks_(std::move(callbacks)) {}

  /// The descriptor is there; what came before is kept until now. -1: nobody asked for it, it goes nowhere. Is not
  /// owned, does not block, and is waited for here only. `owner` lives for as long as we wait.
  void open(int fd, Put how, std::weak_ptr<void> owner);
  void take(std::string_view bytes);
  /// The client sends no more.
  void end();
  /// Nobody wants anything any more.
  void close();

  /// The client sends no more, and all of it is through.
  bool written() const { return ended_ && queue_.empty(); }
  /// The other side has closed its end: the rest goes nowhere, as in a pipe.
  bool gone() const { return gone_; }

 private:
  std::size_t put(std::string_view bytes);
  void write();

  Reactor& reactor_;
  const Callbacks callbacks_;
  std::weak_ptr<void> owner_;
  Put how_ = nullptr;  ///< Null: not open.
  int fd_ = -1;
  std::string queue_;
  std::unique_ptr<ReactorHandle> wait_;
  bool ended_ = false;
  bool gone_ = false;
};

}  // namespace berth::api
