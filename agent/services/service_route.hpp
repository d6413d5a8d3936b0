// agent/services/service_route.hpp - where packets to a service go: its pods, or what was made by hand. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/objects/object_cache.hpp"
#include "network/service_routes.hpp"

namespace berth::agent {

/// "tcp" and a number: a port of the host.
using HostPortKey = std::pair<std::string, std::uint16_t>;

/// Who has which port of the host, among services: node ports and those of load balancers.
struct HostPortGrants {
  std::map<HostPortKey, Name> holders;
  std::map<Name, std::string> refused;  ///< Services that have not all they ask for, and why.
  bool has(const Name& service, const std::string& protocol, std::int32_t port) const;
  /// Has it all that it asks for? Not before grant_host_ports() looked at it.
  bool has_all(const model::Service& service) const;
  bool operator==(const HostPortGrants&) const = default;
};

/// Each port goes to the service that was made first. A port that a process of the host listens on stays the host's:
/// an sshd is not taken away by a Service with port 22. `listeners`: those ports, asked for once and
/// only when there is a port that is not in `before`: what was granted stays so whoever listens there now.
HostPortGrants grant_host_ports(const Typed<model::Service>& services,
                                const std::function<std::set<HostPortKey>()>& listeners, const HostPortGrants& before);

/// Does the service ask for a port of the host?
bool wants_host_ports(const model::Service& service);
/// Is its load balancer ours?
bool is_balanced_here(const model::Service& service);

/// The route of a service that has an address. Backends are those that are ready (all, with publishNotReadyAddresses);
/// when there is none, those that are being deleted and still serve. `node`: this host, for the policy Local.
network::ServiceRoute service_route(const model::Service& service, const ObjectCache& cache, const std::string& node,
                                    const HostPortGrants& grants);

}  // namespace berth::agent
