// api/http_server.hpp - HTTP/1.1 over a unix socket: connections in, requests out to one handler.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "api/http_message.hpp"
#include "api/reactor.hpp"
#include "base/unique_fd.hpp"

namespace berth::api {

struct HttpLimits {
  std::size_t connections = 256;
  std::uint32_t header_bytes = 64 * 1024;
  std::size_t body_bytes = 3 * 1024 * 1024;
  std::chrono::seconds idle{120};    ///< Between requests, and for the whole of a request's headers.
  std::chrono::seconds body{30};     ///< For a request's body.
  std::chrono::seconds stalled{60};  ///< A peer that takes nothing of a response for so long is closed.
};

/// Answers one request; may answer later. Runs on the API thread.
using HttpHandler = std::function<void(HttpRequest, Respond)>;

class HttpServer {
 public:
  virtual ~HttpServer() = default;
};

/// Accepts on `listener` until destroyed (API thread, or after the reactor stopped). Above the connection limit a peer
/// gets 503 and is closed. Malformed requests get 400, 413 or 431 and are closed.
std::unique_ptr<HttpServer> serve_http(Reactor& reactor, UniqueFd listener, const HttpLimits& limits,
                                       HttpHandler handler);

}  // namespace berth::api
