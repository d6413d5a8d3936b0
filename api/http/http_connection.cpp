// api/http/http_connection.cpp - one connection: read a request, answer it, again.
#include "api/http/http_connection.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/access/authorization.hpp"
#include "api/http/request_reader.hpp"
#include "api/http/response_writer.hpp"
#include "api/request/api_error.hpp"
#include "api/request/byte_connection.hpp"
#include "base/counters.hpp"

namespace berth::api {

namespace {

namespace asio = boost::asio;

/// Both, as one thing to hold on to.
std::shared_ptr<void> hold(std::shared_ptr<void> first, std::shared_ptr<void> second) {
  return std::make_shared<std::pair<std::shared_ptr<void>, std::shared_ptr<void>>>(std::move(first), std::move(second));
}

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::local::stream_protocol::socket socket, Peer peer, std::shared_ptr<HttpShared> shared)
      : stream_(std::move(socket)),
        shared_(std::move(shared)),
        peer_(std::move(peer)),
        reader_(stream_, shared_->limits),
        writer_(stream_, shared_->limits) {
    if (!peer_.user) stranger_ = count_in(shared_, &HttpShared::strangers);
  }

  void read_request() {
    place_.reset();
    head_.reset();
    const auto& limits = shared_->limits;
    reader_.read_head(shared_from_this(), stranger_ ? limits.stranger : limits.idle,
                      stranger_ ? std::min(limits.stranger, limits.header) : limits.header,
                      [this](std::optional<ApiResult<RequestHead>> head) {
                        if (!head) return close();  // gone, or the idle end of a kept connection
                        if (!*head) return refuse(head->error());
                        head_ = **std::move(head);
                        if (const auto refusal = let_in()) return refuse(*refusal);
                        read_body();
                      });
  }

 private:
  /// Who asks, and whether they may: decided before a byte of the body is taken. Why not, else nullopt.
  std::optional<ApiError> let_in() {
    auto user = peer_.user;
    if (!user && shared_->guards.authenticate) user = shared_->guards.authenticate(head_->bearer_token);
    auto& request = head_->request;
    if (!user) {
      head_->keep_alive = false;
      // Whom we do not know stays bounded as such: few at a time, one request each. Who said a wrong token is told so.
      if (!head_->bearer_token.empty() || !is_open_to_all(request.method, request.target)) return unauthorized();
      user = anonymous_user();
    } else {
      stranger_.reset();
    }
    request.user = *std::move(user);
    if (head_->for_other_site) {
      return ApiError{.code = 403, .reason = "Forbidden", .message = "a page of another site sent this request"};
    }
    // Ignoring it would do as an admin what somebody wanted to be done, or refused, as another.
    if (head_->impersonates) {
      return forbidden(request.user, {.verb = "impersonate", .resource = "users", .name = *head_->impersonates});
    }
    if (!shared_->guards.admit) return std::nullopt;
    auto place = shared_->guards.admit(request, head_->chunked ? shared_->limits.body_bytes : head_->content_length);
    if (!place) return place.error();
    place_ = *std::move(place);
    return std::nullopt;
  }

  void read_body() {
    reader_.read_body(shared_from_this(), *head_, [this](std::optional<ApiResult<std::string>> body) {
      if (!body) return close();
      if (!*body) return refuse(body->error());
      head_->request.body = **std::move(body);
      dispatch();
    });
  }

  /// The request was not understood or is not let in. Its body, if it may have one, is not read: then nothing that
  /// follows is a request.
  void refuse(const ApiError& error) {
    if (!head_) head_.emplace().keep_alive = false;
    if (head_->has_body()) head_->keep_alive = false;
    unread_ = !head_->keep_alive;
    respond(to_response(error));
  }

  void dispatch() {
    stream_.expires_never();
    // The answer may come after this connection is gone.
    shared_->handler(std::move(head_->request), [self = shared_from_this()](HttpResponse response) mutable {
      if (self) self->respond(std::move(response));
      self.reset();
    });
  }

  void respond(HttpResponse response) {
    if (response.session) {
      std::string head = "HTTP/1.1 101 Switching Protocols\r\nServer: berth/" BERTH_VERSION "\r\n";
      for (const auto& [name, value] : response.headers)
        fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
      head += "\r\n";
      start_byte_connection(std::move(stream_), std::move(head), reader_.take_ahead(), std::move(response.session),
                            hold(std::move(peer_.place), std::move(place_)));
      return;
    }
    writer_.write(shared_from_this(), std::move(response), {head_->version, head_->is_head, head_->keep_alive},
                  [this](ResponseWriter::End end) {
                    if (end == ResponseWriter::End::Next) return read_request();
                    if (end == ResponseWriter::End::Close && unread_) return hang_up();
                    close();
                  });
  }

  /// Says that nothing more comes, and lets the peer finish: it may still be sending what we do not want.
  void hang_up() {
    place_.reset();
    boost::system::error_code ignored;
    stream_.socket().shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
    reader_.drain(shared_from_this(), [this] { close(); });
  }

  void close() {
    place_.reset();
    boost::system::error_code ignored;
    stream_.socket().shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
    stream_.close();
  }

  UnixStream stream_;
  std::shared_ptr<HttpShared> shared_;
  Peer peer_;
  std::shared_ptr<void> stranger_;   ///< Held until a token was good.
  std::shared_ptr<void> place_;      ///< Of the request that is being answered.
  std::optional<RequestHead> head_;  ///< Of that request.
  bool unread_ = false;              ///< The peer may be sending what will not be read.
  RequestReader reader_;
  ResponseWriter writer_;
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
