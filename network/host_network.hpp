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

/// Makes the bridge with the gateway's address, up, with the MTU of the link by which we reach other hosts: that with
/// `node_address`, else the default route's. What is tunnelled to them leaves room for that, on a bridge that is there,
/// too. What pods say about routes is not listened to there. Already there is success; without a cluster what an agent
/// with one left goes. FailedPrecondition: the block, or the cluster's, overlaps a route of this host (named), or the
/// name belongs to another kind of link.
Status make_host_bridge(Netlink& netlink, const FirewallPlan& plan, const std::string& node_address);

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
