// agent/names.cpp - see names.hpp.
#include "agent/names.hpp"

#include <charconv>

#include "agent/set_plan.hpp"

namespace berth::agent {
namespace {

/// The port that a service port leads to in `pod`: a number, or the name of a container port; 0 when there is none.
std::uint16_t target_port(const model::ServicePort& port, const model::Pod& pod) {
  std::uint16_t number = 0;
  const auto* end = port.target_port.data() + port.target_port.size();
  const auto [parsed, error] = std::from_chars(port.target_port.data(), end, number);
  if (error == std::errc() && parsed == end && number != 0) return number;
  for (const auto& container : pod.spec.containers) {
    for (const auto& candidate : container.ports) {
      if (candidate.name == port.target_port && candidate.protocol == port.protocol) {
        return static_cast<std::uint16_t>(candidate.container_port);
      }
    }
  }
  return port.target_port.empty() ? static_cast<std::uint16_t>(port.port) : std::uint16_t{0};
}

network::DnsEndpoint endpoint(const model::Service& service, const model::Pod& pod) {
  network::DnsEndpoint endpoint;
  endpoint.address = pod.status.pod_ip;
  endpoint.ready = pod.status.ready() && !pod.meta.deleting();
  if (pod.spec.subdomain == service.meta.name && !pod.spec.hostname.empty()) endpoint.hostname = pod.spec.hostname;
  return endpoint;
}

network::DnsService dns_service(const model::Service& service, const ObjectCache& cache) {
  network::DnsService out;
  out.ns = service.meta.ns;
  out.name = service.meta.name;
  out.external_name = service.type == "ExternalName" ? service.external_name : std::string();
  // Virtual addresses come with a later version: until then every selector service answers like a headless one.
  out.publish_not_ready = service.publish_not_ready_addresses;
  const model::Pod* sample = nullptr;
  if (!service.selector.empty()) {
    for (auto it = cache.pods().lower_bound({service.meta.ns, ""});
         it != cache.pods().end() && it->first.first == service.meta.ns; ++it) {
      const auto& pod = *it->second;
      if (pod.status.pod_ip.empty() || is_terminal(pod) || !model::matches(service.selector, pod.meta.labels)) continue;
      out.endpoints.push_back(endpoint(service, pod));
      sample = &pod;
    }
  }
  for (const auto& port : service.ports) {
    const auto number = sample == nullptr ? static_cast<std::uint16_t>(port.port) : target_port(port, *sample);
    if (number != 0) out.ports.push_back({.name = port.name, .protocol = port.protocol, .port = number});
  }
  return out;
}

}  // namespace

network::DnsNames make_names(const ObjectCache& cache, const std::string& cluster_domain) {
  network::DnsNames names;
  names.cluster_domain = cluster_domain;
  for (const auto& [name, service] : cache.services()) names.services.push_back(dns_service(*service, cache));
  for (const auto& [name, pod] : cache.pods()) {
    if (!pod->status.pod_ip.empty() && !pod->spec.host_network) names.pod_namespaces[pod->status.pod_ip] = name.first;
  }
  return names;
}

}  // namespace berth::agent
