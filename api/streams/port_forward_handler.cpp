// api/streams/port_forward_handler.cpp - which pod, which ports, over which protocol.
#include "api/streams/port_forward_handler.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/request/api_error.hpp"
#include "api/streams/pod_containers.hpp"
#include "api/streams/port_forward_channels.hpp"
#include "api/streams/port_forward_spdy.hpp"
#include "api/streams/stream_protocol.hpp"
#include "api/streams/web_socket.hpp"

namespace berth::api {

namespace {

constexpr std::string_view kTunnel = "SPDY/3.1+portforward.k8s.io";
constexpr std::string_view kWebSocketProtocols[] = {kTunnel, "v4.channel.k8s.io", "v4.base64.channel.k8s.io", ""};
constexpr std::string_view kSpdyProtocols[] = {"portforward.k8s.io", ""};
/// A channel's number is one octet, and a port has two.
constexpr std::size_t kMaxPorts = 128;

/// `?ports=80&ports=81`, and `?ports=80,81` as the Python client has it; `port` is the kubelet's own name for it.
ApiResult<std::vector<std::uint16_t>> read_ports(const Query& query) {
  auto values = query.all("ports");
  if (values.empty()) values = query.all("port");
  std::vector<std::uint16_t> out;
  for (const std::string_view value : values) {
    for (auto rest = value; !rest.empty();) {
      const auto end = std::min(rest.find(','), rest.size());
      const auto one = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      std::uint16_t port = 0;
      const auto parsed = std::from_chars(one.data(), one.data() + one.size(), port);
      if (parsed.ec != std::errc() || parsed.ptr != one.data() + one.size()) {
        return bad_request(fmt::format("unable to parse \"{}\" as a port", one));
      }
      if (port == 0) return bad_request(fmt::format("port \"{}\" must be > 0", one));
      out.push_back(port);
    }
  }
  if (out.empty()) return bad_request("query parameter \"ports\" is required");
  if (out.size() > kMaxPorts) return bad_request(fmt::format("at most {} ports can be forwarded", kMaxPorts));
  return out;
}

}  // namespace

HttpResponse handle_port_forward(ApiContext& context, const ResourcePath& path, const Query& query,
                                 const HttpRequest& request) {
  const auto pod = context.store.get({path.kind, path.ns, path.name});
  if (!pod) return to_response(not_found(model::info(path.kind), path.name));
  if (request.upgrade == Upgrade::None) return to_response(upgrade_required());
  if (const auto phase = text_at(pod->raw, {"status", "phase"}); phase != "Running") {
    return to_response(
        bad_request(fmt::format("unable to forward port because pod is not running. Current status={}", phase)));
  }
  if (const auto error = why_not_from(context.config.node_name, *pod)) return to_response(*error);
  const bool is_web_socket = request.upgrade == Upgrade::WebSocket;
  const auto protocol =
      is_web_socket ? negotiate(request.protocols, kWebSocketProtocols) : negotiate(request.protocols, kSpdyProtocols);
  if (!protocol) return to_response(protocol.error());
  HttpResponse response;
  if (!is_web_socket || *protocol == kTunnel) {
    response.session = make_port_forward_spdy(context, *pod);
  } else {
    const auto ports = read_ports(query);
    if (!ports) return to_response(ports.error());
    response.session = make_port_forward_channels(context, *pod, *ports, *protocol);
  }
  if (is_web_socket) response.session = over_web_socket(context.reactor, std::move(response.session));
  response.headers = upgrade_headers(request, *protocol);
  return response;
}

}  // namespace berth::api
