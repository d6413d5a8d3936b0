// network/overlay.cpp - see overlay.hpp.
#include "network/overlay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "network/host_network.hpp"
#include "network/sysctl.hpp"

namespace berth::network {
namespace {

/// What is new first: an address that moves from one host to another is never without one.
Status change(Netlink& netlink, int device, const OverlayState& from, const OverlayState& to) {
  auto first = Status(Ok{});
  const auto note = [&](Status done) {
    if (first && !done) first = std::move(done);
  };
  const auto fresh = only_in(to, from);
  const auto gone = only_in(from, to);
  for (const auto& each : fresh.hosts) note(netlink.put_neighbour(device, NeighbourTable::Hosts, each));
  for (const auto& each : fresh.neighbours) note(netlink.put_neighbour(device, NeighbourTable::Addresses, each));
  for (const auto& each : fresh.routes) note(netlink.put_route(each));
  for (const auto& each : gone.routes) note(netlink.delete_route(each));
  for (const auto& each : gone.neighbours) note(netlink.delete_neighbour(device, NeighbourTable::Addresses, each));
  for (const auto& each : gone.hosts) note(netlink.delete_neighbour(device, NeighbourTable::Hosts, each));
  return first;
}

}  // namespace

Status Overlay::set(const std::vector<Peer>& peers) {
  constexpr const char* kDoing = "lead packets to other hosts";
  const std::lock_guard lock(mutex_);
  auto checked = check_peers(plan_, own_address_(), peers);
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
    auto done = change(*netlink, device_, state_of(plan_, *before, device_), state_of(plan_, *wanted_, device_));
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
Status Overlay::refuse_all() const {
  auto netlink = Netlink::open();
  if (!netlink) return std::move(netlink).error();
  return change(*netlink, 0, {}, state_of(plan_, {}, 0));
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
  auto done = change(*netlink, device_, *there, state_of(plan_, *wanted_, device_));
  in_kernel_ = done.ok();
  return done;
}

/// VXLAN's link as it should be, up: its index. 0 without VXLAN, and no link of an earlier agent either.
Result<int> Overlay::device(Netlink& netlink) const {
  const auto name = vxlan_name(plan_.bridge);
  const auto bridge = netlink.find_link(plan_.bridge);
  if (!bridge) return bridge.error();
  if (!*bridge) return Error(ErrorCode::NotFound, fmt::format("link {} is not there", plan_.bridge));
  const auto mtu = mtu_.value_or((*bridge)->mtu);
  if ((*bridge)->mtu != mtu) {
    if (auto set = netlink.set_mtu((*bridge)->index, mtu); !set) return std::move(set).error();
  }
  if (!plan_.cluster->tunnel) {
    if (auto gone = remove_tunnel(netlink, plan_); !gone) return std::move(gone).error();
    return 0;
  }
  const auto local = IpAddress::parse(own_address_());
  if (!local || *local == plan_.gateway)
    return Error(ErrorCode::FailedPrecondition,
                 "no default route tells the address that other hosts reach us at: set network.nodeAddress");
  auto link = netlink.find_link(name);
  if (!link) return std::move(link).error();
  if (*link && !is_tunnel(plan_, **link))
    return Error(ErrorCode::FailedPrecondition, fmt::format("link {} exists and is no vxlan of ours", name));
  const VxlanPlan wanted{.name = name,
                         .vni = vxlan_id(plan_.cluster->pods),
                         .port = kVxlanPort,
                         .local = *local,
                         .mac = mac_of(plan_.pods.base),
                         .mtu = mtu};
  const auto fits = *link && (*link)->vni == wanted.vni && (*link)->local == wanted.local && (*link)->mac == wanted.mac;
  if (!fits) {
    if (auto gone = netlink.delete_link(name); !gone) return std::move(gone).error();
    if (auto made = netlink.make_vxlan(wanted); !made) return std::move(made).error();
    link = netlink.find_link(name);
    if (!link) return std::move(link).error();
    if (!*link) return Error(ErrorCode::Aborted, fmt::format("link {} vanished while it was made", name));
  }
  const auto index = (*link)->index;
  // What a process of this host sends to 127.0.0.1:<nodePort> may go to a pod elsewhere.
  auto done = set_sysctl("ipv4/conf/" + name + "/route_localnet", "1");
  if (done) done = ignore_routers_on(name);
  if (done && (*link)->mtu != wanted.mtu) done = netlink.set_mtu(index, wanted.mtu);
  if (done && !(*link)->up) done = netlink.set_up(index);
  if (!done) return std::move(done).error();
  return index;
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
    for (const auto& [block, host] : *wanted_) all.insert(host);
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
