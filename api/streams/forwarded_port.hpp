// api/streams/forwarded_port.hpp - one connection to a port of a pod, and the client's two ways of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api/request/api_context.hpp"

namespace berth::api {

/// The client's end of one forwarded connection. API thread only.
class ForwardPeer {
 public:
  virtual ~ForwardPeer() = default;
  virtual void send_data(std::string bytes) = 0;
  /// No more data comes while this is above kMaxQueued, until ForwardedPort::drained().
  virtual std::size_t queued_bytes() const = 0;
  /// False: no more input can be taken now.
  virtual void set_reading(bool reading) = 0;
  /// The pod has ended its half.
  virtual void end_output() = 0;
  /// The connection could not be made; the text is for the user.
  virtual void fail(const std::string& why) = 0;
  /// The last call: both halves have ended, or it failed.
  virtual void done() = 0;
};

/// Half-closes go both ways. Neither side's slowness grows our memory beyond kMaxQueued each way. API thread only.
class ForwardedPort {
 public:
  virtual ~ForwardedPort() = default;
  /// Dials. `peer` must live until done() or abandon().
  virtual void start(ForwardPeer& peer) = 0;
  virtual void input(std::string_view bytes) = 0;
  virtual void end_input() = 0;
  virtual void drained() = 0;
  /// The client is gone: closes the connection without another call.
  virtual void abandon() = 0;
};

struct ForwardTarget {
  std::string pod_uid;
  std::string pod_name;  ///< For messages.
  std::uint16_t port = 0;
  std::function<Result<UniqueFd>()> dial{};  ///< Makes the connection, when it is not one to a pod's localhost.
  /// Makes it without a lane: answers once, on the API thread.
  std::function<void(std::function<void(Result<UniqueFd>)> done)> connect{};
};

std::shared_ptr<ForwardedPort> make_forwarded_port(ApiContext& context, ForwardTarget target);

}  // namespace berth::api
