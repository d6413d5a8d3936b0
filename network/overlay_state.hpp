// network/overlay_state.hpp - what the kernel has to know of other hosts: checked, whole, and as a difference. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "network/firewall.hpp"
#include "network/netlink.hpp"
#include "network/pod_network.hpp"

namespace berth::network {

/// What VXLAN puts in front of each packet: Ethernet, VXLAN, UDP and IPv4.
inline constexpr unsigned kVxlanOverhead = 50;

/// The link that leads to other hosts: "berth0-vx".
std::string vxlan_name(const std::string& bridge);

/// All hosts of a network have the same, and those of another one on the same wire another: the block's first bytes.
std::uint32_t vxlan_id(const Cidr& cluster);

/// By the pods' block: the host that has it.
using PeerHosts = std::map<Cidr, IpAddress>;

struct CheckedPeers {
  PeerHosts hosts{};
  std::vector<std::string> refused{};  ///< "node worker2: ...", a text each.
};

/// Of those that want the same addresses the first gets them. `own_address`: where others reach us.
CheckedPeers check_peers(const FirewallPlan& plan, const std::string& own_address, const std::vector<Peer>& peers);

/// With VXLAN nothing has to be asked or published: the router of a block is its first address, with the MAC that
/// belongs to that address, and a host has its own block's.
struct OverlayState {
  std::set<Route> routes{};
  std::set<Neighbour> neighbours{};  ///< First address of a block, and its MAC.
  std::set<Neighbour> hosts{};       ///< Which host has that MAC.
};

/// What leads to these hosts. What is for pods of nobody is refused here, and does not leave by the default route.
/// `device`: index of VXLAN's link; 0: packets go as they are.
OverlayState state_of(const FirewallPlan& plan, const PeerHosts& hosts, int device);

/// What is in one, and not in the other.
OverlayState only_in(const OverlayState& these, const OverlayState& those);

/// Is it VXLAN's link of ours, be it from an earlier time or another block? Its name alone does not tell.
bool is_tunnel(const FirewallPlan& plan, const Link& link);

/// Is it a route that state_of() makes, for whichever peers and devices?
bool is_overlay_route(const Route& route);

}  // namespace berth::network
