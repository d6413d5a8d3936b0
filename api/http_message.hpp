// api/http_message.hpp - one request and its answer, without the HTTP library's headers.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/user.hpp"

namespace berth::api {

enum class Method { Get, Post, Put, Patch, Delete, Other };

struct HttpRequest {
  Method method = Method::Get;
  std::string target;  ///< "/api/v1/pods?watch=true", still encoded.
  std::string content_type;
  std::string accept;
  std::string user_agent;
  std::string body;
  bool wants_web_socket = false;  ///< A valid WebSocket upgrade (RFC 6455).
  std::string sub_protocols;      ///< Sec-WebSocket-Protocol as sent: "v5.channel.k8s.io, v4.channel.k8s.io".
  User user{};                    ///< Who asks: always somebody we know.
};

/// A body that is made while it is sent. The connection pulls when the peer has room, so a slow
/// reader costs what the source keeps and no more. API thread only.
class BodySource {
 public:
  virtual ~BodySource() = default;

  enum class State {
    More,   ///< Call read() again as soon as this was sent.
    Later,  ///< Nothing more now: wait for the wake call.
    End,    ///< Nothing after what was appended.
  };
  /// Appends the next piece, about 64 KiB at most (one object may be larger). Never blocks.
  virtual State read(std::string& out) = 0;

  /// Called once, before the first read(). `wake` may be called on the API thread at any time until destruction.
  virtual void on_wake(std::function<void()> wake) { static_cast<void>(wake); }
};

/// Our end of an open WebSocket. API thread only.
class WebSocket {
 public:
  virtual ~WebSocket() = default;
  /// Queues one binary message.
  virtual void send(std::string message) = 0;
  /// Bytes queued and not yet written: stop producing above your limit, go on at on_drained().
  virtual std::size_t queued_bytes() const = 0;
  /// Stops or resumes reading from the peer.
  virtual void set_reading(bool reading) = 0;
  /// Sends what is queued, then a Close frame with code 1000.
  virtual void close() = 0;
};

/// What runs over a WebSocket. Calls come on the API thread; none after on_closed().
class WebSocketSession {
 public:
  virtual ~WebSocketSession() = default;
  virtual void on_open(WebSocket& socket) = 0;
  virtual void on_message(std::string_view message, bool binary) = 0;
  virtual void on_drained() = 0;
  /// The peer is gone, or our Close was answered. The WebSocket must not be used any more.
  virtual void on_closed() = 0;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  unsigned code = 200;
  std::string content_type = "application/json";
  HttpHeaders headers;
  std::string body;
  std::unique_ptr<BodySource> stream;         ///< Sent chunked instead of `body` when set.
  std::shared_ptr<WebSocketSession> session;  ///< Answer 101 and run this.
  std::string sub_protocol;                   ///< The one chosen for `session`.
};

/// Takes the answer to one request; call it once, on the API thread.
using Respond = std::function<void(HttpResponse)>;

}  // namespace berth::api
