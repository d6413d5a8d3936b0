// network/service_routes.hpp - front door: where packets to services go, as plain data.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace berth::network {

/// One of those that answer for a port.
struct ServiceBackend {
  std::string address;  ///< IPv4.
  std::uint16_t port = 0;
  auto operator<=>(const ServiceBackend&) const = default;
};

struct ServicePortRoute {
  std::string protocol;         ///< "tcp", "udp", "sctp"
  std::uint16_t port = 0;       ///< At the service's address. With the protocol it is unique within the service.
  std::uint16_t node_port = 0;  ///< At every address of the host; 0: none.
  std::uint16_t host_port = 0;  ///< The load balancer's, at every address of the host; 0: none.
  std::vector<ServiceBackend> inside{};   ///< For the service's address. None: connections are refused.
  std::vector<ServiceBackend> outside{};  ///< For the ports of the host. None: they are the host's own.
  auto operator<=>(const ServicePortRoute&) const = default;
};

/// One service. Its ports of the host are nobody else's.
struct ServiceRoute {
  std::string cluster_ip;  ///< IPv4.
  std::vector<ServicePortRoute> ports{};
  std::uint32_t affinity_seconds = 0;      ///< How long a client that paused gets the same backend; 0: any each time.
  std::vector<std::string> other_ports{};  ///< IPv4 of those that get what is for a port of the address not in `ports`.
  std::vector<std::string> source_ranges{};  ///< Blocks whose clients may use `host_port`; none: all.
  std::uint16_t health_port =
      0;  ///< Where load balancers ask for `ready_here`, at every address of the host; 0: nowhere.
  std::uint32_t ready_here = 0;  ///< With `health_port`: how many pods of this host are ready.
  auto operator<=>(const ServiceRoute&) const = default;
};

/// By "namespace/name": letters, digits, dots, dashes and one slash, which nftables takes as a part of a name. What is
/// the same object as before is not looked at again.
using ServiceRoutes = std::map<std::string, std::shared_ptr<const ServiceRoute>>;

}  // namespace berth::network
