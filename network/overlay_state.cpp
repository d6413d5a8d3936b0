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
    return fmt::format("podCIDR {} overlaps {} of host {}", peer.pod_cidr, other->text(), hosts.at(*other).text());
  return {};
}

template <typename T>
std::set<T> difference(const std::set<T>& these, const std::set<T>& those) {
  std::set<T> out;
  std::set_difference(these.begin(), these.end(), those.begin(), those.end(), std::inserter(out, out.end()));
  return out;
}

}  // namespace

std::string vxlan_name(const std::string& bridge) {
  auto name = bridge + "-vx";
  if (name.size() <= kLongestLinkName) return name;
  return fmt::format("bvx{:012x}", Fnv1a().add(bridge).value() & 0xffffffffffffU);
}

std::uint32_t vxlan_id(const Cidr& cluster) { return cluster.base.to_v4() >> 8U; }

CheckedPeers check_peers(const FirewallPlan& plan, const std::string& own_address, const std::vector<Peer>& peers) {
  CheckedPeers checked;
  for (const auto& peer : peers) {
    const auto address = IpAddress::parse(peer.address);
    const auto block = Cidr::parse(peer.pod_cidr);
    const auto why = why_not(plan, own_address, checked.hosts, peer, address, block);
    if (why.empty()) {
      checked.hosts.emplace(*block, *address);
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
  route.onlink = device != 0;
  for (const auto& [block, host] : hosts) {
    route.to = block;
    route.gateway = device != 0 ? block.base : host;
    state.routes.insert(route);
    if (device == 0) continue;
    state.neighbours.insert({block.base, mac_of(block.base)});
    state.hosts.insert({host, mac_of(block.base)});
  }
  return state;
}

OverlayState only_in(const OverlayState& these, const OverlayState& those) {
  return {difference(these.routes, those.routes), difference(these.neighbours, those.neighbours),
          difference(these.hosts, those.hosts)};
}

bool is_tunnel(const FirewallPlan& plan, const Link& link) {
  const auto our_number = plan.cluster && link.vni == vxlan_id(plan.cluster->pods);
  return link.kind == "vxlan" && (our_number || is_mac_of_an_address(link.mac));
}

bool is_overlay_route(const Route& route) { return route.protocol == kRouteProtocol; }

}  // namespace berth::network
