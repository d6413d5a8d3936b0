// agent/services/host_routes.cpp - see host_routes.hpp.
#include "agent/services/host_routes.hpp"

#include <set>

namespace berth::agent {

HostRoutes host_routes(const network::DnsNames& names, std::size_t most) {
  std::set<std::string> pods;
  std::set<std::string> services;
  for (const auto& service : names.services) {
    services.insert(service.name + "." + service.ns);
    if (service.ns != "default") continue;
    for (const auto& endpoint : service.endpoints) {
      if (!endpoint.hostname.empty()) pods.insert(endpoint.hostname + "." + service.name);
    }
  }
  HostRoutes out;
  if (most > 0) out.domains.push_back(names.cluster_domain);
  for (const auto* each : {&pods, &services}) {
    for (const auto& domain : *each) {
      if (out.domains.size() < most) {
        out.domains.push_back(domain);
      } else {
        ++out.left_out;
      }
    }
  }
  return out;
}

}  // namespace berth::agent
