// network/overlay.cpp - see overlay.hpp.
#include "network/overlay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "network/host_network.hpp"
#include "network/sysctl.hpp"

namespace berth::network {
Status Overlay::set(const std::vector<Peer>& peers) {
  constexpr const char* kDoing = "lead packets to other hosts";
  const std::lock_guard lock(mutex_);
  auto checked = check_peers(plan_, own_address_(), peers, wireguard_key());
  if (auto done = apply(std::move(checked.hosts)); !done) return std::move(done).error().context(kDoing);
  if (checked.refused.empty()) return Ok{};
  return Error(ErrorCode::InvalidArgument, fmt::format("{}: {}", kDoing, fmt::join(checked.refused, "; ")));
}

Status Overlay::apply(PeerHosts wanted) {
  const auto before = std::exchange(wanted_, std::move(wanted));
  if (in_kernel_) {
    if (before == wanted_) return Ok{};
    auto netlink = Netlink::open();
    if (!netlink) return std::move(netlink).error();
    auto done = change(*netlink, state_of(plan_, *before, device_), state_of(plan_, *wanted_, device_));
    if (done) return done;
    log(LogLevel::Debug, "the routes to other hosts are not what they were, comparing all of them",
        {{"error", done.error().message()}});
  }
  return compare_all();
}

Status Overlay::repair(unsigned mtu) {
  const std::lock_guard lock(mutex_);
  mtu_ = mtu;
  return wanted_ ? compare_all() : refuse_all();
}

/// Routes that an earlier agent left are more specific.
Status Overlay::refuse_all() {
  auto netlink = Netlink::open();
  if (!netlink) return std::move(netlink).error();
  auto refused = change(*netlink, {}, state_of(plan_, {}, 0));
  if (!refused || plan_.cluster->mode != OverlayMode::WireGuard) return refused;
  // The others need our key before we need theirs.
  const auto made = device(*netlink);
  return made ? Status(Ok{}) : Status(made.error());
}

/// What is new first: an address that moves from one host to another is never without one.
Status Overlay::change(Netlink& netlink, const OverlayState& from, const OverlayState& to) const {
  auto first = Status(Ok{});
  const auto note = [&](Status done) {
    if (first && !done) first = std::move(done);
  };
  const auto fresh = only_in(to, from);
  const auto gone = only_in(from, to);
  if (!fresh.wireguard.empty() || !gone.wireguard.empty()) {
    auto wireguard = WireGuard::open();
    if (!wireguard) return std::move(wireguard).error();
    const auto link = tunnel_name(plan_);
    for (const auto& each : fresh.wireguard) note(wireguard->put_peer(link, each));
    for (const auto& each : gone.wireguard) {
      const auto stays = std::ranges::any_of(to.wireguard, [&](const auto& other) { return other.key == each.key; });
      if (!stays) note(wireguard->remove_peer(link, each.key));
    }
  }
  for (const auto& each : fresh.hosts) note(netlink.put_neighbour(device_, NeighbourTable::Hosts, each));
  for (const auto& each : fresh.neighbours) note(netlink.put_neighbour(device_, NeighbourTable::Addresses, each));
  for (const auto& each : fresh.routes) note(netlink.put_route(each));
  for (const auto& each : gone.routes) note(netlink.delete_route(each));
  for (const auto& each : gone.neighbours) note(netlink.delete_neighbour(device_, NeighbourTable::Addresses, each));
  for (const auto& each : gone.hosts) note(netlink.delete_neighbour(device_, NeighbourTable::Hosts, each));
  return first;
}

Status Overlay::keep(std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!wanted_ || now - compared_ < kCheckInterval) return Ok{};
  return compare_all();
}

Status Overlay::compare_all() {
  in_kernel_ = false;
  compared_ = std::chrono::steady_clock::now();
  auto netlink = Netlink::open();
  if (!netlink) return std::move(netlink).error();
  const auto index = device(*netlink);
  if (!index) return index.error();
  device_ = *index;
  const auto there = state_in_kernel(*netlink, device_);
  if (!there) return there.error();
  auto done = change(*netlink, *there, state_of(plan_, *wanted_, device_));
  in_kernel_ = done.ok();
  return done;
}

/// The tunnel's link as it should be, up: its index. 0 without one, and no link of an earlier agent either.
Result<int> Overlay::device(Netlink& netlink) {
  const auto bridge = netlink.find_link(plan_.bridge);
  if (!bridge) return bridge.error();
  if (!*bridge) return Error(ErrorCode::NotFound, fmt::format("link {} is not there", plan_.bridge));
  const auto mtu = mtu_.value_or((*bridge)->mtu);
  if ((*bridge)->mtu != mtu) {
    if (auto set = netlink.set_mtu((*bridge)->index, mtu); !set) return std::move(set).error();
  }
  if (auto gone = remove_other_tunnels(netlink, plan_); !gone) return std::move(gone).error();
  const auto name = tunnel_name(plan_);
  if (name.empty()) return 0;
  const auto local = IpAddress::parse(own_address_());
  if (!local || *local == plan_.gateway)
    return Error(ErrorCode::FailedPrecondition,
                 "no default route tells the address that other hosts reach us at: set network.nodeAddress");
  auto done = plan_.cluster->mode == OverlayMode::WireGuard ? make_wireguard(netlink, mtu) : make_vxlan(netlink, mtu);
  if (!done) return std::move(done).error();
  const auto link = netlink.find_link(name);
  if (!link) return link.error();
  if (!*link) return Error(ErrorCode::Aborted, fmt::format("link {} vanished while it was made", name));
  const auto index = (*link)->index;
  // What a process of this host sends to 127.0.0.1:<nodePort> may go to a pod elsewhere.
  done = set_sysctl("ipv4/conf/" + name + "/route_localnet", "1");
  if (done) done = ignore_routers_on(name);
  if (done && (*link)->mtu != mtu) done = netlink.set_mtu(index, mtu);
  if (done && !(*link)->up) done = netlink.set_up(index);
  if (!done) return std::move(done).error();
  return index;
}

/// There, and as it is to be but for what any link has.
Status Overlay::make_vxlan(Netlink& netlink, unsigned mtu) {
  const auto local = IpAddress::parse(own_address_());
  if (!local) return local.error();
  const VxlanPlan wanted{.name = vxlan_name(plan_.bridge),
                         .vni = vxlan_id(plan_.cluster->pods),
                         .port = kVxlanPort,
                         .local = *local,
                         .mac = mac_of(plan_.pods.base),
                         .mtu = mtu};
  const auto link = netlink.find_link(wanted.name);
  if (!link) return link.error();
  if (*link && !is_tunnel(plan_, **link))
    return Error(ErrorCode::FailedPrecondition, fmt::format("link {} exists and is no vxlan of ours", wanted.name));
  if (*link && (*link)->vni == wanted.vni && (*link)->local == wanted.local && (*link)->mac == wanted.mac) return Ok{};
  if (auto gone = netlink.delete_link(wanted.name); !gone) return gone;
  return netlink.make_vxlan(wanted);
}

/// There, with our key, and listening.
Status Overlay::make_wireguard(Netlink& netlink, unsigned mtu) {
  const auto name = wireguard_name(plan_.bridge);
  auto wireguard = WireGuard::open();
  if (!wireguard) return std::move(wireguard).error();
  const auto link = netlink.find_link(name);
  if (!link) return link.error();
  if (*link && !is_tunnel(plan_, **link))
    return Error(ErrorCode::FailedPrecondition, fmt::format("link {} exists and is no wireguard link", name));
  if (!*link) {
    if (auto made = netlink.make_wireguard(name, mtu); !made) return made;
  }
  if (auto set = wireguard->set_key(name, key_); !set) return set;
  const auto device = wireguard->read(name);
  if (!device) return device.error();
  const std::lock_guard lock(key_mutex_);
  public_key_ = text_of(device->public_key);
  return Ok{};
}

std::string Overlay::wireguard_key() const {
  const std::lock_guard lock(key_mutex_);
  return public_key_;
}

Result<OverlayState> Overlay::state_in_kernel(Netlink& netlink, int device) const {
  OverlayState state;
  const auto routes = netlink.routes(Family::V4);
  if (!routes) return routes.error();
  for (auto route : *routes) {
    if (!is_overlay_route(route) || route.source != plan_.gateway) continue;
    if (device == 0) route.link = 0;  // The kernel found it by the gateway.
    state.routes.insert(route);
  }
  if (device == 0) return state;
  if (plan_.cluster->mode == OverlayMode::WireGuard) {
    auto wireguard = WireGuard::open();
    if (!wireguard) return std::move(wireguard).error();
    auto there = wireguard->read(tunnel_name(plan_));
    if (!there) return std::move(there).error();
    state.wireguard = std::move(there->peers);
    return state;
  }
  const auto neighbours = netlink.neighbours(device, NeighbourTable::Addresses);
  if (!neighbours) return neighbours.error();
  state.neighbours.insert(neighbours->begin(), neighbours->end());
  const auto hosts = netlink.neighbours(device, NeighbourTable::Hosts);
  if (!hosts) return hosts.error();
  state.hosts.insert(hosts->begin(), hosts->end());
  return state;
}

std::vector<IpAddress> Overlay::hosts() const {
  const std::lock_guard lock(mutex_);
  std::set<IpAddress> all;
  if (wanted_) {
    for (const auto& [block, host] : *wanted_) all.insert(host.address);
  } else if (auto netlink = Netlink::open()) {
    const auto link = netlink->find_link(vxlan_name(plan_.bridge));
    const auto left = link && *link && is_tunnel(plan_, **link)
                          ? netlink->neighbours((*link)->index, NeighbourTable::Hosts)
                          : Result<std::vector<Neighbour>>(std::vector<Neighbour>());
    for (const auto& each : left.value_or({})) all.insert(each.address);
  }
  return {all.begin(), all.end()};
}

}  // namespace berth::network
