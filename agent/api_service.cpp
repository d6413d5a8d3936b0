// agent/api_service.cpp - see api_service.hpp.
#include "agent/api_service.hpp"

#include <arpa/inet.h>

#include <array>
#include <optional>

#include "agent/objects/manual_endpoints.hpp"

namespace berth::agent {
namespace {

constexpr const char* kName = "kubernetes";
constexpr int kPort = 443;

std::string first_address(const model::ServiceRange& range) {
  if (!range.given()) return "None";
  const in_addr address{htonl(range.base + 1)};
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address, text.data(), text.size());
  return text.data();
}

/// Where pods reach the API; none when they cannot.
std::optional<TcpAddress> reached_at(const std::vector<TcpAddress>& listen, const std::string& host_ip) {
  for (auto address : listen) {
    if (address.port == 0 || (address.is_v6() && !address.is_any())) continue;
    if (address.is_any()) address.host = host_ip;
    if (address.host.starts_with("127.") || address.host.empty()) continue;
    return address;
  }
  return std::nullopt;
}

}  // namespace

std::vector<json::object> api_service(const Config& config, const std::string& host_ip) {
  if (!config.api_tls || config.api_tls->listen.empty()) return {};
  const auto reached = reached_at(config.api_tls->listen, host_ip);
  const auto port = reached ? reached->port : config.api_tls->listen.front().port;
  if (port == 0) return {};
  json::object service{
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata",
       {{"name", kName}, {"namespace", "default"}, {"labels", {{"component", "apiserver"}, {"provider", kName}}}}},
      {"spec",
       {{"clusterIP", first_address(config.service_range())},
        {"ports", json::array{{{"name", "https"}, {"port", kPort}, {"protocol", "TCP"}, {"targetPort", port}}}}}}};
  const json::array ports{{{"name", "https"}, {"port", port}, {"protocol", "TCP"}}};
  json::object endpoints{
      {"apiVersion", "v1"},
      {"kind", "Endpoints"},
      {"metadata",
       {{"name", kName}, {"namespace", "default"}, {"labels", {{"endpointslice.kubernetes.io/skip-mirror", "true"}}}}},
      {"subsets", json::array{}}};
  json::object slice{{"apiVersion", "discovery.k8s.io/v1"},
                     {"kind", "EndpointSlice"},
                     {"metadata", {{"name", kName}, {"namespace", "default"}, {"labels", {{kSliceService, kName}}}}},
                     {"addressType", "IPv4"},
                     {"ports", ports},
                     {"endpoints", json::array{}}};
  if (reached) {
    endpoints["subsets"] = json::array{{{"addresses", json::array{{{"ip", reached->host}}}}, {"ports", ports}}};
    slice["endpoints"] = json::array{{{"addresses", json::array{reached->host}}, {"conditions", {{"ready", true}}}}};
  }
  return {std::move(service), std::move(endpoints), std::move(slice)};
}

}  // namespace berth::agent
