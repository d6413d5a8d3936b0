// cli/dashboard_proxy.cpp - see dashboard_proxy.hpp.
#include "cli/dashboard_proxy.hpp"

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "cli/dashboard_gate.hpp"
#include "model/meta.hpp"

namespace berth::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using asio::local::stream_protocol;

constexpr std::size_t kPiece = 32 * 1024;
constexpr std::uint32_t kMaxHead = 16 * 1024;
constexpr std::size_t kMostConnections = 64;
constexpr std::chrono::seconds kIdle{60};     ///< Until a request came whole.
constexpr std::chrono::seconds kStalled{60};  ///< Until the browser took a piece.
constexpr std::chrono::milliseconds kAcceptAgain{100};

std::string_view text(beast::string_view value) { return {value.data(), value.size()}; }

struct Refusal {
  http::status code;
  std::string_view sentence;
};

Refusal refusal(DashboardVerdict verdict) {
  switch (verdict) {
    case DashboardVerdict::NoKey:
      return {http::status::unauthorized,
              "Open the whole address that `berth dashboard` printed: it has the key. An address of an earlier run has "
              "another."};
    case DashboardVerdict::NotHere: return {http::status::not_found, "The dashboard has no such page."};
    case DashboardVerdict::NotAllowed:
      return {http::status::method_not_allowed, "The dashboard is for looking: it forwards GET and HEAD only."};
    case DashboardVerdict::ForeignHost:
      return {http::status::misdirected_request, "The dashboard answers to 127.0.0.1 and localhost only."};
    case DashboardVerdict::ForeignOrigin: return {http::status::forbidden, "A page of another site asked for this."};
    case DashboardVerdict::Forward:
    case DashboardVerdict::GiveCookie: break;
  }
  return {http::status::ok, ""};
}

struct Shared {
  std::filesystem::path socket;
  DashboardGate gate;
  std::size_t connections = 0;
};

/// A browser's connection. Its requests are answered one after the other, each through a connection of its own to the
/// agent; one piece of a body is under way, so a browser that reads slowly slows the agent's answer down.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket browser, std::shared_ptr<Shared> shared)
      : browser_(std::move(browser)), shared_(std::move(shared)) {
    ++shared_->connections;
  }
  ~Session() { --shared_->connections; }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void read_request() {
    request_.emplace();
    request_->header_limit(kMaxHead);
    browser_.expires_after(kIdle);
    http::async_read_header(browser_, from_browser_, *request_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (!error) self->decide();
                            });
  }

 private:
  void decide() {
    const auto& head = request_->get();
    DashboardVisit visit;
    visit.method = text(head.method_string());
    visit.target = text(head.target());
    visit.host = text(head[http::field::host]);
    visit.cookies = text(head[http::field::cookie]);
    visit.fetch_site = text(head["Sec-Fetch-Site"]);
    visit.upgrade = request_->upgrade();
    visit.body = request_->chunked() || request_->content_length().value_or(0) > 0;
    const auto verdict = judge(shared_->gate, visit);
    if (verdict == DashboardVerdict::Forward) return forward();
    if (verdict == DashboardVerdict::GiveCookie) return give_cookie();
    const auto no = refusal(verdict);
    say(no.code, no.sentence);
  }

  void say(http::status code, std::string_view sentence) {
    auto answer = std::make_shared<http::response<http::string_body>>(code, 11);
    answer->set(http::field::content_type, "text/plain; charset=utf-8");
    answer->body() = fmt::format("{}\n", sentence);
    answer_whole(std::move(answer));
  }

  /// Not a redirection: the browser would not send a strict cookie along when the address was a link on another page.
  void give_cookie() {
    auto answer = std::make_shared<http::response<http::string_body>>(http::status::ok, 11);
    answer->set(http::field::set_cookie, fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict",
                                                     cookie_name(shared_->gate), shared_->gate.pass));
    answer->set("Refresh", "0; url=/ui/");
    answer->set(http::field::content_type, "text/html; charset=utf-8");
    answer->body() = "<!doctype html><html lang=\"en\"><title>berth</title><a href=\"/ui/\">The dashboard</a></html>\n";
    answer_whole(std::move(answer));
  }

  /// The last word on this connection: a body that was refused has not been read.
  void answer_whole(std::shared_ptr<http::response<http::string_body>> answer) {
    answer->set(http::field::cache_control, "no-store");
    add_policy(*answer);
    answer->keep_alive(false);
    answer->prepare_payload();
    if (request_->get().method() == http::verb::head) answer->body().clear();
    browser_.expires_after(kStalled);
    http::async_write(browser_, *answer, [self = shared_from_this(), answer](beast::error_code, std::size_t) {
      beast::error_code ignored;
      self->browser_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    });
  }

  /// What the agent did not say itself: an answer that is opened as a page does nothing and is framed by nobody.
  template <typename Message>
  static void add_policy(Message& message) {
    if (message.count("Content-Security-Policy") == 0) {
      message.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    }
    message.set("X-Content-Type-Options", "nosniff");
    message.set("Referrer-Policy", "no-referrer");
    message.set("Cross-Origin-Resource-Policy", "same-origin");
  }

  void forward() {
    agent_.emplace(browser_.get_executor());
    agent_->async_connect(stream_protocol::endpoint(shared_->socket.string()),
                          [self = shared_from_this()](beast::error_code error) {
                            if (error) return self->no_agent(error);
                            self->ask();
                          });
  }

  void no_agent(const beast::error_code& error) {
    agent_.reset();
    say(http::status::bad_gateway,
        fmt::format("The agent at {} does not answer: {}", shared_->socket.string(), error.message()));
  }

  /// Nothing of the browser's request goes on but what is named here; a cookie or an Authorization is not the agent's.
  void ask() {
    const auto& head = request_->get();
    auto question = std::make_shared<http::request<http::empty_body>>(head.method(), head.target(), 11);
    question->set(http::field::host, "localhost");
    question->set(http::field::user_agent, "berth/" BERTH_VERSION);
    question->set(http::field::connection, "close");
    for (const auto field : {http::field::accept, http::field::if_none_match}) {
      if (const auto value = head[field]; !value.empty()) question->set(field, value);
    }
    http::async_write(*agent_, *question, [self = shared_from_this(), question](beast::error_code error, std::size_t) {
      if (error) return self->no_agent(error);
      self->read_answer();
    });
  }

  void read_answer() {
    answer_.emplace();
    answer_->body_limit(boost::none);
    answer_->header_limit(kMaxHead);
    answer_->skip(request_->get().method() == http::verb::head);
    from_agent_.clear();
    // While the agent is silent nothing is late: a log that is followed may be so for hours.
    browser_.expires_never();
    watch_browser();
    http::async_read_header(*agent_, from_agent_, *answer_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (error) return self->no_agent(error);
                              self->write_head();
                            });
  }

  void write_head() {
    const auto& from = answer_->get();
    head_.emplace(from.result(), 11);
    for (const auto field : {http::field::content_type, http::field::content_length, http::field::etag,
                             http::field::cache_control, http::field::retry_after}) {
      if (const auto value = from[field]; !value.empty()) head_->set(field, value);
    }
    for (const auto* name : {"Content-Security-Policy", "Cross-Origin-Opener-Policy"}) {
      if (const auto value = from[name]; !value.empty()) head_->set(name, value);
    }
    add_policy(*head_);
    bodiless_ = request_->get().method() == http::verb::head || from.result() == http::status::not_modified;
    // To HTTP/1.0 the end of the connection is the end of a body whose length nobody knows.
    const bool old = request_->get().version() < 11;
    if (!bodiless_ && !answer_->content_length() && !old) head_->chunked(true);
    head_->keep_alive(request_->keep_alive() && !old);
    head_->body().data = nullptr;
    head_->body().more = !bodiless_;
    serializer_.emplace(*head_);
    browser_.expires_after(kStalled);
    http::async_write_header(browser_, *serializer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return self->close();
      if (self->bodiless_) return self->finish();
      self->read_piece();
    });
  }

  void read_piece() {
    browser_.expires_never();
    if (answer_->is_done()) return write_piece(0, /*more=*/false);
    auto& body = answer_->get().body();
    body.data = piece_.data();
    body.size = piece_.size();
    http::async_read_some(*agent_, from_agent_, *answer_,
                          [self = shared_from_this()](beast::error_code error, std::size_t) {
                            if (error == http::error::need_buffer) error = {};
                            if (error) return self->close();  // cut off: the browser must not take it for the end
                            const auto got = self->piece_.size() - self->answer_->get().body().size;
                            if (got == 0 && !self->answer_->is_done()) return self->read_piece();
                            self->write_piece(got, !self->answer_->is_done());
                          });
  }

  void write_piece(std::size_t size, bool more) {
    auto& body = head_->body();
    body.data = size == 0 ? nullptr : piece_.data();
    body.size = size;
    body.more = more;
    browser_.expires_after(kStalled);
    http::async_write(browser_, *serializer_, [self = shared_from_this(), more](beast::error_code error, std::size_t) {
      if (error == http::error::need_buffer) error = {};
      if (error) return self->close();
      if (more) return self->read_piece();
      self->finish();
    });
  }

  void finish() {
    agent_.reset();
    serializer_.reset();
    if (!head_->keep_alive()) return close();
    if (watching_) browser_.socket().cancel();
    read_request();
  }

  /// A browser that no longer follows a log hangs up; the agent is told at once, not with the log's next line.
  void watch_browser() {
    if (watching_) return;
    watching_ = true;
    browser_.socket().async_wait(tcp::socket::wait_read, [self = shared_from_this()](beast::error_code error) {
      self->watching_ = false;
      if (error || !self->agent_) return;
      char byte = 0;
      if (::recv(self->browser_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) self->close();
    });
  }

  void close() {
    beast::error_code ignored;
    if (agent_) agent_->close(ignored);
    browser_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    browser_.close();
  }

  beast::tcp_stream browser_;
  std::shared_ptr<Shared> shared_;
  beast::flat_buffer from_browser_;
  std::optional<http::request_parser<http::empty_body>> request_;
  std::optional<stream_protocol::socket> agent_;
  beast::flat_buffer from_agent_;
  std::optional<http::response_parser<http::buffer_body>> answer_;
  std::optional<http::response<http::buffer_body>> head_;
  std::optional<http::response_serializer<http::buffer_body>> serializer_;
  std::array<char, kPiece> piece_{};
  bool bodiless_ = false;
  bool watching_ = false;
};

class Door {
 public:
  Door(asio::io_context& context, std::shared_ptr<Shared> shared)
      : acceptor_(context), again_(context), shared_(std::move(shared)) {}

  Status open(std::uint16_t port) {
    const tcp::endpoint at(asio::ip::address_v4::loopback(), port);
    beast::error_code error;
    acceptor_.open(at.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(at, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return Error(ErrorCode::Unavailable, fmt::format("listen on 127.0.0.1:{}: {}", port, error.message()));
    }
    shared_->gate.port = acceptor_.local_endpoint().port();
    return Ok{};
  }

  void accept() {
    acceptor_.async_accept([this](beast::error_code error, tcp::socket browser) {
      if (error == asio::error::operation_aborted) return;
      if (error) {  // out of descriptors, for one: asking again at once would turn in circles
        again_.expires_after(kAcceptAgain);
        again_.async_wait([this](beast::error_code cancelled) {
          if (!cancelled) accept();
        });
        return;
      }
      if (shared_->connections < kMostConnections) {
        std::make_shared<Session>(std::move(browser), shared_)->read_request();
      }
      accept();
    });
  }

 private:
  tcp::acceptor acceptor_;
  asio::steady_timer again_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace

Status show_dashboard(const std::filesystem::path& socket, std::uint16_t port,
                      const std::function<void(const std::string& address)>& ready) {
  auto shared = std::make_shared<Shared>();
  shared->socket = socket;
  shared->gate.key = model::new_uid();
  shared->gate.pass = model::new_uid();
  asio::io_context context{1};
  Door door(context, shared);
  if (auto open = door.open(port); !open) return open;
  door.accept();
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](beast::error_code, int) { context.stop(); });
  ready(fmt::format("http://127.0.0.1:{}/?key={}", shared->gate.port, shared->gate.key));
  context.run();
  return Ok{};
}

}  // namespace berth::cli
