// api/request/api_context.hpp - what every request handler works with.
#pragma once

#include <functional>
#include <memory>

#include "api/api_server.hpp"
#include "api/request/reactor.hpp"
#include "base/clock.hpp"
#include "base/lane.hpp"

namespace berth::api {

/// Connects to another host's API, over TLS, as this host. The API thread; `done` comes there, too, and later. The
/// error's text is for users.
using HostDialer = std::function<void(const TcpAddress&, std::function<void(Result<UniqueFd>)> done)>;

class RequestCounters;
class UsageSampler;
struct ReadState;

/// Outlives every request. Handlers run on the API thread; what may block goes to `lane`.
struct ApiContext {
  ApiConfig config;
  store::Store& store;
  runtime::PodRuntime& runtime;
  runtime::LogReader& logs;
  HealthCheck health;
  Reactor& reactor;
  Lane& lane;
  Lane& dial_lane;  ///< For connections into pods: one that takes nothing holds up no log.
  const Clock& clock;
  std::shared_ptr<RequestCounters> requests{};
  std::shared_ptr<UsageSampler> usage{};
  std::shared_ptr<ReadState> reads{};  ///< API thread only.
  HostDialer dial_host{};              ///< Null: this host is alone.
};

}  // namespace berth::api
