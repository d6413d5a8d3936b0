// api/streams/proxy_target.cpp - see proxy_target.hpp.
#include "api/streams/proxy_target.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "api/encoding/field.hpp"

namespace berth::api {

namespace {

/// "api", "v1", "namespaces", NS, "pods", NAME, "proxy"
constexpr std::size_t kSegments = 7;
constexpr std::uint16_t kDefaultPort = 80;

/// Behind the first `count` segments of a path: "/REST?QUERY" as it was written.
std::string_view behind_segments(std::string_view target, std::size_t count) {
  const auto path = target.substr(0, target.find('?'));
  std::size_t at = 0;
  for (; count > 0; --count) {
    at = std::min(path.find_first_not_of('/', at), path.size());
    at = std::min(path.find('/', at), path.size());
  }
  return target.substr(at);
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

ApiError unavailable(std::string message) {
  return {.code = 503, .reason = "ServiceUnavailable", .message = std::move(message)};
}

/// A host's own addresses of which nothing may be asked for somebody else: as Kubernetes' proxy has it.
bool is_private_to_host(const std::string& host) {
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) {
    const auto bits = ntohl(four.s_addr);
    return bits == 0 || bits >> 24 == 127 || bits >> 16 == 0xa9fe || bits >> 28 == 0xe;
  }
  in6_addr six{};
  if (::inet_pton(AF_INET6, host.c_str(), &six) != 1) return true;
  return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six) || IN6_IS_ADDR_LINKLOCAL(&six) ||
         IN6_IS_ADDR_MULTICAST(&six) || IN6_IS_ADDR_V4MAPPED(&six);
}

ApiResult<TcpAddress> allowed(TcpAddress address) {
  if (is_private_to_host(address.host)) return bad_request("address not allowed");
  return address;
}

}  // namespace

std::optional<ApiResult<ProxyTarget>> parse_proxy_target(std::string_view target, const Target& parsed) {
  const auto& segments = parsed.segments;
  if (segments.size() < kSegments || segments[0] != "api" || segments[1] != "v1" || segments[2] != "namespaces" ||
      segments[6] != "proxy" || (segments[4] != "pods" && segments[4] != "services")) {
    return std::nullopt;
  }
  ProxyTarget out{.kind = segments[4] == "pods" ? model::Kind::Pod : model::Kind::Service,
                  .ns = segments[3],
                  .scheme = {},
                  .name = {},
                  .port = {},
                  .rest = std::string(behind_segments(target, kSegments))};
  if (out.rest.starts_with('?')) out.rest.insert(0, "/");
  std::vector<std::string> parts(1);
  for (const char c : segments[5]) {
    if (c == ':') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() == 3) out.scheme = parts[0];
  out.name = parts.size() == 3 ? parts[1] : parts[0];
  if (parts.size() > 1) out.port = parts.back();
  const bool good = parts.size() <= 3 && !out.name.empty() && (parts.size() != 2 || !out.port.empty()) &&
                    (out.scheme.empty() || out.scheme == "http" || out.scheme == "https");
  if (!good)
    return bad_request(
        fmt::format("invalid {} request \"{}\"", segments[4].substr(0, segments[4].size() - 1), segments[5]));
  return out;
}

ApiResult<TcpAddress> pod_address(const ProxyTarget& target, const json::object& pod) {
  TcpAddress out{std::string(text_at(pod, {"status", "podIP"})), kDefaultPort};
  if (!target.port.empty()) {
    const auto port = port_number(target.port);
    if (!port) return bad_request(fmt::format("invalid port \"{}\" of pod \"{}\"", target.port, target.name));
    out.port = *port;
    return allowed(std::move(out));
  }
  for (const auto& container : array_at(pod, {"spec", "containers"})) {
    const auto& ports = array_at(container.as_object(), {"ports"});
    if (ports.empty() || !ports[0].is_object()) continue;
    out.port = static_cast<std::uint16_t>(number_at(ports[0].as_object(), {"containerPort"}));
    break;
  }
  return allowed(std::move(out));
}

ApiResult<TcpAddress> service_address(const ProxyTarget& target, const json::object& service,
                                      const json::object* endpoints, std::size_t turn) {
  std::string_view name = target.port;
  if (const auto number = port_number(target.port)) {
    const auto& ports = array_at(service, {"spec", "ports"});
    const auto* const found = std::find_if(ports.begin(), ports.end(), [&](const json::value& port) {
      return number_at(port.as_object(), {"port"}) == *number;
    });
    if (found == ports.end()) {
      return unavailable(fmt::format("no service port {} found for service \"{}\"", *number, target.name));
    }
    name = text_at(found->as_object(), {"name"});
  }
  std::vector<TcpAddress> ready;
  static const json::array kNone;
  for (const auto& subset : endpoints == nullptr ? kNone : array_at(*endpoints, {"subsets"})) {
    for (const auto& port : array_at(subset.as_object(), {"ports"})) {
      if (text_at(port.as_object(), {"name"}) != name) continue;
      for (const auto& address : array_at(subset.as_object(), {"addresses"})) {
        ready.push_back({std::string(text_at(address.as_object(), {"ip"})),
                         static_cast<std::uint16_t>(number_at(port.as_object(), {"port"}))});
      }
    }
  }
  if (ready.empty()) return unavailable(fmt::format("no endpoints available for service \"{}\"", target.name));
  return allowed(std::move(ready[turn % ready.size()]));
}

}  // namespace berth::api
