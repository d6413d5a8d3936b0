// api/http/http_server.hpp - HTTP/1.1 over a unix socket: connections in, requests out to one handler.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"
#include "api/request/reactor.hpp"
#include "base/unique_fd.hpp"

namespace berth::api {

struct HttpLimits {
  std::size_t connections = 1280;
  std::size_t adopted = 512;   ///< Of them handed over by adopt().
  std::size_t strangers = 64;  ///< Of those, nobody knows yet whose they are.
  std::uint32_t header_bytes = 64 * 1024;
  std::size_t body_bytes = 3 * 1024 * 1024;
  std::chrono::milliseconds idle{120'000};     ///< Between requests.
  std::chrono::milliseconds stranger{10'000};  ///< Until the first request of a peer whom we do not know yet.
  std::chrono::milliseconds header{15'000};    ///< From a request's first byte to the end of its headers.
  std::chrono::milliseconds body{30'000};      ///< For a request's body.
  std::chrono::milliseconds stalled{60'000};   ///< A peer that takes nothing of a response for so long is closed.
};

/// Asked on the API thread when a request's headers are there, before its body is read.
struct HttpGuards {
  /// Whose bearer token it is; nullopt: nobody's, 401. Not asked for peers that are known by other means.
  std::function<std::optional<User>(std::string_view token)> authenticate;
  /// A place that is held until the answer was sent, or why the request is refused. `body_bytes`: as announced, or the
  /// most that will be read. Null: everything is let in.
  std::function<ApiResult<std::shared_ptr<void>>(const HttpRequest& request, std::size_t body_bytes)> admit;
};

/// Answers one request; may answer later. Runs on the API thread.
using HttpHandler = std::function<void(HttpRequest, Respond)>;

class HttpServer {
 public:
  virtual ~HttpServer() = default;

  /// Serves one more connection, whose peer is not at the other end of the unix socket but behind it. `user` is who it
  /// is; nullopt: requests say so with a bearer token. API thread.
  virtual void adopt(UniqueFd socket, std::optional<User> user) = 0;
};

/// Accepts on `listener` until destroyed (API thread, or after the reactor stopped). Above the connection limit a peer
/// gets 503 and is closed. Malformed requests get 400, 413 or 431 and are closed. Peers of `listener` are who the
/// kernel says they are, see socket_user().
std::unique_ptr<HttpServer> serve_http(Reactor& reactor, UniqueFd listener, const HttpLimits& limits, HttpGuards guards,
                                       HttpHandler handler);

}  // namespace berth::api
