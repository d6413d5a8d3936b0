// network/host_ports.hpp - which pod has which port of the host: pure bookkeeping.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "network/ip.hpp"
#include "network/pod_network.hpp"

namespace berth::network {

/// One port of the host that leads to a pod.
struct PortMapping {
  std::string protocol;  ///< "tcp", "udp", "sctp"
  IpAddress host_ip;     ///< Unspecified: every address of the host.
  std::uint16_t host_port = 0;
  IpAddress pod_ip;
  std::uint16_t container_port = 0;

  auto operator<=>(const PortMapping&) const = default;
};

/// Checks and normalises: entries without host port are left out, repeated ones appear once. InvalidArgument:
/// unknown protocol, bad hostIP, no container port, one host port for two container ports, more than 1000.
/// Unimplemented: an IPv6 hostIP.
Result<std::vector<PortMapping>> port_mappings(const std::vector<HostPort>& ports, const IpAddress& pod_ip);

/// The claims of all pods. Not locked.
class HostPorts {
 public:
  /// Replaces what the pod had. FailedPrecondition names the pod that has one of the ports: as in Kubernetes, a
  /// port on every address conflicts with the same port on any address.
  Status claim(const std::string& uid, const std::string& pod, std::vector<PortMapping> mappings);

  /// Forgets the pod and returns what it had.
  std::vector<PortMapping> release(const std::string& uid);

  std::vector<PortMapping> of(const std::string& uid) const;
  std::vector<PortMapping> all() const;  ///< Sorted.

 private:
  struct Claim {
    std::string pod;
    std::vector<PortMapping> mappings;
  };
  std::map<std::string, Claim> claims_;
};

}  // namespace berth::network
