// api/http/http_connection.cpp - one connection: read a request, answer it, again.
#include "api/http/http_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <iterator>
#include <optional>

#include <fmt/format.h>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "api/access/authorization.hpp"
#include "api/request/api_error.hpp"
#include "api/request/byte_connection.hpp"
#include "base/counters.hpp"

namespace berth::api {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

/// What a peer may send ahead while a response streams; more is not read until it ended.
constexpr std::size_t kReadAhead = 16 * 1024;
/// Room for the first bytes of a request; a short one fits.
constexpr std::size_t kFirstRead = 512;
constexpr std::string_view kImpersonate = "impersonate-";

Method method_of(http::verb verb) {
  if (verb == http::verb::get || verb == http::verb::head) return Method::Get;
  if (verb == http::verb::post) return Method::Post;
  if (verb == http::verb::put) return Method::Put;
  if (verb == http::verb::patch) return Method::Patch;
  if (verb == http::verb::delete_) return Method::Delete;
  return Method::Other;
}

/// More are not read: kubectl offers five.
constexpr std::size_t kMaxProtocols = 16;

std::string text(beast::string_view view) { return {view.data(), view.size()}; }

/// A client that thinks we are a proxy sends "http://host/path" (RFC 9112, section 3.2.2): the path is all that counts.
std::string origin_form(std::string target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !beast::iequals(target.substr(0, scheme.size()), scheme)) continue;
    const auto slash = target.find_first_of("/?", scheme.size());
    if (slash == std::string::npos) return "/";
    return target[slash] == '/' ? target.substr(slash) : "/" + target.substr(slash);
  }
  return target;
}

/// "Bearer TOKEN" → TOKEN; empty for anything else.
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size() || !beast::iequals(authorization.substr(0, kScheme.size()), kScheme)) {
    return {};
  }
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' ', kScheme.size()), authorization.size()));
  return authorization;
}

/// RFC 9110, section 5.6.7. The C locale: nobody calls setlocale(3) here.
std::string http_date() {
  static std::time_t made_for = 0;  // API thread only
  static std::string made;
  const auto now = std::time(nullptr);
  if (now == made_for) return made;
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char out[32];
  made.assign(out, std::strftime(out, sizeof(out), "%a, %d %b %Y %H:%M:%S GMT", &parts));
  made_for = now;
  return made;
}

/// Both, as one thing to hold on to.
std::shared_ptr<void> hold(std::shared_ptr<void> first, std::shared_ptr<void> second) {
  return std::make_shared<std::pair<std::shared_ptr<void>, std::shared_ptr<void>>>(std::move(first), std::move(second));
}

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::local::stream_protocol::socket socket, Peer peer, std::shared_ptr<HttpShared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)), peer_(std::move(peer)) {
    if (!peer_.user) stranger_ = count_in(shared_, &HttpShared::strangers);
  }

  /// Waits for a request's first byte, then for the rest of its headers: a kept connection may rest for long, a request
  /// that has begun may not.
  void read_request() {
    place_.reset();
    if (buffer_.size() > 0) return read_header();
    buffer_ = {};  // what rests costs nothing
    stream_.expires_after(stranger_ ? shared_->limits.stranger : shared_->limits.idle);
    stream_.async_read_some(buffer_.prepare(kFirstRead),
                            [self = shared_from_this()](beast::error_code error, std::size_t got) {
                              if (error) return self->close();
                              self->buffer_.commit(got);
                              self->read_header();
                            });
  }

 private:
  void read_header() {
    parser_.emplace();
    parser_->header_limit(shared_->limits.header_bytes);
    parser_->body_limit(shared_->limits.body_bytes);
    stream_.expires_after(stranger_ ? std::min(shared_->limits.stranger, shared_->limits.header)
                                    : shared_->limits.header);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (error) return self->refuse(error);
                              if (const auto refusal = self->let_in()) return self->refuse(*refusal);
                              self->read_body();
                            });
  }

  /// Who asks, and whether they may: decided before a byte of the body is taken. Why not, else nullopt.
  std::optional<ApiError> let_in() {
    const auto& head = parser_->get();
    keep_alive_ = head.keep_alive();
    version_ = head.version();
    is_head_ = head.method() == http::verb::head;
    incoming_ = {};
    incoming_.method = method_of(head.method());
    incoming_.target = origin_form(text(head.target()));
    auto user = peer_.user;
    if (!user && shared_->guards.authenticate) {
      const auto field = head[http::field::authorization];
      user = shared_->guards.authenticate(bearer_token({field.data(), field.size()}));
    }
    if (!user) {
      keep_alive_ = false;
      return unauthorized();
    }
    stranger_.reset();
    incoming_.user = *std::move(user);
    for (const auto& field : head) {
      // Ignoring it would do as an admin what somebody wanted to be done, or refused, as another.
      const auto name = field.name_string();
      if (name.size() <= kImpersonate.size() || !beast::iequals(name.substr(0, kImpersonate.size()), kImpersonate))
        continue;
      return forbidden(incoming_.user, {.verb = "impersonate", .resource = "users", .name = text(field.value())});
    }
    if (!shared_->guards.admit) return std::nullopt;
    const auto announced = parser_->content_length();
    const auto body_bytes = announced            ? static_cast<std::size_t>(*announced)
                            : parser_->chunked() ? shared_->limits.body_bytes
                                                 : 0;
    auto place = shared_->guards.admit(incoming_, body_bytes);
    if (!place) return place.error();
    place_ = *std::move(place);
    return std::nullopt;
  }

  void read_body() {
    stream_.expires_after(shared_->limits.body);
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
      auto go_on = std::make_shared<http::response<http::empty_body>>(http::status::continue_, 11);
      http::async_write(stream_, *go_on, [self = shared_from_this(), go_on](beast::error_code error, std::size_t) {
        if (!error) self->read_rest();
      });
      return;
    }
    read_rest();
  }

  void read_rest() {
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return self->refuse(error);
      self->dispatch();
    });
  }

  /// The request could not be read: say why when the peer can still listen, then close.
  void refuse(beast::error_code error) {
    ApiError answer = bad_request(error.message());
    if (error == http::error::header_limit) {
      answer = {.code = 431, .reason = "RequestHeaderFieldsTooLarge", .message = "the request's headers are too large"};
    } else if (error == http::error::body_limit) {
      answer = {.code = 413, .reason = "RequestEntityTooLarge", .message = "the request's body is too large"};
    } else if (error.category() != make_error_code(http::error::bad_method).category() ||
               error == http::error::end_of_stream || error == http::error::partial_message) {
      return close();  // gone, silent for too long, or the idle end of a kept connection
    }
    keep_alive_ = false;
    is_head_ = false;
    version_ = 11;
    respond(to_response(answer));
  }

  /// The request was understood and is not let in. Its body, if it has one, is not read: then nothing can follow it.
  void refuse(const ApiError& error) {
    if (!parser_->is_done()) keep_alive_ = false;
    auto response = to_response(error);
    if (error.code == 429) response.headers.emplace_back("Retry-After", "1");
    respond(std::move(response));
  }

  void dispatch() {
    request_ = parser_->release();
    auto request = std::move(incoming_);
    request.content_type = text(request_[http::field::content_type]);
    request.accept = text(request_[http::field::accept]);
    request.user_agent = text(request_[http::field::user_agent]);
    read_upgrade(request);
    request.body = std::move(request_.body());
    stream_.expires_never();
    // The answer may come after this connection is gone.
    shared_->handler(std::move(request),
                     [weak = weak_from_this(), self = shared_from_this()](HttpResponse response) mutable {
                       if (self) self->respond(std::move(response));
                       self.reset();
                     });
  }

  void read_upgrade(HttpRequest& request) const {
    if (beast::websocket::is_upgrade(request_)) {
      request.upgrade = Upgrade::WebSocket;
      request.web_socket_key = text(request_[http::field::sec_websocket_key]);
    } else if (request_.version() >= 11 && http::token_list(request_[http::field::connection]).exists("upgrade") &&
               beast::iequals(request_[http::field::upgrade], "SPDY/3.1")) {
      request.upgrade = Upgrade::Spdy;
    } else {
      return;
    }
    const auto add = [&](const auto& lines) {
      for (auto it = lines.first; it != lines.second && request.protocols.size() < kMaxProtocols; ++it) {
        // Not Beast's token_list: a slash is no token character, and "SPDY/3.1+portforward.k8s.io" has one.
        std::string_view rest(it->value().data(), it->value().size());
        while (!rest.empty() && request.protocols.size() < kMaxProtocols) {
          const auto end = std::min(rest.find(','), rest.size());
          auto one = rest.substr(0, end);
          while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
          while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
          if (!one.empty()) request.protocols.emplace_back(one);
          rest.remove_prefix(std::min(end + 1, rest.size()));
        }
      }
    };
    if (request.upgrade == Upgrade::WebSocket) {
      add(request_.equal_range(http::field::sec_websocket_protocol));
    } else {
      add(request_.equal_range("X-Stream-Protocol-Version"));
    }
  }

  void respond(HttpResponse response) {
    if (response.session) {
      std::string head = "HTTP/1.1 101 Switching Protocols\r\nServer: berth/" BERTH_VERSION "\r\n";
      for (const auto& [name, value] : response.headers)
        fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
      head += "\r\n";
      start_byte_connection(std::move(stream_), std::move(head), beast::buffers_to_string(buffer_.data()),
                            std::move(response.session), hold(std::move(peer_.place), std::move(place_)));
      return;
    }
    const auto prepare = [&](auto& message) {
      message.result(response.code);
      message.version(version_);
      message.set(http::field::content_type, response.content_type);
      message.set(http::field::server, "berth/" BERTH_VERSION);
      message.set(http::field::date, http_date());
      message.set(http::field::cache_control, "no-cache, private");
      message.set("X-Content-Type-Options", "nosniff");
      for (const auto& [name, value] : response.headers) message.insert(name, value);
    };
    request_ = {};
    if (is_head_) return respond_head(response, prepare);
    if (!response.stream) {
      auto message = std::make_shared<http::response<http::string_body>>();
      prepare(*message);
      message->body() = std::move(response.body);
      message->keep_alive(keep_alive_);
      message->prepare_payload();
      stream_.expires_after(shared_->limits.stalled);
      http::async_write(stream_, *message, [self = shared_from_this(), message](beast::error_code error, std::size_t) {
        if (error) return self->close();
        self->finish();
      });
      return;
    }
    source_ = std::move(response.stream);
    source_->on_wake([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->pump();
    });
    chunked_ = version_ >= 11;
    if (!chunked_) keep_alive_ = false;  // HTTP/1.0: the end of the connection is the end of the body
    auto message = std::make_shared<http::response<http::empty_body>>();
    prepare(*message);
    if (chunked_) message->chunked(true);
    message->keep_alive(keep_alive_);
    auto serializer = std::make_shared<http::response_serializer<http::empty_body>>(*message);
    writing_ = true;
    watch_for_hangup();
    stream_.expires_after(shared_->limits.stalled);
    http::async_write_header(stream_, *serializer,
                             [self = shared_from_this(), message, serializer](beast::error_code error, std::size_t) {
                               self->writing_ = false;
                               if (error) return self->close();
                               self->pump();
                             });
  }

  /// HEAD: what GET would answer, without making the body of a list or a watch.
  template <typename Prepare>
  void respond_head(const HttpResponse& response, const Prepare& prepare) {
    auto message = std::make_shared<http::response<http::empty_body>>();
    prepare(*message);
    if (!response.stream) message->content_length(response.body.size());
    message->keep_alive(keep_alive_);
    auto serializer = std::make_shared<http::response_serializer<http::empty_body>>(*message);
    stream_.expires_after(shared_->limits.stalled);
    http::async_write_header(stream_, *serializer,
                             [self = shared_from_this(), message, serializer](beast::error_code error, std::size_t) {
                               if (error) return self->close();
                               self->finish();
                             });
  }

  /// Sends the next piece of the body, if there is one.
  void pump() {
    if (writing_ || !source_) return;
    piece_.clear();
    const auto state = source_->read(piece_);
    const bool ended = state == BodySource::State::End;
    if (piece_.empty()) {
      if (ended) end_body();
      if (state == BodySource::State::More) pump();
      return;
    }
    writing_ = true;
    stream_.expires_after(shared_->limits.stalled);
    const auto sent = [self = shared_from_this(), ended](beast::error_code error, std::size_t) {
      self->writing_ = false;
      if (error) return self->close();
      if (ended) return self->end_body();
      self->pump();
    };
    if (chunked_) {
      asio::async_write(stream_, http::make_chunk(asio::buffer(piece_)), sent);
    } else {
      asio::async_write(stream_, asio::buffer(piece_), sent);
    }
  }

  void end_body() {
    source_.reset();
    if (!chunked_) return close();
    writing_ = true;
    stream_.expires_after(shared_->limits.stalled);
    asio::async_write(stream_, http::make_chunk_last(),
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        self->writing_ = false;
                        if (error) return self->close();
                        self->finish();
                      });
  }

  /// While a body streams nobody else reads: notice that the peer went away, keep what it sends ahead.
  void watch_for_hangup() {
    if (buffer_.size() >= kReadAhead || hangup_pending_) return;
    hangup_pending_ = true;
    stream_.socket().async_wait(asio::socket_base::wait_read, [self = shared_from_this()](beast::error_code error) {
      self->hangup_pending_ = false;
      if (error || !self->source_) return;
      char byte = 0;
      const auto got = ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (got == 0) return self->close();
      if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return self->close();
      if (got > 0) return;  // the next request is here already: a hang-up is now seen when writing
      self->watch_for_hangup();
    });
  }

  void finish() {
    if (!keep_alive_) return close();
    // The hang-up watch holds the socket's read side as long as it waits.
    if (hangup_pending_) stream_.socket().cancel();
    read_request();
  }

  void close() {
    source_.reset();
    place_.reset();
    beast::error_code ignored;
    stream_.socket().shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
    stream_.close();
  }

  UnixStream stream_;
  std::shared_ptr<HttpShared> shared_;
  Peer peer_;
  std::shared_ptr<void> stranger_;  ///< Held until a token was good.
  std::shared_ptr<void> place_;     ///< Of the request that is being answered.
  HttpRequest incoming_;            ///< While its body is read.
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::request<http::string_body> request_;
  std::unique_ptr<BodySource> source_;
  std::string piece_;  ///< Being written.
  unsigned version_ = 11;
  bool keep_alive_ = true;
  bool is_head_ = false;
  bool chunked_ = true;
  bool writing_ = false;
  bool hangup_pending_ = false;
};

}  // namespace

std::shared_ptr<void> count_in(const std::shared_ptr<HttpShared>& shared, std::size_t HttpShared::*counter) {
  const bool is_all = counter == &HttpShared::open;
  ++(*shared.*counter);
  if (is_all) ++counters().api_connections;
  return {shared.get(), [shared, counter, is_all](void*) {
            --(*shared.*counter);
            if (is_all) --counters().api_connections;
          }};
}

void start_connection(asio::local::stream_protocol::socket socket, Peer peer, std::shared_ptr<HttpShared> shared) {
  std::make_shared<Connection>(std::move(socket), std::move(peer), std::move(shared))->read_request();
}

}  // namespace berth::api
