// api/api_server.cpp - puts the API's parts together.
#include "api/api_server.hpp"

#include <unistd.h>

#include "api/access/bootstrap_token.hpp"
#include "api/http/admission.hpp"
#include "api/http/http_server.hpp"
#include "api/http/socket_file.hpp"
#include "api/http/tls_listener.hpp"
#include "api/reads/read_state.hpp"
#include "api/request/api_context.hpp"
#include "api/router.hpp"
#include "api/streams/host_dials.hpp"
#include "api/usage/request_counters.hpp"
#include "api/usage/usage_sampler.hpp"

namespace berth::api {

namespace {

/// Logs and exec may block on disks and shims; more streams than this share the threads in turn.
constexpr std::size_t kLaneThreads = 2;
/// Within it another host's API is there, or is not.
constexpr std::chrono::seconds kHostDial{3};

class Server final : public ApiServer {
 public:
  Server(const ApiConfig& config, store::Store& store, runtime::PodRuntime& runtime, runtime::LogReader& logs,
         HealthCheck health)
      : lane_(make_thread_lane("api-io", kLaneThreads)),
        dial_lane_(make_thread_lane("api-dial", kLaneThreads)),
        reactor_(std::make_unique<Reactor>()),
        context_{config, store, runtime, logs, std::move(health), *reactor_, *lane_, *dial_lane_, clock_} {
    context_.requests = std::make_shared<RequestCounters>();
    context_.usage = std::make_shared<UsageSampler>(runtime, *reactor_, *lane_, config.usage_window);
    context_.reads = std::make_shared<ReadState>(*reactor_, store);
  }

  ~Server() override {
    reactor_->stop();  // first: whoever is served uses the others
    tls_.reset();
    context_.reads.reset();  // it has a timer
    http_.reset();
    context_.usage.reset();  // its timers are the reactor's
    reactor_.reset();        // connections end here, and hand their last jobs to the lane
    lane_.reset();           // whose jobs still read the context
    dial_lane_.reset();
    // A kept socket goes on listening: its file leads our clients to it, and the next of us.
    if (!context_.config.kept.take) ::unlink(context_.config.socket.c_str());
  }

  Status serve(UniqueFd listener) {
    const auto& config = context_.config;
    HttpLimits limits;
    limits.connections = config.max_connections;
    limits.adopted = config.max_tls_connections;
    limits.body_bytes = config.max_body_bytes;
    if (config.tls) {
      auto tls = TlsListener::make(*config.tls, config.node_name, config.max_tls_connections, clock_);
      if (!tls) return tls.error();
      tls_ = *std::move(tls);
    }
    if (tls_ && config.tls->hosts) context_.dial_host = shared_fairly(dialer());
    HttpGuards guards;
    guards.admit = [this](const HttpRequest& request, std::size_t body_bytes) { return admit(request, body_bytes); };
    if (tls_) {
      guards.authenticate = [this](std::string_view token) {
        auto user = tls_->user_of(token);
        return user ? user : bootstrap_user(context_.store, token, clock_.wall());
      };
    }
    http_ = serve_http(
        *reactor_, std::move(listener), limits, std::move(guards),
        [this](HttpRequest request, Respond respond) { route(context_, std::move(request), std::move(respond)); });
    if (auto started = start_tls(); !started) return started;
    reactor_->start();
    return Ok{};
  }

 private:
  Status start_tls() {
    if (!tls_) return Ok{};
    return tls_->start([this, post = reactor_->post()](UniqueFd socket, std::optional<User> user) {
      // A function is copied, a descriptor is not.
      auto held = std::make_shared<UniqueFd>(std::move(socket));
      post([this, held, user = std::move(user)] { http_->adopt(std::move(*held), user); });
    });
  }

  HostDialer dialer() {
    return
        [tls = tls_.get(), post = reactor_->post()](const TcpAddress& to, std::function<void(Result<UniqueFd>)> done) {
          tls->connect(to, kHostDial, [post, done = std::move(done)](Result<UniqueFd> made) {
            auto held = std::make_shared<Result<UniqueFd>>(std::move(made));
            post([held, done] { done(std::move(*held)); });
          });
        };
  }

  /// What route() would refuse anyway is refused before its body is read; then there has to be room.
  ApiResult<std::shared_ptr<void>> admit(const HttpRequest& request, std::size_t body_bytes) {
    const auto target = parse_target(request.target);
    if (!target || request.method == Method::Other) return std::shared_ptr<void>();  // route() says what is wrong
    const auto access = access_request(request.method, *target);
    if (!is_allowed(request.user.role, access)) return forbidden(request.user, access);
    return admission_.admit(request.user, access, target->query, body_bytes);
  }

  SystemClock clock_;
  Admission admission_{{}};
  std::unique_ptr<Lane> lane_;
  std::unique_ptr<Lane> dial_lane_;
  std::unique_ptr<Reactor> reactor_;
  ApiContext context_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<TlsListener> tls_;
};

}  // namespace

Result<std::unique_ptr<ApiServer>> start_api_server(const ApiConfig& config, store::Store& store,
                                                    runtime::PodRuntime& runtime, runtime::LogReader& logs,
                                                    HealthCheck health) {
  auto listener = listen_on(config.socket, config.kept);
  if (!listener) return listener.error();
  auto server = std::make_unique<Server>(config, store, runtime, logs, std::move(health));
  if (auto serving = server->serve(*std::move(listener)); !serving) return serving.error();
  return std::unique_ptr<ApiServer>(std::move(server));
}

}  // namespace berth::api
