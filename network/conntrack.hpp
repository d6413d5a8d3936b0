// network/conntrack.hpp - flows that the kernel remembers on their old way after a port has changed hands.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "network/host_ports.hpp"

namespace berth::network {

/// A UDP flow as conntrack(8) shows it, as far as ports of the host and of services care.
struct UdpFlow {
  IpAddress to;  ///< What its first packet was sent to.
  std::uint16_t to_port = 0;
  IpAddress answered_by;  ///< Who gets its packets, after address translation.
  std::uint16_t answered_port = 0;
};

/// Does the flow go to a port of `changed`, and to none of the places that `now` names for it? `local`: it was sent to
/// an address of this host. Address translation is decided once for each flow, and a client that keeps sending (syslog,
/// DNS, VPN) keeps its flow alive: to a pod that is gone, or to the host itself, where nobody listened yet. Pure.
bool is_stale(const UdpFlow& flow, bool local, const std::vector<PortMapping>& changed,
              const std::vector<PortMapping>& now);

/// Makes the kernel forget all stale flows. Lists the whole table: only where a UDP port changed. TCP needs none of
/// this: its connections end with their pod.
Status forget_stale_flows(const std::vector<PortMapping>& changed, const std::vector<PortMapping>& now);

}  // namespace berth::network
