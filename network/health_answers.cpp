// network/health_answers.cpp - see health_answers.hpp. Words as kube-proxy's pkg/proxy/healthcheck.
#include "network/health_answers.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <chrono>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::network {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;

constexpr std::size_t kMaxHead = 4096;
constexpr std::size_t kMaxAskers = 64;
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::seconds kRetry{5};

/// One question and its answer.
class Asker : public std::enable_shared_from_this<Asker> {
 public:
  Asker(Tcp::socket socket, ServiceHealth health) : stream_(std::move(socket)), health_(std::move(health)) {
    parser_.header_limit(kMaxHead);
  }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  void run() {
    stream_.expires_after(kPatience);
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (!error) self->answer();
                            });
  }
  /// Closed, whatever it was about to say or hear.
  void end() { stream_.close(); }

 private:
  void answer() {
    const auto well = health_.ready_pods > 0 && health_.in_force;
    response_.version(parser_.get().version());
    response_.result(well ? http::status::ok : http::status::service_unavailable);
    response_.set(http::field::content_type, "application/json");
    response_.set("X-Content-Type-Options", "nosniff");
    response_.set("X-Load-Balancing-Endpoint-Weight", std::to_string(health_.ready_pods));
    response_.keep_alive(false);
    response_.body() = parser_.get().method() == http::verb::head ? std::string() : health_text(health_);
    response_.prepare_payload();
    http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code, std::size_t) {
      beast::error_code ignored;
      self->stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    });
  }

  beast::tcp_stream stream_;
  const ServiceHealth health_;
  beast::flat_static_buffer<kMaxHead> buffer_;
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

/// Those of all ports. Beyond kMaxAskers the one that has been here for the longest has to go: who asks is done at
/// once, and those that stay say nothing. The io thread only.
class Askers {
 public:
  void take(const std::shared_ptr<Asker>& asker) {
    std::erase_if(all_, [](const auto& each) { return each.expired(); });
    if (all_.size() == kMaxAskers) {
      if (const auto oldest = all_.front().lock()) oldest->end();
      all_.erase(all_.begin());
    }
    all_.push_back(asker);
    asker->run();
  }

 private:
  std::vector<std::weak_ptr<Asker>> all_;  ///< The oldest first.
};

/// One port. The io thread only; what it waits for may come when it is gone.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(asio::io_context& context, Tcp::endpoint at, ServiceHealth health, Askers& askers)
      : acceptor_(context), retry_(context), at_(std::move(at)), health_(std::move(health)), askers_(askers) {}

  void set(ServiceHealth health) { health_ = std::move(health); }

  void open() {
    if (auto opened = listen(); !opened) {
      log(LogLevel::Warning, "load balancers are not told of a service's pods, trying again",
          {{"service", health_.service}, {"port", std::to_string(at_.port())}, {"error", opened.error().message()}});
      return open_later();
    }
    accept();
  }

 private:
  /// Not by Asio, whose sockets a child would inherit.
  Status listen() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return Error::from_errno(errno, "make a socket");
    const int yes = 1;
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        ::bind(fd.get(), at_.data(), static_cast<socklen_t>(at_.size())) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
      return Error::from_errno(errno, "listen");
    }
    beast::error_code error;
    acceptor_.assign(at_.protocol(), fd.get(), error);
    if (error) return Error(ErrorCode::Unavailable, "watch the socket: " + error.message());
    std::ignore = fd.release();  // the acceptor's
    return Ok{};
  }

  void open_later() {
    retry_.expires_after(kRetry);
    retry_.async_wait([weak = weak_from_this()](beast::error_code) {
      if (const auto self = weak.lock()) self->acceptor_.is_open() ? self->accept() : self->open();
    });
  }

  void accept() {
    acceptor_.async_wait(Tcp::acceptor::wait_read, [weak = weak_from_this()](beast::error_code error) {
      const auto self = weak.lock();
      if (self && !error) self->take();
    });
  }

  void take() {
    UniqueFd fd(::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd && errno != EAGAIN && errno != ECONNABORTED) return open_later();  // as a rule no descriptor is left
    if (fd) {
      Tcp::socket socket(acceptor_.get_executor());
      beast::error_code error;  // then the asker is closed
      socket.assign(at_.protocol(), fd.get(), error);
      if (!error) {
        std::ignore = fd.release();  // the socket's
        askers_.take(std::make_shared<Asker>(std::move(socket), health_));
      }
    }
    accept();
  }

  Tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  const Tcp::endpoint at_;
  ServiceHealth health_;
  Askers& askers_;
};

}  // namespace

HealthPorts health_ports(const ServiceRoutes& routes, bool in_force) {
  HealthPorts ports;
  for (const auto& [name, route] : routes) {
    if (route->health_port != 0)
      ports.try_emplace(route->health_port, ServiceHealth{name, route->ready_here, in_force});
  }
  return ports;
}

std::string health_text(const ServiceHealth& health) {
  const auto slash = health.service.find('/');
  return fmt::format(R"({{
	"service": {{
		"namespace": "{}",
		"name": "{}"
	}},
	"localEndpoints": {},
	"serviceProxyHealthy": {}
}})",
                     health.service.substr(0, slash), health.service.substr(slash + 1), health.ready_pods,
                     health.in_force);
}

class HealthAnswers::Listeners {
 public:
  explicit Listeners(const std::string& address) : address_(asio::ip::make_address_v4(address)) {
    // Signals are for the loop's thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { context_.run(); });
    pthread_setname_np(thread_.native_handle(), "service-health");
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~Listeners() {
    context_.stop();
    thread_.join();
  }
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  void set(HealthPorts ports) {
    asio::post(context_, [this, ports = std::move(ports)] { look(ports); });
  }

 private:
  void look(const HealthPorts& ports) {
    std::erase_if(listeners_, [&](const auto& entry) { return !ports.contains(entry.first); });
    for (const auto& [port, health] : ports) {
      if (const auto found = listeners_.find(port); found != listeners_.end()) {
        found->second->set(health);
      } else {
        auto& added = listeners_[port];
        added = std::make_shared<Listener>(context_, Tcp::endpoint(address_, port), health, askers_);
        added->open();
      }
    }
  }

  const asio::ip::address_v4 address_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  Askers askers_;
  std::map<std::uint16_t, std::shared_ptr<Listener>> listeners_;
  std::thread thread_;
};

HealthAnswers::HealthAnswers(std::string address) : address_(std::move(address)) {}
HealthAnswers::~HealthAnswers() = default;

void HealthAnswers::set(HealthPorts ports) {
  if (ports.empty()) return listeners_.reset();
  if (!listeners_) listeners_ = std::make_unique<Listeners>(address_);
  listeners_->set(std::move(ports));
}

}  // namespace berth::network
