// model/validate_network.cpp - Service, Endpoints, EndpointSlice.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

/// Why an address cannot be one to connect to from elsewhere; empty: it can.
std::string special_ip_error(std::string_view text) {
  const std::string terminated(text);
  in_addr four{};
  in6_addr six{};
  const bool is_four = ::inet_pton(AF_INET, terminated.c_str(), &four) == 1;
  if (!is_four && ::inet_pton(AF_INET6, terminated.c_str(), &six) != 1) return "must be a valid IP address";
  const auto bits = ntohl(four.s_addr);
  if (is_four ? bits == 0 : IN6_IS_ADDR_UNSPECIFIED(&six)) return "may not be unspecified";
  if (is_four ? bits >> 24 == 127 : IN6_IS_ADDR_LOOPBACK(&six)) {
    return "may not be in the loopback range (127.0.0.0/8, ::1/128)";
  }
  if (is_four ? bits >> 16 == 0xa9fe : IN6_IS_ADDR_LINKLOCAL(&six)) {
    return "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
  }
  if (is_four ? bits >> 8 == 0xe00000 : IN6_IS_ADDR_MC_LINKLOCAL(&six)) {
    return "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
  }
  return {};
}

/// "10.0.0.0/8"
std::string cidr_error(std::string_view text) {
  constexpr std::string_view kWhy = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || !is_ip_address(text.substr(0, slash))) return std::string(kWhy);
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const auto most = text.find(':') == std::string_view::npos ? 32U : 128U;
  const bool good = error == std::errc() && end == digits.data() + digits.size() && length <= most;
  return good ? std::string() : std::string(kWhy);
}

std::string ip_error(std::string_view text) {
  return is_ip_address(text) ? std::string() : "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
}

void check_addresses_of_service(const Reader& spec) {
  const auto cluster_ip = spec.text("clusterIP");
  const auto type = spec.text("type");
  if (!cluster_ip.empty() && cluster_ip != "None" && !is_ip_address(cluster_ip)) {
    spec.fail("clusterIP", invalid(cluster_ip, "must be empty, 'None', or a valid IP address"));
  }
  if (cluster_ip == "None" && (type == "NodePort" || type == "LoadBalancer")) {
    spec.fail("clusterIP", invalid(cluster_ip, fmt::format("may not be set to 'None' for {} services", type)));
  }
  const auto cluster_ips = spec.texts("clusterIPs");
  if (!cluster_ips.empty() && cluster_ips.front() != cluster_ip) {
    spec.fail("clusterIPs", invalid(cluster_ips.front(), "first value must match `clusterIP`"));
  } else if (cluster_ips.size() > 2) {
    spec.fail("clusterIPs", "invalid value: may only hold up to 2 values");
  } else if (cluster_ip != "None" && cluster_ips.size() == 2) {
    check_each(spec, "clusterIPs", ip_error);
  }
  check_each(spec, "externalIPs", special_ip_error);
  check_each(spec, "loadBalancerSourceRanges", cidr_error);
  if (!spec.texts("loadBalancerSourceRanges").empty() && type != "LoadBalancer") {
    spec.fail("loadBalancerSourceRanges", "forbidden: may only be used when `type` is 'LoadBalancer'");
  }
  std::set<std::string> families;
  for (const auto& family : spec.texts("ipFamilies")) {
    if (family != "IPv4" && family != "IPv6") {
      spec.fail("ipFamilies", unsupported(family, {"IPv4", "IPv6"}));
    } else {
      check_unique(spec, "ipFamilies", family, families);
    }
  }
  const auto all = spec.texts("ipFamilies");
  if (!all.empty() && all.front() == "IPv6") {
    spec.fail("ipFamilies", invalid("IPv6", "not configured on this cluster: services have IPv4 addresses here"));
  }
  check_choice(spec, "ipFamilyPolicy", {"PreferDualStack", "RequireDualStack", "SingleStack"});
  if (spec.text("ipFamilyPolicy") == "RequireDualStack") {
    spec.fail("ipFamilyPolicy", invalid("RequireDualStack", "this cluster is not configured for dual-stack services"));
  }
}

void check_policies_of_service(const Reader& spec) {
  check_choice(spec, "sessionAffinity", {"ClientIP", "None"});
  const auto client = spec.child("sessionAffinityConfig").child("clientIP");
  if (spec.text("sessionAffinity") == "ClientIP" && client.present()) {
    constexpr std::int64_t kDay = 86400;
    const auto timeout = client.maybe_integer("timeoutSeconds");
    if (timeout && (*timeout <= 0 || *timeout > kDay)) {
      client.fail("timeoutSeconds",
                  fmt::format("invalid value: {}: must be greater than 0 and less than {}", *timeout, kDay));
    }
  }
  check_choice(spec, "internalTrafficPolicy", {"Cluster", "Local"});
  check_choice(spec, "externalTrafficPolicy", {"Cluster", "Local"});
  const auto type = spec.text("type");
  const bool outside = type == "NodePort" || type == "LoadBalancer" || !spec.texts("externalIPs").empty();
  if (!outside && !spec.text("externalTrafficPolicy").empty()) {
    spec.fail("externalTrafficPolicy",
              invalid(spec.text("externalTrafficPolicy"), "may only be set for externally-accessible services"));
  }
  check_choice(spec, "trafficDistribution", {"PreferClose", "PreferSameNode", "PreferSameZone"});
  if (spec.has("loadBalancerClass")) {
    check_text(spec, "loadBalancerClass", qualified_name_error);
    if (type != "LoadBalancer") {
      spec.fail("loadBalancerClass", "forbidden: may only be used when `type` is 'LoadBalancer'");
    }
  }
  if (const auto port = spec.integer("healthCheckNodePort"); port != 0) {
    check_range(spec, "healthCheckNodePort", 1, 65535);
    const auto policy = spec.text("externalTrafficPolicy", "Cluster");  // what is no policy at all was named above
    if (type != "LoadBalancer" || policy == "Cluster") {
      spec.fail("healthCheckNodePort",
                fmt::format("invalid value: {}: may only be set when `type` is 'LoadBalancer' and "
                            "`externalTrafficPolicy` is 'Local'",
                            port));
    }
  }
}

void check_service_ports(const Reader& spec) {
  const auto ports = spec.children("ports");
  std::set<std::string> names;
  std::set<std::string> numbers;
  std::set<std::string> node_ports;
  const auto type = spec.text("type");
  for (const auto& port : ports) {
    if (ports.size() > 1) require_text(port, "name");
    check_text(port, "name", dns_label_error);
    check_unique(port, "name", port.text("name"), names);
    check_port_number(port, "port");
    check_choice(port, "protocol", {"SCTP", "TCP", "UDP"});
    check_text(port, "appProtocol", qualified_name_error);
    if (port.has("targetPort")) check_port_or_name(port, "targetPort");
    if (const auto node_port = port.integer("nodePort"); node_port != 0) {
      check_range(port, "nodePort", 1, 65535);
      if (type == "ClusterIP" || type == "ExternalName") {
        port.fail("nodePort", fmt::format("forbidden: may not be used when `type` is '{}'", type));
      }
      check_unique(port, "nodePort", fmt::format("{}/{}", node_port, port.text("protocol")), node_ports);
    }
    check_unique(port, "port", fmt::format("{}/{}", port.integer("port"), port.text("protocol")), numbers);
  }
}

void check_endpoint_address(const Reader& address) {
  if (require_text(address, "ip")) check_text(address, "ip", special_ip_error);
  check_text(address, "hostname", dns_label_error);
  check_text(address, "nodeName", dns_subdomain_error);
}

void check_subset(const Reader& subset) {
  const auto addresses = subset.children("addresses");
  const auto not_ready = subset.children("notReadyAddresses");
  if (addresses.empty() && not_ready.empty()) {
    subset.fail("", "required: must specify `addresses` or `notReadyAddresses`");
  }
  for (const auto& address : addresses) check_endpoint_address(address);
  for (const auto& address : not_ready) check_endpoint_address(address);
  const auto ports = subset.children("ports");
  for (const auto& port : ports) {
    if (ports.size() > 1) require_text(port, "name");
    check_text(port, "name", dns_label_error);
    check_port_number(port, "port");
    check_choice(port, "protocol", {"SCTP", "TCP", "UDP"});
    check_text(port, "appProtocol", qualified_name_error);
  }
}

/// `type`: the slice's addressType.
std::string slice_address_error(std::string_view type, std::string_view address) {
  if (type == "FQDN") return dns_subdomain_error(address);
  const bool six = address.find(':') != std::string_view::npos;
  if (!is_ip_address(address) || six != (type == "IPv6")) return fmt::format("must be a valid {} address", type);
  return special_ip_error(address);
}

void check_slice_endpoint(const Reader& endpoint, const std::string& type) {
  constexpr std::size_t kMostAddresses = 100;
  const auto addresses = endpoint.texts("addresses");
  if (addresses.empty()) endpoint.fail("addresses", "required: must contain at least 1 address");
  if (addresses.size() > kMostAddresses) {
    endpoint.fail("addresses", fmt::format("too many: must have at most {} items", kMostAddresses));
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (auto why = slice_address_error(type, addresses[i]); !why.empty()) {
      endpoint.issues().push_back({endpoint.path_of("addresses", i), invalid(addresses[i], why)});
    }
  }
  check_text(endpoint, "hostname", dns_label_error);
  check_text(endpoint, "nodeName", dns_subdomain_error);
}

}  // namespace

void check_service(const Reader& root) {
  const auto spec = root.child("spec");
  if (!spec.present()) return root.fail("spec", "required");
  check_choice(spec, "type", {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  check_addresses_of_service(spec);
  check_policies_of_service(spec);
  check_labels(spec, "selector");
  if (spec.text("type") == "ExternalName") {
    if (!spec.text("clusterIP").empty()) spec.fail("clusterIP", "forbidden: may not be set for ExternalName services");
    if (require_text(spec, "externalName")) {
      auto name = spec.text("externalName");
      if (name.size() > 1 && name.ends_with('.')) name.pop_back();
      if (const auto why = dns_subdomain_error(name); !why.empty()) spec.fail("externalName", invalid(name, why));
    }
  } else if (spec.children("ports").empty() && spec.text("clusterIP") != "None") {
    spec.fail("ports", "required");
  }
  check_service_ports(spec);
}

void check_endpoints(const Reader& root) {
  for (const auto& subset : root.children("subsets")) check_subset(subset);
}

void check_endpoint_slice(const Reader& root) {
  const auto type = root.text("addressType");
  if (!require_text(root, "addressType")) return;
  check_choice(root, "addressType", {"FQDN", "IPv4", "IPv6"});
  if (type != "FQDN" && type != "IPv4" && type != "IPv6") return;
  for (const auto& endpoint : root.children("endpoints")) check_slice_endpoint(endpoint, type);
  const auto ports = root.children("ports");
  std::set<std::string> names;
  bool nameless = false;
  for (const auto& port : ports) {
    check_text(port, "name", dns_label_error);
    check_unique(port, "name", port.text("name"), names);
    if (port.text("name").empty()) {
      if (nameless) port.fail("name", "duplicate value: \"\"");
      nameless = true;
    }
    if (port.has("port")) check_range(port, "port", 1, 65535);
    check_choice(port, "protocol", {"SCTP", "TCP", "UDP"});
    check_text(port, "appProtocol", qualified_name_error);
  }
}

}  // namespace berth::model
