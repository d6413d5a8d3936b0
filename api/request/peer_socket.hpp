// api/request/peer_socket.hpp - a connection after its upgrade: octets both ways, or messages when WebSocket framing is
// between.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace berth::api {

/// Sessions stop producing while more than this is queued towards their peer, and hold no more than this from it.
constexpr std::size_t kMaxQueued = 256 * 1024;

/// Our end. API thread only.
class PeerSocket {
 public:
  virtual ~PeerSocket() = default;
  /// Queues octets; over a WebSocket each call is one binary message.
  virtual void send(std::string message) = 0;
  /// Octets queued and not yet written: stop producing above kMaxQueued, go on at on_drained().
  virtual std::size_t queued_bytes() const = 0;
  /// Stops or resumes reading from the peer. One that vanishes meanwhile is noticed all the same.
  virtual void set_reading(bool reading) = 0;
  /// Sends what is queued and then our end; on_closed() comes when the peer ended too, or did not within a while.
  virtual void close() = 0;
};

/// What runs over the connection. Calls come on the API thread; none after on_closed().
class PeerSession {
 public:
  virtual ~PeerSession() = default;
  virtual void on_open(PeerSocket& socket) = 0;
  /// The octets that came; over a WebSocket one whole message.
  virtual void on_message(std::string_view message) = 0;
  /// Little is queued any more.
  virtual void on_drained() = 0;
  /// The peer is gone, or close() is complete. The socket must not be used any more.
  virtual void on_closed() = 0;
};

}  // namespace berth::api
