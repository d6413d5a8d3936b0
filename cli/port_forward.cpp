// cli/port_forward.cpp - local TCP ports whose connections go to a pod.
//
// One WebSocket (v4.channel.k8s.io, ?ports=N) per connection: channel 0 is the data, 1 the error; the first frame of
// each from the server is the port as two bytes, little endian.
#include "cli/port_forward.hpp"

#include <array>
#include <csignal>
#include <deque>
#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include "cli/http_client.hpp"

namespace berth::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ws = boost::beast::websocket;
using asio::ip::tcp;
using asio::local::stream_protocol;

constexpr std::size_t kPiece = 32 * 1024;
constexpr std::size_t kMostConnections = 1000;
constexpr std::chrono::seconds kLinger{5};

/// One accepted connection and its WebSocket. Each direction has one piece under way: a slow side slows the other down.
class Tunnel : public std::enable_shared_from_this<Tunnel> {
 public:
  Tunnel(asio::io_context& context, tcp::socket local, std::uint16_t port, std::size_t& count)
      : local_(std::move(local)), stream_(context), port_(port), count_(count), linger_(context) {
    ++count_;
  }
  ~Tunnel() { --count_; }
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  void start(const std::filesystem::path& socket, const std::string& path) {
    stream_.next_layer().async_connect(stream_protocol::endpoint(socket.string()),
                                       [self = shared_from_this(), path](beast::error_code error) {
                                         if (error) return self->fail(error.message());
                                         self->shake_hands(path);
                                       });
  }

 private:
  void shake_hands(const std::string& path) {
    stream_.set_option(ws::stream_base::decorator([](ws::request_type& request) {
      request.set(beast::http::field::sec_websocket_protocol, "v4.channel.k8s.io");
      request.set(beast::http::field::user_agent, "berth/" BERTH_VERSION);
    }));
    stream_.async_handshake(
        answer_, "localhost", fmt::format("{}?ports={}", path, port_),
        [self = shared_from_this()](beast::error_code error) {
          if (error) {
            const auto read =
                read_reply({.code = self->answer_.result_int(), .body = self->answer_.body(), .warnings = {}});
            return self->fail(self->answer_.body().empty() || read ? error.message() : read.error().message());
          }
          self->stream_.binary(true);
          self->read_local();
          self->read_remote();
        });
  }

  void read_local() {
    local_.async_read_some(asio::buffer(from_local_.data() + 1, kPiece),
                           [self = shared_from_this()](beast::error_code error, std::size_t size) {
                             if (error == asio::error::eof) return self->linger();
                             if (error) return self->finish();
                             self->from_local_[0] = 0;
                             self->stream_.async_write(asio::buffer(self->from_local_.data(), size + 1),
                                                       [self](beast::error_code failed, std::size_t) {
                                                         if (failed) return self->finish();
                                                         self->read_local();
                                                       });
                           });
  }

  /// The client has sent all it had. The protocol has no word for half a close, so the pod is not told; what it still
  /// sends is passed on until it is silent for a while.
  void linger() {
    lingering_ = true;
    linger_.expires_after(kLinger);
    linger_.async_wait([self = shared_from_this()](beast::error_code error) {
      if (!error) self->finish();
    });
  }

  void read_remote() {
    if (lingering_) linger();
    buffer_.clear();
    stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return self->finish();
      self->take({static_cast<const char*>(self->buffer_.cdata().data()), self->buffer_.size()});
    });
  }

  void take(std::string_view frame) {
    if (frame.empty() || static_cast<unsigned char>(frame[0]) > 1) return read_remote();
    const auto channel = static_cast<std::size_t>(static_cast<unsigned char>(frame[0]));
    frame.remove_prefix(1);
    if (!begun_[channel]) {  // the port
      begun_[channel] = true;
      frame.remove_prefix(std::min<std::size_t>(2, frame.size()));
    }
    if (frame.empty()) return read_remote();
    if (channel == 1) {
      std::cerr << fmt::format("error: an error occurred forwarding {} -> {}: {}\n", local_port(), port_, frame);
      return finish();
    }
    asio::async_write(local_, asio::buffer(frame), [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return self->finish();
      self->read_remote();
    });
  }

  unsigned local_port() const {
    beast::error_code ignored;
    return local_.local_endpoint(ignored).port();
  }

  void fail(const std::string& why) {
    std::cerr << fmt::format("error: an error occurred forwarding {} -> {}: {}\n", local_port(), port_, why);
    finish();
  }

  void finish() {
    if (finished_) return;
    finished_ = true;
    lingering_ = false;
    linger_.cancel();
    beast::error_code ignored;
    local_.shutdown(tcp::socket::shutdown_both, ignored);
    local_.close(ignored);
    stream_.next_layer().close(ignored);
  }

  tcp::socket local_;
  ws::stream<stream_protocol::socket> stream_;
  std::uint16_t port_;
  std::size_t& count_;
  ws::response_type answer_;
  std::array<char, kPiece + 1> from_local_{};
  beast::flat_buffer buffer_;
  std::array<bool, 2> begun_{};
  asio::steady_timer linger_;
  bool lingering_ = false;
  bool finished_ = false;
};

class Listener {
 public:
  Listener(asio::io_context& context, const tcp::endpoint& at, std::uint16_t remote,
           const std::filesystem::path& socket, const std::string& path, std::size_t& count)
      : context_(context), acceptor_(context), remote_(remote), socket_(socket), path_(path), count_(count) {
    acceptor_.open(at.protocol(), error_);
    if (error_) return;
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error_);
    if (at.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(true), error_);
    acceptor_.bind(at, error_);
    if (!error_) acceptor_.listen(128, error_);
  }

  const beast::error_code& error() const { return error_; }
  tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

  void accept() {
    acceptor_.async_accept([this](beast::error_code error, tcp::socket connection) {
      if (error == asio::error::operation_aborted) return;
      if (!error && count_ < kMostConnections) {
        std::cout << fmt::format("Handling connection for {}\n", endpoint().port()) << std::flush;
        std::make_shared<Tunnel>(context_, std::move(connection), remote_, count_)->start(socket_, path_);
      }
      accept();
    });
  }

 private:
  asio::io_context& context_;
  tcp::acceptor acceptor_;
  std::uint16_t remote_;
  const std::filesystem::path& socket_;
  const std::string& path_;
  std::size_t& count_;
  beast::error_code error_;
};

std::vector<asio::ip::address> addresses_of(const std::vector<std::string>& words) {
  std::vector<asio::ip::address> out;
  for (const auto& word : words) {
    if (word == "localhost") {
      out.emplace_back(asio::ip::address_v4::loopback());
      out.emplace_back(asio::ip::address_v6::loopback());
      continue;
    }
    beast::error_code error;
    const auto address = asio::ip::make_address(word, error);
    if (!error) out.push_back(address);
  }
  return out;
}

}  // namespace

Status forward_ports(const std::filesystem::path& socket, const std::string& path,
                     const std::vector<ForwardedPort>& ports, const std::vector<std::string>& words) {
  std::size_t count = 0;
  asio::io_context context{1};
  std::vector<std::unique_ptr<Listener>> listeners;
  const auto addresses = addresses_of(words);
  if (addresses.empty())
    return Error(ErrorCode::InvalidArgument, fmt::format("invalid address: {}", fmt::join(words, ",")));
  for (const auto& port : ports) {
    std::string why;
    bool any = false;
    auto local = port.local;
    for (const auto& address : addresses) {
      auto listener =
          std::make_unique<Listener>(context, tcp::endpoint(address, local), port.remote, socket, path, count);
      if (listener->error()) {
        why += fmt::format("{}unable to listen on {}: {}", why.empty() ? "" : "; ", address.to_string(),
                           listener->error().message());
        continue;
      }
      any = true;
      local = listener->endpoint().port();  // the same one on every address
      const bool is_v6 = address.is_v6();
      std::cout << fmt::format("Forwarding from {}{}{}:{} -> {}\n", is_v6 ? "[" : "", address.to_string(),
                               is_v6 ? "]" : "", local, port.remote)
                << std::flush;
      listeners.push_back(std::move(listener));
    }
    if (!any) {
      return Error(ErrorCode::Unavailable, fmt::format("unable to listen on port {}: {}", port.local, why));
    }
  }
  for (const auto& listener : listeners) listener->accept();
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](beast::error_code, int) { context.stop(); });
  context.run();
  return Ok{};
}

}  // namespace berth::cli
