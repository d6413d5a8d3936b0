// api/api_server.cpp - puts the API's parts together.
#include "api/api_server.hpp"

#include <unistd.h>

#include "api/api_context.hpp"
#include "api/http_server.hpp"
#include "api/request_counters.hpp"
#include "api/router.hpp"
#include "api/socket_file.hpp"
#include "api/usage_sampler.hpp"

namespace berth::api {

namespace {

/// Logs and exec may block on disks and shims; more streams than this share the threads in turn.
constexpr std::size_t kLaneThreads = 2;

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
  }

  ~Server() override {
    reactor_->stop();
    http_.reset();
    context_.usage.reset();  // its timers are the reactor's
    reactor_.reset();        // connections end here, and hand their last jobs to the lane
    lane_.reset();           // whose jobs still read the context
    dial_lane_.reset();
    ::unlink(context_.config.socket.c_str());
  }

  void serve(UniqueFd listener) {
    HttpLimits limits;
    limits.connections = context_.config.max_connections;
    limits.body_bytes = context_.config.max_body_bytes;
    http_ = serve_http(*reactor_, std::move(listener), limits, [this](HttpRequest request, Respond respond) {
      route(context_, std::move(request), std::move(respond));
    });
    reactor_->start();
  }

 private:
  SystemClock clock_;
  std::unique_ptr<Lane> lane_;
  std::unique_ptr<Lane> dial_lane_;
  std::unique_ptr<Reactor> reactor_;
  ApiContext context_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace

Result<std::unique_ptr<ApiServer>> start_api_server(const ApiConfig& config, store::Store& store,
                                                    runtime::PodRuntime& runtime, runtime::LogReader& logs,
                                                    HealthCheck health) {
  auto listener = listen_on(config.socket);
  if (!listener) return listener.error();
  auto server = std::make_unique<Server>(config, store, runtime, logs, std::move(health));
  server->serve(*std::move(listener));
  return std::unique_ptr<ApiServer>(std::move(server));
}

}  // namespace berth::api
