// network/service_rules.hpp - the nftables table of services as text: whole, and as the way from one state to the next.
// Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "network/firewall.hpp"
#include "network/host_ports.hpp"
#include "network/nft_batch.hpp"
#include "network/service_routes.hpp"

namespace berth::network {

struct ChainRules {
  std::string text{};                  ///< nft(8)'s words, a rule a line.
  std::optional<DnatChoice> choice{};  ///< When that is all.
  bool operator==(const ChainRules&) const = default;
};

using Elements = std::map<std::string, std::string>;

/// What the table has for some services; of all together, or of one alone.
struct ServiceRules {
  std::map<std::string, std::string> sets;   ///< Name to declaration: which client has which backend.
  std::map<std::string, ChainRules> chains;  ///< By name.
  Elements addresses;                        ///< Cluster address to "": set service_addresses.
  Elements cluster_ports;                    ///< "address . protocol . port" to its chain.
  Elements other_ports;                      ///< Cluster address to its chain.
  Elements node_ports;                       ///< "protocol . port" to its chain.
  Elements balancer_ports;                   ///< The same.
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

/// Those of `routes` that are not the same in `other`. What is the same object is not looked into.
ServiceRoutes differing(const ServiceRoutes& routes, const ServiceRoutes& other);

/// What leads from one state of the table to another; only what differs is touched.
struct ServiceChange {
  std::string table;
  std::vector<std::pair<const char*, Elements>> gone_from{};  ///< Sets and maps, and what they lose.
  std::vector<std::pair<const char*, Elements>> new_in{};
  std::map<std::string, std::string> new_sets{};
  std::map<std::string, std::string> gone_sets{};
  std::map<std::string, ChainRules> chains{};  ///< That are new, or have other rules.
  std::set<std::string> new_chains{};
  std::set<std::string> gone_chains{};
  bool empty() const;
};
ServiceChange change_of(const FirewallPlan& plan, const ServiceRoutes& before, const ServiceRoutes& after);

/// The change as nft(8) text, one transaction. Empty: nothing differs.
std::string text_of(const ServiceChange& change);
/// The same as a batch; none when it needs words that only libnftables has (affinity, source ranges, marks).
std::optional<NftBatch> batch_of(const ServiceChange& change);

/// The UDP flows that these services lead, as forget_stale_flows() takes them.
std::vector<PortMapping> udp_mappings(const ServiceRoutes& routes);

std::string service_table(const std::string& bridge);  ///< "berth-berth0-services"

}  // namespace berth::network
