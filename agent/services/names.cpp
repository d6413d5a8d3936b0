// agent/services/names.cpp - see names.hpp.
#include "agent/services/names.hpp"

#include "agent/objects/pod_facts.hpp"
#include "agent/services/endpoint_plan.hpp"

namespace berth::agent {
namespace {

network::DnsEndpoint endpoint(const model::Service& service, const model::Pod& pod) {
  network::DnsEndpoint endpoint;
  endpoint.address = pod.status.pod_ip;
  endpoint.ready = pod.status.ready() && !pod.meta.deleting();
  endpoint.awaited = !pod.status.ready() && !pod.meta.deleting();
  if (pod.spec.subdomain == service.meta.name && !pod.spec.hostname.empty()) endpoint.hostname = pod.spec.hostname;
  return endpoint;
}

/// The port of that name (its only one, if it has no name) behind a service without a selector; 0 when there is none.
std::uint16_t manual_port(const model::ServicePort& port, const ManualEndpoints& made) {
  for (const auto& candidate : made.ports) {
    if (candidate.name == port.name) return candidate.port;
  }
  return 0;
}

/// What people made for a service without a selector: a database outside, say. Returns the port behind `port`.
void add_manual(network::DnsService& out, const model::Service& service, const ObjectCache& cache) {
  std::map<std::string, std::uint16_t> numbers;
  for (const auto& [key, made] : cache.manual_endpoints()) {
    if (key.ns != service.meta.ns || made.service != service.meta.name) continue;
    for (const auto& address : made.addresses) {
      const auto known = std::any_of(out.endpoints.begin(), out.endpoints.end(),
                                     [&](const auto& endpoint) { return endpoint.address == address.ip; });
      if (known) continue;  // Endpoints and the slice that mirrors them.
      out.endpoints.push_back({.address = address.ip, .hostname = address.hostname, .ready = address.ready});
    }
    for (const auto& port : service.ports) {
      if (const auto number = manual_port(port, made); number != 0) numbers[port.name] = number;
    }
  }
  for (const auto& port : service.ports) {
    const auto number = numbers.find(port.name);
    out.ports.push_back({.name = port.name,
                         .protocol = port.protocol,
                         .port = number == numbers.end() ? static_cast<std::uint16_t>(port.port) : number->second});
  }
}

/// At its address the service's own ports are asked for, and not those behind them.
void lead_to_address(network::DnsService& out, const model::Service& service) {
  out.cluster_ip = service.cluster_ip;
  out.ports.clear();
  for (const auto& port : service.ports) {
    out.ports.push_back({.name = port.name, .protocol = port.protocol, .port = static_cast<std::uint16_t>(port.port)});
  }
}

network::DnsService dns_service(const model::Service& service, const ObjectCache& cache) {
  network::DnsService out;
  out.ns = service.meta.ns;
  out.name = service.meta.name;
  out.external_name = service.type == "ExternalName" ? service.external_name : std::string();
  out.publish_not_ready = service.publish_not_ready_addresses;
  if (service.selector.empty()) {
    if (out.external_name.empty()) add_manual(out, service, cache);
    return out;
  }
  PodPtr sample;
  for (const auto& pod : cache.pods_selected(service.meta.ns, service.selector)) {
    if (is_terminal(*pod) || (pod->status.pod_ip.empty() && pod->meta.deleting())) continue;
    out.endpoints.push_back(endpoint(service, *pod));
    if (!pod->status.pod_ip.empty()) sample = pod;
  }
  for (const auto& port : service.ports) {
    const auto number = !sample ? static_cast<std::uint16_t>(port.port) : target_port(port, *sample);
    if (number != 0) out.ports.push_back({.name = port.name, .protocol = port.protocol, .port = number});
  }
  return out;
}

}  // namespace

network::DnsNames make_names(const ObjectCache& cache, const std::string& cluster_domain,
                             const std::function<bool(const model::Service&)>& leads_on) {
  network::DnsNames names;
  names.cluster_domain = cluster_domain;
  for (const auto& [name, service] : cache.services()) {
    names.services.push_back(dns_service(*service, cache));
    if (leads_on && leads_on(*service)) lead_to_address(names.services.back(), *service);
  }
  for (const auto& [name, pod] : cache.pods()) {
    // One that is over has given its address back: another pod may have it.
    if (is_terminal(*pod)) continue;
    if (!pod->status.pod_ip.empty() && !pod->spec.host_network) names.pod_namespaces[pod->status.pod_ip] = name.first;
  }
  return names;
}

}  // namespace berth::agent
