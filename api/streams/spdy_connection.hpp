// api/streams/spdy_connection.hpp - SPDY/3.1, the server's side: many streams over one upgraded connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api/request/peer_socket.hpp"
#include "api/request/reactor.hpp"
#include "api/streams/spdy_frames.hpp"

namespace berth::api {

/// The streams of one connection. API thread only.
///
/// Flow control: clients made with moby/spdystream (kubectl, every Go client) have none: they neither wait for window
/// updates nor send any. So data is held back for a window only from a peer that has shown that it keeps one, by a
/// WINDOW_UPDATE or an initial window size in SETTINGS. What is received is acknowledged at once; a session that cannot
/// take more stops the whole connection with set_reading(false).
class SpdyStreams {
 public:
  virtual ~SpdyStreams() = default;
  /// Data of an open stream; an unknown stream's goes nowhere. `fin`: our half of the stream ends.
  virtual void send(std::uint32_t stream, std::string data, bool fin = false) = 0;
  virtual void reset(std::uint32_t stream, SpdyReset status) = 0;
  /// Octets queued of all streams, on the connection or waiting for a window.
  virtual std::size_t queued_bytes() const = 0;
  virtual void set_reading(bool reading) = 0;
  /// Sends GOAWAY after what is queued, and closes when the peer has gone or its streams have ended.
  virtual void close() = 0;
};

/// What runs over them. Calls come on the API thread; none after on_closed().
class SpdyHandler {
 public:
  virtual ~SpdyHandler() = default;
  virtual void on_open(SpdyStreams& streams) = 0;
  /// The peer opens a stream. True: it is answered with SYN_REPLY. False: it is refused.
  virtual bool on_stream(std::uint32_t stream, const SpdyHeaders& headers) = 0;
  virtual void on_data(std::uint32_t stream, std::string_view data) = 0;
  /// The peer's half of the stream ended.
  virtual void on_end(std::uint32_t stream) = 0;
  /// The peer dropped the stream: it is gone.
  virtual void on_reset(std::uint32_t stream) = 0;
  virtual void on_drained() = 0;
  virtual void on_closed() = 0;
};

struct SpdyLimits {
  std::size_t streams = 512;                   ///< Open at once; more are refused.
  std::chrono::milliseconds go_away{120'000};  ///< After GOAWAY: how long the peer may take to read and to go.
};

/// Runs `handler` over a bare connection, or one that is tunnelled in WebSocket messages.
std::shared_ptr<PeerSession> over_spdy(Reactor& reactor, std::shared_ptr<SpdyHandler> handler, SpdyLimits limits = {});

}  // namespace berth::api
