// agent/services/service_route.cpp - see service_route.hpp.
#include "agent/services/service_route.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "agent/objects/pod_facts.hpp"
#include "agent/services/endpoint_plan.hpp"

namespace berth::agent {
namespace {

using network::ServiceBackend;

/// One that may answer for a port.
struct Candidate {
  ServiceBackend backend;
  bool ready = false;
  bool serving_to_the_end = false;  ///< Is being deleted, and still ready.
  bool local = false;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// Slices may have IPv6 addresses and names, which no packet of ours can be sent to.
bool is_ipv4(const std::string& text) {
  in_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

std::vector<Candidate> from_pods(const model::Service& service, const model::ServicePort& port,
                                 const std::vector<PodPtr>& pods, const std::string& node) {
  std::vector<Candidate> out;
  for (const auto& pod : pods) {
    if (!is_ipv4(pod->status.pod_ip) || is_terminal(*pod)) continue;
    const auto number = target_port(port, *pod);
    if (number == 0) continue;
    const auto serving = pod->status.ready();
    out.push_back({{pod->status.pod_ip, number},
                   service.publish_not_ready_addresses || (serving && !pod->meta.deleting()),
                   serving && pod->meta.deleting(),
                   pod->spec.node_name == node});
  }
  return out;
}

std::vector<Candidate> from_hand(const model::Service& service, const model::ServicePort& port,
                                 const ObjectCache& cache) {
  std::vector<Candidate> out;
  for (const auto& [key, made] : cache.manual_endpoints()) {
    if (key.ns != service.meta.ns || made.service != service.meta.name) continue;
    for (const auto& its : made.ports) {
      if (its.name != port.name) continue;
      for (const auto& address : made.addresses) {
        if (!is_ipv4(address.ip)) continue;
        out.push_back({{address.ip, its.port},
                       address.ready || service.publish_not_ready_addresses,
                       /*serving_to_the_end=*/false,
                       /*local=*/false});
      }
    }
  }
  return out;
}

std::vector<ServiceBackend> chosen(const std::vector<Candidate>& candidates, bool local_only) {
  std::vector<ServiceBackend> out;
  for (const auto last_resort : {false, true}) {
    for (const auto& each : candidates) {
      if ((local_only && !each.local) || !(last_resort ? each.serving_to_the_end : each.ready)) continue;
      out.push_back(each.backend);
    }
    if (!out.empty()) break;
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());  // Endpoints, and the slice that mirrors them.
  if (out.size() > kMaxEndpoints) out.resize(kMaxEndpoints);
  return out;
}

std::vector<std::string> pods_for_other_ports(const model::Service& service, const std::vector<PodPtr>& pods) {
  std::vector<std::string> out;
  for (const auto& pod : pods) {
    if (!is_ipv4(pod->status.pod_ip) || is_terminal(*pod)) continue;
    if (!service.publish_not_ready_addresses && (!pod->status.ready() || pod->meta.deleting())) continue;
    if (out.size() < kMaxEndpoints) out.push_back(pod->status.pod_ip);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());  // Pods with the host's network share its address.
  return out;
}

/// Those that a load balancer may send new connections to.
std::uint32_t ready_pods(const std::vector<PodPtr>& pods, const std::string& node) {
  return static_cast<std::uint32_t>(std::count_if(pods.begin(), pods.end(), [&](const PodPtr& pod) {
    return pod->status.ready() && !pod->meta.deleting() && !is_terminal(*pod) && pod->spec.node_name == node;
  }));
}

/// Blocks of IPv4; none when everybody may.
std::vector<std::string> ranges_of(const model::Service& service) {
  std::vector<std::string> out;
  for (const auto& block : service.source_ranges) {
    if (block.ends_with("/0")) return {};
    if (block.find(':') == std::string::npos) out.push_back(block);
  }
  // All are of another family: nobody that comes here may.
  if (out.empty() && !service.source_ranges.empty()) out.emplace_back("0.0.0.0/32");
  return out;
}

}  // namespace

bool HostPortGrants::has(const Name& service, const std::string& protocol, std::int32_t port) const {
  const auto found = holders.find({protocol, static_cast<std::uint16_t>(port)});
  return port != 0 && found != holders.end() && found->second == service;
}

bool HostPortGrants::has_all(const model::Service& service) const {
  const Name name{service.meta.ns, service.meta.name};
  const auto has_health = service.health_check_port == 0 || has(name, "tcp", service.health_check_port);
  return has_health && std::all_of(service.ports.begin(), service.ports.end(), [&](const model::ServicePort& port) {
           const auto protocol = lower(port.protocol);
           return (port.node_port == 0 || has(name, protocol, port.node_port)) &&
                  (!is_balanced_here(service) || has(name, protocol, port.port));
         });
}

bool is_balanced_here(const model::Service& service) {
  return service.type == "LoadBalancer" && service.load_balancer_class.empty() && service.has_address();
}

bool wants_host_ports(const model::Service& service) {
  return (service.type == "NodePort" || service.type == "LoadBalancer") && service.has_address();
}

HostPortGrants grant_host_ports(const Typed<model::Service>& services,
                                const std::function<std::set<HostPortKey>()>& listeners, const HostPortGrants& before) {
  std::optional<std::set<HostPortKey>> listening;
  const auto is_taken = [&](const HostPortKey& key) {
    if (!listening) listening = listeners();
    return listening->contains(key);
  };
  std::vector<std::pair<Name, const model::Service*>> all;
  for (const auto& [name, service] : services) {
    if (wants_host_ports(*service)) all.emplace_back(name, service.get());
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.second->meta.creation_timestamp < b.second->meta.creation_timestamp;
  });
  HostPortGrants grants;
  const auto grant = [&](const Name& name, const std::string& protocol, std::int32_t number) {
    const HostPortKey key{protocol, static_cast<std::uint16_t>(number)};
    const auto [holder, granted] = grants.holders.try_emplace(key, name);
    if (holder->second != name) {
      grants.refused[name] = fmt::format("port {}/{} of the host is that of Service {}/{}", number, protocol,
                                         holder->second.first, holder->second.second);
    } else if (granted && !before.has(name, protocol, number) && is_taken(key)) {
      grants.holders.erase(holder);
      grants.refused[name] = fmt::format("a process of the host listens on port {}/{}", number, protocol);
    }
  };
  for (const auto& [name, service] : all) {
    for (const auto& port : service->ports) {
      if (port.node_port != 0) grant(name, lower(port.protocol), port.node_port);
      if (is_balanced_here(*service)) grant(name, lower(port.protocol), port.port);
    }
    if (service->health_check_port != 0) grant(name, "tcp", service->health_check_port);
  }
  return grants;
}

network::ServiceRoute service_route(const model::Service& service, const ObjectCache& cache, const std::string& node,
                                    const HostPortGrants& grants) {
  const Name name{service.meta.ns, service.meta.name};
  network::ServiceRoute route;
  route.cluster_ip = service.cluster_ip;
  route.affinity_seconds = static_cast<std::uint32_t>(std::max(0, service.affinity_seconds));
  route.source_ranges = ranges_of(service);
  const auto pods =
      service.selector.empty() ? std::vector<PodPtr>() : cache.pods_selected(service.meta.ns, service.selector);
  if (service.other_ports) route.other_ports = pods_for_other_ports(service, pods);
  if (wants_host_ports(service) && grants.has(name, "tcp", service.health_check_port)) {
    route.health_port = static_cast<std::uint16_t>(service.health_check_port);
    route.ready_here = ready_pods(pods, node);
  }
  for (const auto& port : service.ports) {
    network::ServicePortRoute out;
    out.protocol = lower(port.protocol);
    out.port = static_cast<std::uint16_t>(port.port);
    const auto candidates =
        service.selector.empty() ? from_hand(service, port, cache) : from_pods(service, port, pods, node);
    out.inside = chosen(candidates, service.internal_local);
    if (wants_host_ports(service)) {
      if (grants.has(name, out.protocol, port.node_port)) out.node_port = static_cast<std::uint16_t>(port.node_port);
      if (is_balanced_here(service) && grants.has(name, out.protocol, port.port)) out.host_port = out.port;
      if (out.node_port != 0 || out.host_port != 0) out.outside = chosen(candidates, service.external_local);
    }
    route.ports.push_back(std::move(out));
  }
  return route;
}

}  // namespace berth::agent
