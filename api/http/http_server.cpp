// api/http/http_server.cpp - accepts connections up to the limit.
#include "api/http/http_server.hpp"

#include <sys/socket.h>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "api/http/http_connection.hpp"
#include "api/request/api_error.hpp"

namespace berth::api {

namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;

/// After accept(2) failed, out of descriptors most likely: give the others time to end.
constexpr std::chrono::milliseconds kAcceptPause{100};

class Server final : public std::enable_shared_from_this<Server> {
 public:
  Server(Reactor& reactor, UniqueFd listener, const HttpLimits& limits, HttpGuards guards, HttpHandler handler)
      : reactor_(reactor), acceptor_(reactor.context()), shared_(std::make_shared<HttpShared>()) {
    acceptor_.assign(stream_protocol(), listener.release());
    shared_->limits = limits;
    shared_->guards = std::move(guards);
    shared_->handler = std::move(handler);
  }

  void accept() {
    acceptor_.async_accept([weak = weak_from_this()](const boost::system::error_code& error,
                                                     stream_protocol::socket peer) {
      const auto self = weak.lock();
      if (!self || error == asio::error::operation_aborted) return;
      if (error) {
        self->pause_ = self->reactor_.after(kAcceptPause, [weak] {
          if (const auto again = weak.lock()) again->accept();
        });
        return;
      }
      if (self->shared_->open >= self->shared_->limits.connections) {
        turn_away(peer);
      } else {
        auto user = socket_user(peer.native_handle());
        start_connection(std::move(peer), {std::move(user), count_in(self->shared_, &HttpShared::open)}, self->shared_);
      }
      self->accept();
    });
  }

  void adopt(UniqueFd fd, std::optional<User> user) {
    stream_protocol::socket peer(reactor_.context());
    boost::system::error_code failed;
    peer.assign(stream_protocol(), fd.get(), failed);
    if (failed) return;
    static_cast<void>(fd.release());
    const auto& limits = shared_->limits;
    if (shared_->open >= limits.connections || shared_->adopted >= limits.adopted ||
        (!user && shared_->strangers >= limits.strangers)) {
      return turn_away(peer);
    }
    auto place = std::make_shared<std::pair<std::shared_ptr<void>, std::shared_ptr<void>>>(
        count_in(shared_, &HttpShared::open), count_in(shared_, &HttpShared::adopted));
    start_connection(std::move(peer), {std::move(user), std::move(place)}, shared_);
  }

 private:
  /// One non-blocking write: a fresh socket has room for it.
  static void turn_away(stream_protocol::socket& peer) {
    const auto body = json::serialize(
        encode_status({.code = 503, .reason = "ServiceUnavailable", .message = "too many connections"}));
    const auto message = fmt::format(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n{}",
        body.size(), body);
    static_cast<void>(::send(peer.native_handle(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  }

  Reactor& reactor_;
  stream_protocol::acceptor acceptor_;
  std::shared_ptr<HttpShared> shared_;
  std::unique_ptr<ReactorHandle> pause_;
};

/// Owns the Server: a callback that is still queued holds only a weak reference.
class Holder final : public HttpServer {
 public:
  explicit Holder(std::shared_ptr<Server> server) : server_(std::move(server)) {}

  void adopt(UniqueFd socket, std::optional<User> user) override { server_->adopt(std::move(socket), std::move(user)); }

 private:
  std::shared_ptr<Server> server_;
};

}  // namespace

std::unique_ptr<HttpServer> serve_http(Reactor& reactor, UniqueFd listener, const HttpLimits& limits, HttpGuards guards,
                                       HttpHandler handler) {
  auto server = std::make_shared<Server>(reactor, std::move(listener), limits, std::move(guards), std::move(handler));
  server->accept();
  return std::make_unique<Holder>(std::move(server));
}

}  // namespace berth::api
