// network/overlay_state.hpp - what the kernel has to know of other hosts: checked, whole, and as a difference. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "network/firewall.hpp"
#include "network/netlink.hpp"
#include "network/pod_network.hpp"
#include "network/wireguard.hpp"

namespace berth::network {

/// What VXLAN puts in front of each packet: Ethernet, VXLAN, UDP and IPv4.
inline constexpr unsigned kVxlanOverhead = 50;

/// The link that leads to other hosts: "berth0-vx", "berth0-wg".
std::string vxlan_name(const std::string& bridge);
std::string wireguard_name(const std::string& bridge);
/// That of the plan's mode; empty: it needs none.
std::string tunnel_name(const FirewallPlan& plan);
/// What each packet grows by on its way to another host.
unsigned overhead_of(const FirewallPlan& plan);

/// All hosts of a network have the same, and those of another one on the same wire another: the block's first bytes.
std::uint32_t vxlan_id(const Cidr& cluster);

struct PeerHost {
  IpAddress address;
  WireGuardKey key{};  ///< In mode WireGuard.
  bool operator==(const PeerHost&) const = default;
};

/// By the pods' block: the host that has it.
using PeerHosts = std::map<Cidr, PeerHost>;

struct CheckedPeers {
  PeerHosts hosts{};
  std::vector<std::string> refused{};  ///< "node worker2: ...", a text each.
};

/// Of those that want the same addresses, or have the same key, the first is taken. `own_address`: where others reach
/// us. Whose mode is another than ours is told by its key, or by its having none.
CheckedPeers check_peers(const FirewallPlan& plan, const std::string& own_address, const std::vector<Peer>& peers,
                         const std::string& own_key = {});

/// With VXLAN nothing has to be asked or published: the router of a block is its first address, with the MAC that
/// belongs to that address, and a host has its own block's.
struct OverlayState {
  std::set<Route> routes{};
  std::set<Neighbour> neighbours{};  ///< First address of a block, and its MAC.
  std::set<Neighbour> hosts{};       ///< Which host has that MAC.
  std::set<WireGuardPeer> wireguard{};
};

/// What leads to these hosts. What is for pods of nobody is refused here, and does not leave by the default route.
/// `device`: index of the tunnel's link; 0: packets go as they are.
OverlayState state_of(const FirewallPlan& plan, const PeerHosts& hosts, int device);

/// What is in one, and not in the other.
OverlayState only_in(const OverlayState& these, const OverlayState& those);

/// Is it a tunnel of ours, be it from an earlier time or another block? Of VXLAN's its name alone does not tell.
bool is_tunnel(const FirewallPlan& plan, const Link& link);

/// Is it a route that state_of() makes, for whichever peers and devices?
bool is_overlay_route(const Route& route);

}  // namespace berth::network
