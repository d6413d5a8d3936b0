// api/http_connection.cpp - one connection: read a request, answer it, again.
#include "api/http_connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <iterator>
#include <optional>

#include <fmt/format.h>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "api/api_error.hpp"
#include "api/byte_connection.hpp"
#include "base/counters.hpp"

namespace berth::api {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

/// What a peer may send ahead while a response streams; more is not read until it ended.
constexpr std::size_t kReadAhead = 16 * 1024;

Method method_of(http::verb verb) {
  if (verb == http::verb::get) return Method::Get;
  if (verb == http::verb::post) return Method::Post;
  if (verb == http::verb::put) return Method::Put;
  if (verb == http::verb::patch) return Method::Patch;
  if (verb == http::verb::delete_) return Method::Delete;
  return Method::Other;
}

/// More are not read: kubectl offers five.
constexpr std::size_t kMaxProtocols = 16;

std::string text(beast::string_view view) { return {view.data(), view.size()}; }

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::local::stream_protocol::socket socket, std::shared_ptr<HttpShared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    user_ = socket_user(stream_.socket().native_handle());
    ++shared_->open;
    ++counters().api_connections;
    counted_ = std::shared_ptr<void>(nullptr, [shared = shared_](void*) {
      --shared->open;
      --counters().api_connections;
    });
  }

  void read_request() {
    parser_.emplace();
    parser_->header_limit(shared_->limits.header_bytes);
    parser_->body_limit(shared_->limits.body_bytes);
    stream_.expires_after(shared_->limits.idle);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (error) return self->refuse(error);
                              self->read_body();
                            });
  }

 private:
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
      answer = {.code = 431,
                .reason = "RequestHeaderFieldsTooLarge",
                .message = "the request's headers are too large",
                .name = {},
                .group = {},
                .kind = {},
                .causes = {}};
    } else if (error == http::error::body_limit) {
      answer = {.code = 413,
                .reason = "RequestEntityTooLarge",
                .message = "the request's body is too large",
                .name = {},
                .group = {},
                .kind = {},
                .causes = {}};
    } else if (error.category() != make_error_code(http::error::bad_method).category() ||
               error == http::error::end_of_stream || error == http::error::partial_message) {
      return close();  // gone, silent for too long, or the idle end of a kept connection
    }
    keep_alive_ = false;
    version_ = 11;
    respond(to_response(answer));
  }

  void dispatch() {
    request_ = parser_->release();
    keep_alive_ = request_.keep_alive();
    version_ = request_.version();
    HttpRequest request;
    request.method = method_of(request_.method());
    request.target = text(request_.target());
    request.content_type = text(request_[http::field::content_type]);
    request.accept = text(request_[http::field::accept]);
    request.user_agent = text(request_[http::field::user_agent]);
    read_upgrade(request);
    request.body = std::move(request_.body());
    request.user = user_;
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
                            std::move(response.session), std::move(counted_));
      return;
    }
    const auto prepare = [&](auto& message) {
      message.result(response.code);
      message.version(version_);
      message.set(http::field::content_type, response.content_type);
      message.set(http::field::server, "berth/" BERTH_VERSION);
      message.set(http::field::cache_control, "no-cache, private");
      for (const auto& [name, value] : response.headers) message.insert(name, value);
    };
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
    beast::error_code ignored;
    stream_.socket().shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
    stream_.close();
  }

  UnixStream stream_;
  std::shared_ptr<HttpShared> shared_;
  User user_;
  std::shared_ptr<void> counted_;  ///< One place of the connection limit.
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::request<http::string_body> request_;
  std::unique_ptr<BodySource> source_;
  std::string piece_;  ///< Being written.
  unsigned version_ = 11;
  bool keep_alive_ = true;
  bool chunked_ = true;
  bool writing_ = false;
  bool hangup_pending_ = false;
};

}  // namespace

void start_connection(asio::local::stream_protocol::socket socket, std::shared_ptr<HttpShared> shared) {
  std::make_shared<Connection>(std::move(socket), std::move(shared))->read_request();
}

}  // namespace berth::api
