// api/streams/proxy_exchange.cpp - see proxy_exchange.hpp.
#include "api/streams/proxy_exchange.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>

#include "api/request/api_error.hpp"
#include "api/request/peer_socket.hpp"
#include "base/dial.hpp"

namespace berth::api {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::chrono::seconds kConnect{10};
constexpr std::chrono::seconds kHead{60};
constexpr std::size_t kMaxHead = 64 * 1024;

/// A body that is taken away piece by piece. string_body would make room for all that a Content-Length promises.
struct PieceBody {
  using value_type = std::string;
  class reader {
   public:
    template <bool kIsRequest, class Fields>
    reader(http::header<kIsRequest, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>&, beast::error_code& error) { error = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, beast::error_code& error) {
      error = {};
      std::size_t size = 0;
      for (const auto buffer : beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        size += buffer.size();
      }
      return size;
    }
    void finish(beast::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

template <std::size_t kCount>
bool is_one_of(std::string_view name, const std::string_view (&names)[kCount]) {
  return std::any_of(std::begin(names), std::end(names), [&](auto one) { return beast::iequals(one, name); });
}

/// Of one connection, not of what goes over it.
bool is_of_connection(std::string_view name) {
  static constexpr std::string_view kNames[] = {"Connection",
                                                "Keep-Alive",
                                                "Proxy-Connection",
                                                "Proxy-Authenticate",
                                                "Proxy-Authorization",
                                                "TE",
                                                "Trailer",
                                                "Transfer-Encoding",
                                                "Upgrade",
                                                "Expect",
                                                "Content-Length"};
  return is_one_of(name, kNames);
}
/// What our own server says to the client.
bool is_ours(std::string_view name) {
  static constexpr std::string_view kNames[] = {"Content-Type", "Server", "Date", "X-Content-Type-Options"};
  return is_one_of(name, kNames);
}
/// What the client says to us: a pod must not learn with which token it is asked.
bool is_for_us(std::string_view name) {
  static constexpr std::string_view kNames[] = {"Host", "Authorization", "X-Forwarded-Uri"};
  return is_one_of(name, kNames);
}

/// Held by the timer that ends its patience until it has answered, then by the body or session that the answer has.
class Exchange final : public ForwardPeer, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(ApiContext& context, bool upgrades, std::string failing, Respond respond)
      : context_(context), upgrades_(upgrades), failing_(std::move(failing)), respond_(std::move(respond)) {
    parser_.body_limit(boost::none);
    parser_.header_limit(kMaxHead);
    parser_.eager(true);
  }

  void start(ForwardTarget target, std::string_view request) {
    port_ = make_forwarded_port(context_, std::move(target));
    late_ = context_.reactor.after(kHead, [self = shared_from_this()] {
      self->answer({.code = 504, .reason = "Timeout", .message = self->failing_ + ": no answer within a minute"});
    });
    port_->start(*this);
    port_->input(request);
  }

  // Each of these may answer, and with the answer goes who held us.
  void send_data(std::string bytes) override {
    const auto hold = shared_from_this();
    if (socket_ != nullptr) return socket_->send(std::move(bytes));
    unread_ += bytes;
    while (!unread_.empty() && !over_) {
      beast::error_code error;
      const auto used = parser_.put(boost::asio::buffer(unread_), error);
      unread_.erase(0, used);
      if (error && error != http::error::need_more) return break_off(error.message());
      take_piece();
      if (upgraded_) return;
      if (parser_.is_done()) return end();
      if (error || used == 0) break;
    }
    wake();
  }
  std::size_t queued_bytes() const override { return socket_ != nullptr ? socket_->queued_bytes() : piece_.size(); }
  void set_reading(bool reading) override {
    if (socket_ != nullptr) socket_->set_reading(reading);
  }
  void end_output() override {
    if (over_) return;
    const auto hold = shared_from_this();
    if (upgraded_) return end();
    if (!parser_.got_some()) return break_off("unexpected EOF");  // Nothing came, and the parser wants something.
    beast::error_code error;
    parser_.put_eof(error);
    if (error || !parser_.is_header_done()) return break_off("unexpected EOF");
    take_piece();
    end();
  }
  void fail(const std::string& why) override { break_off(why); }
  void done() override { end(); }

  // The body's half.
  void on_wake(std::function<void()> wake) { wake_ = std::move(wake); }
  BodySource::State read(std::string& out) {
    out += std::exchange(piece_, {});
    if (over_) return broken_ ? BodySource::State::Broken : BodySource::State::End;
    port_->drained();
    return BodySource::State::Later;
  }
  void abandon() {
    wake_ = nullptr;
    socket_ = nullptr;
    over_ = true;
    port_->abandon();
  }

  // The session's.
  void open(PeerSocket& socket) {
    socket_ = &socket;
    if (!unread_.empty()) socket_->send(std::exchange(unread_, {}));
    if (over_ && socket_ != nullptr) socket_->close();
  }
  ForwardedPort& port() { return *port_; }

 private:
  /// The client, since both speak what was agreed on. An end of either is the end.
  class Session final : public PeerSession {
   public:
    explicit Session(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
    void on_open(PeerSocket& socket) override { exchange_->open(socket); }
    void on_message(std::string_view bytes) override { exchange_->port().input(bytes); }
    void on_drained() override { exchange_->port().drained(); }
    void on_closed() override { exchange_->abandon(); }

   private:
    const std::shared_ptr<Exchange> exchange_;
  };

  class Body final : public BodySource {
   public:
    explicit Body(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
    ~Body() override { exchange_->abandon(); }
    State read(std::string& out) override { return exchange_->read(out); }
    void on_wake(std::function<void()> wake) override { exchange_->on_wake(std::move(wake)); }

   private:
    const std::shared_ptr<Exchange> exchange_;
  };

  void break_off(const std::string& why) {
    const auto hold = shared_from_this();
    broken_ = true;
    answer({.code = 503, .reason = "ServiceUnavailable", .message = failing_ + ": " + why});
    end();
  }

  void take_piece() {
    piece_ += std::exchange(parser_.get().body(), {});
    if (!parser_.is_header_done() || !respond_) return;
    const auto& head = parser_.get();
    upgraded_ = upgrades_ && head.result_int() == 101;
    // Nobody was asked for an interim answer, or for another protocol.
    if (head.result_int() < 200 && !upgraded_) return break_off(fmt::format("unexpected status {}", head.result_int()));
    HttpResponse response;
    response.code = head.result_int();
    const auto type = head[http::field::content_type];
    response.content_type = type.empty() ? std::string("application/octet-stream") : std::string(type);
    for (const auto& field : head) {
      const std::string_view name(field.name_string().data(), field.name_string().size());
      if ((upgraded_ || !is_of_connection(name)) && !is_ours(name)) {
        response.headers.emplace_back(std::string(name), std::string(field.value()));
      }
    }
    const bool has_body = response.code != 204 && response.code != 304;
    if (upgraded_) {
      response.session = std::make_shared<Session>(shared_from_this());
    } else if (has_body) {
      response.stream = std::make_unique<Body>(shared_from_this());
    }
    respond(std::move(response));
  }

  void answer(const ApiError& error) {
    if (respond_) respond(to_response(error));
  }
  void respond(HttpResponse response) {
    const auto hold = shared_from_this();
    late_.reset();
    const bool streams = response.stream != nullptr || response.session != nullptr;
    if (const auto respond = std::exchange(respond_, nullptr)) respond(std::move(response));
    if (!streams) abandon();
  }

  void end() {
    if (std::exchange(over_, true)) return;
    port_->abandon();
    if (socket_ != nullptr) socket_->close();
    wake();
  }
  void wake() {
    if (const auto wake = wake_) wake();
  }

  ApiContext& context_;
  const bool upgrades_;
  const std::string failing_;
  Respond respond_;
  std::shared_ptr<ForwardedPort> port_;
  std::unique_ptr<ReactorHandle> late_;
  http::response_parser<PieceBody> parser_;
  std::string unread_;  ///< Came, and is not yet enough to be understood.
  std::string piece_;   ///< Of the body, for the client.
  std::function<void()> wake_;
  PeerSocket* socket_ = nullptr;  ///< Of a client that speaks with the other one as they agreed.
  bool upgraded_ = false;
  bool over_ = false;
  bool broken_ = false;
};

}  // namespace

std::string proxied_request(const HttpRequest& request, const TcpAddress& address, std::string_view path,
                            std::string_view word) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", word, path, address.text());
  const auto put = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
  };
  for (const auto& [name, value] : request.headers) {
    if (!is_of_connection(name) && !is_for_us(name)) put(name, value);
  }
  if (!request.body.empty() || word != "GET") put("Content-Length", std::to_string(request.body.size()));
  put("X-Forwarded-Uri", request.target.substr(0, request.target.find('?')));
  out += "Connection: close\r\n\r\n";
  out += request.body;
  return out;
}

ForwardTarget proxied_target(const ApiContext& context, const TcpAddress& address) {
  auto dial = context.config.dial_address;
  if (!dial) dial = [](const TcpAddress& to) { return dial_tcp(to, kConnect); };
  ForwardTarget target;
  target.dial = [dial = std::move(dial), address] { return dial(address); };
  return target;
}

void start_proxy_exchange(ApiContext& context, ProxyExchange exchange, Respond respond) {
  std::make_shared<Exchange>(context, exchange.upgrades, std::move(exchange.failing), std::move(respond))
      ->start(std::move(exchange.target), exchange.request);
}

}  // namespace berth::api
