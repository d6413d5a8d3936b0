// network/overlay_state.cpp - see overlay_state.hpp.
#include "network/overlay_state.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/fnv.hpp"

namespace berth::network {
namespace {

/// Whose routes they are, in /etc/iproute2/rt_protos' numbers: nobody else's of those known.
constexpr unsigned kRouteProtocol = 0xbe;
constexpr std::size_t kLongestLinkName = 15;

std::string link_name(const std::string& bridge, std::string_view suffix) {
  auto name = fmt::format("{}-{}", bridge, suffix);
  if (name.size() <= kLongestLinkName) return name;
  return fmt::format("b{}{:012x}", suffix, Fnv1a().add(bridge).value() & 0xffffffffffffU);
}

/// The block in `hosts` that shares addresses with `block`. As no two of them do, only its neighbours may.
const Cidr* overlapping(const PeerHosts& hosts, const Cidr& block) {
  const auto next = hosts.lower_bound(block);
  if (next != hosts.end() && next->first.overlaps(block)) return &next->first;
  if (next != hosts.begin() && std::prev(next)->first.overlaps(block)) return &std::prev(next)->first;
  return nullptr;
}

std::string why_not(const FirewallPlan& plan, const std::string& own_address, const PeerHosts& hosts, const Peer& peer,
                    const Result<IpAddress>& address, const Result<Cidr>& block) {
  if (!address) return "address " + address.error().message();
  if (address->family() != Family::V4 || address->is_unspecified() || address->is_loopback())
    return fmt::format("address {}: no IPv4 address of a host", peer.address);
  if (peer.address == own_address) return fmt::format("address {} is ours", peer.address);
  if (plan.cluster->pods.contains(*address))
    return fmt::format("address {} is in the pods' {}", peer.address, plan.cluster->pods.text());
  if (!block) return "podCIDR " + block.error().message();
  if (block->prefix <= plan.cluster->pods.prefix || !plan.cluster->pods.contains(block->base))
    return fmt::format("podCIDR {} is no part of {}", peer.pod_cidr, plan.cluster->pods.text());
  if (block->overlaps(plan.pods)) return fmt::format("podCIDR {} overlaps ours, {}", peer.pod_cidr, plan.pods.text());
  if (const auto* other = overlapping(hosts, *block))
    return fmt::format("podCIDR {} overlaps {} of host {}", peer.pod_cidr, other->text(),
                       hosts.at(*other).address.text());
  return {};
}

/// Why not, of its key; else it is in `key`.
std::string why_not_by_key(const FirewallPlan& plan, const std::string& own_key, const PeerHosts& hosts,
                           const Peer& peer, const Result<WireGuardKey>& key) {
  const auto encrypted = plan.cluster->mode == OverlayMode::WireGuard;
  if (!encrypted && !peer.wireguard_key.empty()) return "its network.mode is wireguard, and ours is not";
  if (!encrypted) return {};
  if (peer.wireguard_key.empty()) return "it has no WireGuard key: its network.mode is another, and ours is wireguard";
  if (!key) return "its key is " + key.error().message();
  if (peer.wireguard_key == own_key) return "its WireGuard key is ours: was its wireguard.key copied?";
  for (const auto& [block, host] : hosts) {
    if (host.key == *key) return fmt::format("its WireGuard key is that of host {}, too", host.address.text());
  }
  return {};
}

template <typename T>
std::set<T> difference(const std::set<T>& these, const std::set<T>& those) {
  std::set<T> out;
  std::set_difference(these.begin(), these.end(), those.begin(), those.end(), std::inserter(out, out.end()));
  return out;
}

}  // namespace

std::string vxlan_name(const std::string& bridge) { return link_name(bridge, "vx"); }
std::string wireguard_name(const std::string& bridge) { return link_name(bridge, "wg"); }

std::string tunnel_name(const FirewallPlan& plan) {
  if (!plan.cluster) return {};
  switch (plan.cluster->mode) {
    case OverlayMode::Vxlan: return vxlan_name(plan.bridge);
    case OverlayMode::WireGuard: return wireguard_name(plan.bridge);
    case OverlayMode::Routes: break;
  }
  return {};
}

unsigned overhead_of(const FirewallPlan& plan) {
  if (!plan.cluster) return 0;
  switch (plan.cluster->mode) {
    case OverlayMode::Vxlan: return kVxlanOverhead;
    case OverlayMode::WireGuard: return kWireGuardOverhead;
    case OverlayMode::Routes: break;
  }
  return 0;
}

std::uint32_t vxlan_id(const Cidr& cluster) { return cluster.base.to_v4() >> 8U; }

CheckedPeers check_peers(const FirewallPlan& plan, const std::string& own_address, const std::vector<Peer>& peers,
                         const std::string& own_key) {
  CheckedPeers checked;
  for (const auto& peer : peers) {
    const auto address = IpAddress::parse(peer.address);
    const auto block = Cidr::parse(peer.pod_cidr);
    const auto key = parse_wireguard_key(peer.wireguard_key);
    auto why = why_not(plan, own_address, checked.hosts, peer, address, block);
    if (why.empty()) why = why_not_by_key(plan, own_key, checked.hosts, peer, key);
    if (why.empty()) {
      checked.hosts.emplace(*block, PeerHost{*address, key.value_or({})});
    } else {
      checked.refused.push_back(fmt::format("node {}: {}", peer.node, why));
    }
  }
  return checked;
}

OverlayState state_of(const FirewallPlan& plan, const PeerHosts& hosts, int device) {
  OverlayState state;
  Route route;
  route.table = RT_TABLE_MAIN;
  route.protocol = kRouteProtocol;
  route.source = plan.gateway;  // What this host itself sends comes from one of its pods' addresses, too.
  route.to = plan.cluster->pods;
  route.unreachable = true;
  state.routes.insert(route);
  route.unreachable = false;
  route.link = device;
  const auto encrypted = plan.cluster->mode == OverlayMode::WireGuard;
  route.onlink = device != 0 && !encrypted;
  for (const auto& [block, host] : hosts) {
    route.to = block;
    if (encrypted) {  // Its link knows by the address whom to send to.
      state.routes.insert(route);
      state.wireguard.insert({host.key, host.address, block});
      continue;
    }
    route.gateway = device != 0 ? block.base : host.address;
    state.routes.insert(route);
    if (device == 0) continue;
    state.neighbours.insert({block.base, mac_of(block.base)});
    state.hosts.insert({host.address, mac_of(block.base)});
  }
  return state;
}

OverlayState only_in(const OverlayState& these, const OverlayState& those) {
  return {difference(these.routes, those.routes), difference(these.neighbours, those.neighbours),
          difference(these.hosts, those.hosts), difference(these.wireguard, those.wireguard)};
}

bool is_tunnel(const FirewallPlan& plan, const Link& link) {
  if (link.kind == "wireguard") return link.name == wireguard_name(plan.bridge);
  const auto our_number = plan.cluster && link.vni == vxlan_id(plan.cluster->pods);
  return link.kind == "vxlan" && (our_number || is_mac_of_an_address(link.mac));
}

bool is_overlay_route(const Route& route) { return route.protocol == kRouteProtocol; }

}  // namespace berth::network
