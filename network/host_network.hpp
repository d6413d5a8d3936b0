// network/host_network.hpp - the host's own part: bridge, forwarding, addresses, resolver files.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "network/firewall.hpp"
#include "network/ip.hpp"
#include "network/netlink.hpp"
#include "network/pod_files.hpp"

namespace berth::network {

/// The first route that shares addresses with `pods`, none when there is none. Routes by `own_link` (0: none) do not
/// count, nor do the routes that stand for "everything else": prefix 0, and the prefix 1 halves that VPNs use. Pure.
const Route* find_overlap(const Cidr& pods, const std::vector<Route>& routes, int own_link);

/// The main table's default route of least priority; null when there is none. Pure.
const Route* find_default(const std::vector<Route>& routes);

/// The MTU by which all that we send fits the link with our address for other hosts and the default route's; 1500 when
/// neither tells. A loopback or dummy link tells nothing: packets do not leave by it. Pure.
unsigned uplink_mtu(const std::optional<Link>& own_address, const std::optional<Link>& default_route);

/// Of the bridge's addresses, those that it had for another block: other hosts' packets start from them, or they are
/// the cluster's and not ours. Pure.
std::vector<LinkAddress> left_addresses(const FirewallPlan& plan, const std::vector<LinkAddress>& on_bridge,
                                        const std::vector<Route>& overlay);

/// Makes the bridge with the gateway's address, up; its MTU, which is returned, is uplink_mtu() and leaves room for a
/// tunnel, if any, also where the bridge is there already; without a tunnel somebody else's bridge keeps its own. What
/// pods say about routes is not listened to there. Already there is success; what is left of an earlier block, or
/// without a cluster of one, goes. FailedPrecondition: the block, or the cluster's, overlaps a route of this host
/// (named), or the name belongs to another kind of link.
Result<unsigned> make_host_bridge(Netlink& netlink, const FirewallPlan& plan, const std::string& node_address);

/// Deletes VXLAN's link if there is one, and it is ours.
Status remove_other_tunnels(Netlink& netlink, const FirewallPlan& plan);

/// Sets net.ipv4.ip_forward and route_localnet of the bridge (for 127.0.0.1:<hostPort>) to 1. A value that is
/// right is not written: /proc/sys may be read-only for us. Never set back: others rely on forwarding too.
Status allow_forwarding(const std::string& bridge);

/// The source address of the default route, asked of the kernel at most every few seconds. Any thread.
class HostAddress {
 public:
  std::string get(const std::string& fallback) const;

 private:
  mutable std::mutex mutex_;
  mutable std::optional<std::string> cached_;
  mutable std::chrono::steady_clock::time_point asked_{};
};

/// /etc/resolv.conf; for pods of the pod network, where it names only loopback servers, systemd-resolved's list of
/// the real ones when that exists. Empty when it cannot be read.
ResolvConf host_resolv_conf(bool for_host_network);

std::string host_hosts_text();  ///< /etc/hosts
std::string host_name();        ///< gethostname(2)

}  // namespace berth::network
