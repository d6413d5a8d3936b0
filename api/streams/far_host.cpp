// api/streams/far_host.cpp - see far_host.hpp.
#include "api/streams/far_host.hpp"

#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/request/api_error.hpp"
#include "api/streams/proxy_exchange.hpp"

namespace berth::api {

namespace {

ApiError unavailable(std::string message) {
  return {.code = 503, .reason = "ServiceUnavailable", .message = std::move(message), .retry_after_seconds = 1};
}

/// Elements of one list header.
std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

/// Browsers put their token among the protocols (kubernetes/kubernetes#47740): it is for us alone.
std::vector<std::string> without_token(std::vector<std::string> protocols) {
  std::erase_if(protocols, [](const auto& each) { return each.starts_with("base64url.bearer.authorization.k8s.io."); });
  return protocols;
}

/// What the client wants to speak, as it said so.
std::string upgrade_lines(const HttpRequest& request) {
  const auto protocols = without_token(request.protocols);
  switch (request.upgrade) {
    case Upgrade::None: return {};
    case Upgrade::WebSocket: {
      auto out = fmt::format("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
                             request.web_socket_key);
      if (protocols.empty()) return out;
      return out + fmt::format("Sec-WebSocket-Protocol: {}\r\n", list_of(protocols));
    }
    case Upgrade::Spdy: {
      std::string out = "Upgrade: SPDY/3.1\r\n";
      // One line each: kubectl does so, and it is what the kubelet reads.
      for (const auto& protocol : protocols) out += fmt::format("X-Stream-Protocol-Version: {}\r\n", protocol);
      return out;
    }
  }
  return {};
}

/// As if it were ours; but a refusal of this host by the other one would look like one of the client.
Respond as_ours(std::string asked, Respond respond) {
  return [asked = std::move(asked), respond = std::move(respond)](HttpResponse response) {
    // We say this of all that we answer.
    std::erase_if(response.headers, [](const auto& header) { return header.first == "Cache-Control"; });
    if (response.code != 401 && response.code != 403) return respond(std::move(response));
    respond(
        to_response({.code = 502,
                     .reason = "BadGateway",
                     .message = fmt::format(
                         "{} does not take this host for one of its cluster (status {}): cluster.certFile here must "
                         "be signed by the CA that is cluster.caFile there, for the organization {}",
                         asked, response.code, kHostsGroup)}));
  };
}

}  // namespace

Result<TcpAddress> api_address(const json::object& node) {
  const auto port = number_at(node, {"status", "daemonEndpoints", "kubeletEndpoint", "Port"});
  for (const auto& entry : array_at(node, {"status", "addresses"})) {
    if (!entry.is_object() || text_at(entry.get_object(), {"type"}) != "InternalIP") continue;
    TcpAddress out{std::string(text_at(entry.get_object(), {"address"})), static_cast<std::uint16_t>(port)};
    if (port > 0 && port < 65'536 && parse_tcp_address(out.text())) return out;
  }
  return Error(ErrorCode::FailedPrecondition, "does not say where its API is (cluster.advertise in its configuration)");
}

std::string passed_on_request(const HttpRequest& request, const TcpAddress& address, std::string_view by) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n{}: {}\r\n", word_of(request.method), request.target,
                                address.text(), kPassedOnBy, by);
  if (!request.accept.empty()) out += fmt::format("Accept: {}\r\n", request.accept);
  if (request.method != Method::Get) out += "Content-Length: 0\r\n";
  out += upgrade_lines(request);
  // Whatever the client sent behind its request must not be read there as another one, in our name.
  out += request.upgrade == Upgrade::None ? "Connection: close\r\n\r\n" : "Connection: Upgrade, close\r\n\r\n";
  return out;
}

bool is_far(const ApiContext& context, std::string_view node) {
  return context.dial_host && !node.empty() && node != context.config.node_name;
}

void ask_far_host(ApiContext& context, const std::string& node, std::string_view what, const HttpRequest& request,
                  Respond respond) {
  if (!request.passed_on_by.empty()) {
    return respond(to_response({.code = 508,
                                .reason = "LoopDetected",
                                .message = fmt::format("{}, and this is {}: host {} passed the request on to here, and "
                                                       "it is not passed on twice",
                                                       what, context.config.node_name, request.passed_on_by)}));
  }
  const auto object = context.store.get({model::Kind::Node, "", node});
  if (!object) return respond(to_response(unavailable(fmt::format("{}, of which there is no Node object", what))));
  const auto address = api_address(object->raw);
  if (!address) {
    return respond(to_response(unavailable(fmt::format("{}, and node {} {}", what, node, address.error().message()))));
  }
  ForwardTarget target;
  target.connect = [dial = context.dial_host, to = *address](std::function<void(Result<UniqueFd>)> done) {
    dial(to, std::move(done));
  };
  const auto asked = fmt::format("{}, whose API at {}", what, address->text());
  start_proxy_exchange(context,
                       {.target = std::move(target),
                        .request = passed_on_request(request, *address, context.config.node_name),
                        .upgrades = request.upgrade != Upgrade::None,
                        .failing = asked + " cannot be asked"},
                       as_ours(asked, std::move(respond)));
}

bool ask_host_of_pod(ApiContext& context, const ResourcePath& path, const HttpRequest& request,
                     const Respond& respond) {
  if (!context.dial_host) return false;
  const auto pod = context.store.get({path.kind, path.ns, path.name});
  const auto node = std::string(pod ? text_at(pod->raw, {"spec", "nodeName"}) : "");
  if (!is_far(context, node)) return false;
  ask_far_host(context, node, fmt::format("pod {} is on node {}", path.name, node), request, respond);
  return true;
}

}  // namespace berth::api
