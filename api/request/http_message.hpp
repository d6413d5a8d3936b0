// api/request/http_message.hpp - one request and its answer, without the HTTP library's headers.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/request/peer_socket.hpp"
#include "api/request/user.hpp"

namespace berth::api {

enum class Method { Get, Post, Put, Patch, Delete, Other };

/// What the client wants to speak instead of HTTP.
enum class Upgrade {
  None,
  WebSocket,  ///< A valid request of RFC 6455.
  Spdy,       ///< SPDY/3.1
};

struct HttpRequest {
  Method method = Method::Get;
  std::string target;  ///< "/api/v1/pods?watch=true", still encoded.
  std::string content_type;
  std::string accept;
  std::string user_agent;
  std::string if_none_match{};                                 ///< As sent.
  std::vector<std::pair<std::string, std::string>> headers{};  ///< All, of a request to `/proxy`; else none.
  std::string body;
  Upgrade upgrade = Upgrade::None;
  std::string web_socket_key;  ///< Sec-WebSocket-Key.
  /// Sec-WebSocket-Protocol, or X-Stream-Protocol-Version for SPDY, as offered: best first.
  std::vector<std::string> protocols;
  User user{};  ///< Who asks: always somebody we know.
  /// The host that was asked first, when it passes this on (kPassedOnBy). Whoever says so himself only gets less.
  std::string passed_on_by{};
};

/// Header of a request that one host passes on to another: by which.
inline constexpr std::string_view kPassedOnBy = "Berth-Passed-On-By";

/// A body that is made while it is sent. The connection pulls when the peer has room, so a slow
/// reader costs what the source keeps and no more. API thread only.
class BodySource {
 public:
  virtual ~BodySource() = default;

  enum class State {
    More,    ///< Call read() again as soon as this was sent.
    Later,   ///< Nothing more now: wait for the wake call.
    End,     ///< Nothing after what was appended.
    Broken,  ///< Nothing after it either, and that is not all: the connection ends before the body does.
  };
  /// Appends the next piece, about 64 KiB at most (one object may be larger). Never blocks.
  virtual State read(std::string& out) = 0;

  /// Called once, before the first read(). `wake` may be called on the API thread at any time until destruction.
  virtual void on_wake(std::function<void()> wake) { static_cast<void>(wake); }
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  unsigned code = 200;
  std::string content_type = "application/json";
  HttpHeaders headers;
  std::string body;
  std::unique_ptr<BodySource> stream;    ///< Sent chunked instead of `body` when set.
  std::shared_ptr<PeerSession> session;  ///< Answer 101 with `headers`, then run this over the bare connection.
};

/// Takes the answer to one request; call it once, on the API thread.
using Respond = std::function<void(HttpResponse)>;

/// "GET"; empty for Other.
std::string_view word_of(Method method);

/// "application/json" of "application/json; charset=utf-8".
std::string_view media_type(std::string_view content_type);

}  // namespace berth::api
