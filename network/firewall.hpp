// network/firewall.hpp - our nftables table: masquerade, host ports, forwarding.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "network/host_ports.hpp"
#include "network/ip.hpp"
#include "network/overlay_mode.hpp"

namespace berth::network {

/// The network that this host's pods share with those of other hosts.
struct ClusterPlan {
  Cidr pods;  ///< Of all hosts.
  OverlayMode mode = OverlayMode::Vxlan;
};

/// Where hosts listen for each other's packets (RFC 7348).
inline constexpr std::uint16_t kVxlanPort = 4789;

/// What the table is made for.
struct FirewallPlan {
  std::string bridge;
  Cidr pods;
  IpAddress gateway;
  std::vector<IpAddress> dns;  ///< Where the DNS server listens, besides the gateway.
  std::uint16_t dns_port = 53;
  std::optional<ClusterPlan> cluster{};  ///< None: there is this host only.
};

/// The whole table `ip berth-<bridge>` as nft(8) text that replaces it in one transaction. Pure.
///
/// - Packets of pods that leave by another interface than the bridge take the host's address.
/// - A port of the host in the maps is sent on to its pod: from outside, from the host itself (127.0.0.1 too),
///   from other pods, and from the pod to itself. Outside clients keep their address.
///   Not the DNS server's: a pod with host port 53 serves the world, and the pods still ask us.
/// - Pods cannot reach the host's 127.0.0.0/8, which route_localnet would otherwise allow (CVE-2020-8558).
/// - Who is beyond the other interfaces reaches pods by host ports only, and neither the gateway's address nor anything
///   in the name of a pod: a route to the pods' block, which anybody on the same link can set, leads nowhere.
/// - Forwarding from the bridge, and back to it, is accepted. An accept ends only our own chain: where another table
///   drops forwarded packets by policy, as Docker and firewalld do, the administrator has to let the bridge through.
///
/// With a cluster, `hosts` are the other hosts:
/// - Between pods of all hosts nobody's address changes. Whoever else is sent on to a pod elsewhere, by a service's
/// port
///   or from a process of this host, gets the gateway's, so that the answer comes back through us.
/// - A packet in the name of a pod comes from where the route to that pod leads, or is dropped; pods of other hosts
///   reach ours, and of the gateway they see answers only, those to ping(8) among them (peer_probe.hpp).
/// - VXLAN's packets of our network are taken from `hosts` only.
std::string ruleset_text(const FirewallPlan& plan, const std::vector<PortMapping>& mappings,
                         const std::vector<IpAddress>& hosts = {});

/// Replaces the hosts that VXLAN's packets are taken from. Pure.
std::string hosts_text(const std::string& bridge, const std::vector<IpAddress>& hosts);

/// Adding or removing the elements of one pod. Pure; empty for no mappings.
std::string add_text(const std::string& bridge, const std::vector<PortMapping>& mappings);
std::string remove_text(const std::string& bridge, const std::vector<PortMapping>& mappings);

/// Applies the texts through libnftables, each in one transaction. Any thread: calls wait for each other.
/// Errors: PermissionDenied, Unimplemented (this kernel has no nftables), Unknown with nft's own words.
class Firewall {
 public:
  /// `all` gives the mappings of all pods, `hosts` the other hosts of a cluster; they are called while rebuilding.
  Firewall(FirewallPlan plan, std::function<std::vector<PortMapping>()> all,
           std::function<std::vector<IpAddress>()> hosts);

  /// Replaces the table by what it should be.
  Status rebuild();

  /// Changes the elements of one pod; when that does not fit what is there, rebuilds. UDP flows that were on
  /// another way follow.
  Status add(const std::vector<PortMapping>& mappings);
  Status remove(const std::vector<PortMapping>& mappings);

  /// Lets the other hosts' packets in, those that there are now; rebuilds when that does not fit what is there.
  Status follow_hosts();

  /// Is the table there? Others flush the ruleset now and then. One small question to the kernel.
  Result<bool> present() const;

 private:
  Status rebuild_locked();
  void forget_flows(const std::vector<PortMapping>& changed) const;
  const FirewallPlan plan_;
  const std::function<std::vector<PortMapping>()> all_;
  const std::function<std::vector<IpAddress>()> hosts_;
  std::vector<IpAddress> let_in_;  ///< Of `hosts_`, those in the table as it was last written. Guarded by nft_mutex().
};

}  // namespace berth::network
