// agent/api_service.cpp - see api_service.hpp.
#include "agent/api_service.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>

#include "agent/objects/manual_endpoints.hpp"

namespace berth::agent {
namespace {

constexpr const char* kName = "kubernetes";
constexpr int kPort = 443;
constexpr const char* kKeeper = "berthd";  ///< Of slices of hosts that share a store.

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

std::string slice_name(const std::string& node) { return std::string(kName) + "-" + node; }

}  // namespace

std::vector<json::object> api_service(const Config& config, const std::string& host_ip, bool shared) {
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
  if (shared) {
    if (reached) {
      endpoints["subsets"].at(0).at("addresses").at(0).get_object()["nodeName"] = config.node_name;
      slice["endpoints"].at(0).get_object()["nodeName"] = config.node_name;
    }
    auto& meta = slice["metadata"].get_object();
    meta["name"] = slice_name(config.node_name);
    meta["labels"].get_object()[kSliceManager] = kKeeper;
  }
  return {std::move(service), std::move(endpoints), std::move(slice)};
}

json::array merge_api_subsets(const json::value* before, const json::array& ours, const std::string& node,
                              const std::function<bool(const std::string&)>& is_there) {
  struct Subset {
    json::value ports;
    std::map<std::string, json::value> addresses;  ///< By node.
  };
  std::map<std::string, Subset> all;  ///< By their ports, as text.
  const auto take = [&](const json::value& subset, const auto& counts) {
    const auto* addresses = find(subset, {"addresses"});
    const auto* ports = find(subset, {"ports"});
    if (ports == nullptr || addresses == nullptr || !addresses->is_array()) return;
    for (const auto& address : addresses->get_array()) {
      const std::string of(find_string(address, {"nodeName"}));
      if (!counts(of)) continue;
      auto& to = all[json::serialize(*ports)];
      to.ports = *ports;
      to.addresses[of] = address;
    }
  };
  if (before != nullptr && before->is_array()) {
    for (const auto& subset : before->get_array()) {
      take(subset, [&](const std::string& of) { return !of.empty() && of != node && is_there(of); });
    }
  }
  for (const auto& subset : ours) take(subset, [](const std::string&) { return true; });
  json::array out;
  for (auto& [text, subset] : all) {
    json::array addresses;
    for (auto& [of, address] : subset.addresses) addresses.push_back(std::move(address));
    out.push_back(json::object{{"addresses", std::move(addresses)}, {"ports", std::move(subset.ports)}});
  }
  return out;
}

std::optional<std::string> node_of_api_slice(const model::Object& slice) {
  const auto label = [&](const char* name) {
    const auto found = slice.meta.labels.find(name);
    return found == slice.meta.labels.end() ? std::string_view() : std::string_view(found->second);
  };
  if (label(kSliceService) != kName) return std::nullopt;
  if (slice.meta.name == kName && label(kSliceManager).empty()) return "";
  const auto prefix = slice_name("");
  if (label(kSliceManager) != kKeeper || !slice.meta.name.starts_with(prefix)) return std::nullopt;
  return slice.meta.name.substr(prefix.size());
}

}  // namespace berth::agent
