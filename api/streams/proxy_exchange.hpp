// api/streams/proxy_exchange.hpp - one request to another server, and its answer on the way back.
#pragma once

#include <string>
#include <string_view>

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/streams/forwarded_port.hpp"
#include "base/tcp_address.hpp"

namespace berth::api {

/// The request as the other server gets it: HTTP/1.1, `path` asked for, one answer and then the end. What concerns one
/// connection only (RFC 9110, section 7.6.1), who asks and how, stays here. Pure.
std::string proxied_request(const HttpRequest& request, const TcpAddress& address, std::string_view path,
                            std::string_view word);

/// To a pod's server, at its address.
ForwardTarget proxied_target(const ApiContext& context, const TcpAddress& address);

struct ProxyExchange {
  ForwardTarget target;   ///< How to connect.
  std::string request;    ///< Head and body, as they are sent.
  bool upgrades = false;  ///< 101 is an answer as well: what follows goes both ways until one side ends.
  std::string failing = "error trying to reach service";  ///< What the text of an error begins with.
};

/// Connects, asks, answers `respond` as soon as the other one's head is there; its body follows as it comes, not much
/// more of it held than kMaxQueued. 503 as Kubernetes has it when nobody is there or what comes is no answer of HTTP,
/// 504 when no head came within a minute. What breaks off behind the head ends the client's connection. API thread.
void start_proxy_exchange(ApiContext& context, ProxyExchange exchange, Respond respond);

}  // namespace berth::api
