// network/service_rules.hpp - the nftables table of services as text: whole, and as the way from one state to the next.
// Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "network/firewall.hpp"
#include "network/host_ports.hpp"
#include "network/service_routes.hpp"

namespace berth::network {

/// What the table has for some services; of all together, or of one alone.
struct ServiceRules {
  std::map<std::string, std::string> sets;            ///< Name to declaration: which client has which backend.
  std::map<std::string, std::string> chains;          ///< Name to rules, one a line.
  std::map<std::string, std::string> addresses;       ///< Cluster address to "": set service_addresses.
  std::map<std::string, std::string> cluster_ports;   ///< "address . protocol . port" to its chain.
  std::map<std::string, std::string> other_ports;     ///< Cluster address to its chain.
  std::map<std::string, std::string> node_ports;      ///< "protocol . port" to its chain.
  std::map<std::string, std::string> balancer_ports;  ///< The same.
};

/// The rules of these services. A port has a chain for its cluster address (`in-ns/name/tcp/80`) and one for ports of
/// the host (`out-...`, `lb-...`), which chooses at random; with affinity each backend has a chain and a set of
/// clients.
ServiceRules rules_of(const FirewallPlan& plan, const ServiceRoutes& routes);

/// The whole table `ip berth-<bridge>-services` as nft(8) text that replaces it in one transaction.
///
/// - Packets to a service's address and port go to a backend: from pods, and from the host itself. From elsewhere they
///   are refused: who is beyond the host's other interfaces uses ports of the host.
/// - What is for a service's address and goes to no backend is refused, never sent on: "connection refused", at once.
/// - Ports of the host lead to backends from everywhere; the pods' DNS server keeps its own, and load balancers have
/// none
///   at 127.0.0.1: what the host keeps for itself there (its own resolver) stays its own.
/// - Clients keep their address, but where the answer would not come back through this host: pods that go to pods (the
///   masquerade of network/firewall), and outside clients of a backend that is no pod.
std::string services_text(const FirewallPlan& plan, const ServiceRoutes& routes);

/// What leads from `before` to `after` in one transaction; only what differs is touched. Empty: nothing does.
std::string services_change_text(const FirewallPlan& plan, const ServiceRoutes& before, const ServiceRoutes& after);

/// The UDP flows that these services lead, as forget_stale_flows() takes them.
std::vector<PortMapping> udp_mappings(const ServiceRoutes& routes);

std::string service_table(const std::string& bridge);  ///< "berth-berth0-services"

}  // namespace berth::network
