// network/host_network.cpp - what is set up once per host, and what is read from it.
#include "network/host_network.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>

#include "base/atomic_file.hpp"
#include "network/overlay_state.hpp"
#include "network/sysctl.hpp"

namespace berth::network {
namespace {

constexpr unsigned kDefaultMtu = 1500;
constexpr std::chrono::seconds kAddressLifetime{5};
constexpr std::size_t kMaxHostFileBytes = 1024 * 1024;

std::string link_name(Netlink& netlink, int index) {
  const auto link = netlink.find_link(index);
  return link && *link ? (*link)->name : fmt::format("{}", index);
}

/// The link that has the address; 0: none.
int link_with(Netlink& netlink, const std::string& address) {
  const auto all = netlink.addresses(0, Family::V4);
  if (!all) return 0;
  const auto its = [&](const LinkAddress& each) { return each.address.text() == address; };
  const auto found = std::find_if(all->begin(), all->end(), its);
  return found == all->end() ? 0 : found->link;
}

std::optional<Link> link_at(Netlink& netlink, int index) {
  return index == 0 ? std::nullopt : netlink.find_link(index).value_or(std::nullopt);
}

std::optional<std::string> ask_kernel() {
  auto netlink = Netlink::open();
  if (!netlink) return std::nullopt;
  const auto routes = netlink->routes(Family::V4);
  if (!routes) return std::nullopt;
  const auto* route = find_default(*routes);
  if (route == nullptr) return std::nullopt;
  if (route->source) return route->source->text();
  const auto addresses = netlink->addresses(route->link, Family::V4);
  if (!addresses) return std::nullopt;
  // The kernel prefers the address whose block holds the gateway, then the first.
  for (const auto& entry : *addresses) {
    if (entry.global && route->gateway && Cidr::around(entry.address, entry.prefix).contains(*route->gateway)) {
      return entry.address.text();
    }
  }
  for (const auto& entry : *addresses) {
    if (entry.global) return entry.address.text();
  }
  return std::nullopt;
}

Status leave_cluster(Netlink& netlink, const FirewallPlan& plan, const std::vector<Route>& overlay) {
  for (const auto& route : overlay) {
    if (route.source != plan.gateway) continue;
    if (auto gone = netlink.delete_route(route); !gone) return gone;
  }
  return remove_other_tunnels(netlink, plan);
}

/// The routes of other blocks go with the addresses that they start from.
Status leave_other_blocks(Netlink& netlink, const FirewallPlan& plan, int bridge, const std::vector<Route>& overlay) {
  if (!plan.cluster && overlay.empty()) return Ok{};
  const auto all = netlink.addresses(bridge, Family::V4);
  if (!all) return all.error();
  for (const auto& each : left_addresses(plan, *all, overlay)) {
    if (auto gone = netlink.delete_address(each); !gone) return gone;
  }
  return Ok{};
}

bool only_loopback(const ResolvConf& conf) {
  return std::all_of(conf.nameservers.begin(), conf.nameservers.end(), [](const std::string& server) {
    const auto address = IpAddress::parse(server);
    return address.ok() && address->is_loopback();
  });
}

}  // namespace

const Route* find_overlap(const Cidr& pods, const std::vector<Route>& routes, int own_link) {
  const auto clashes = [&](const Route& route) {
    return route.to.prefix > 1 && (own_link == 0 || route.link != own_link) && route.to.overlaps(pods);
  };
  const auto it = std::find_if(routes.begin(), routes.end(), clashes);
  return it == routes.end() ? nullptr : &*it;
}

const Route* find_default(const std::vector<Route>& routes) {
  const Route* best = nullptr;
  for (const auto& route : routes) {
    if (route.to.prefix != 0 || route.link == 0 || route.table != RT_TABLE_MAIN) continue;
    if (best == nullptr || route.priority < best->priority) best = &route;
  }
  return best;
}

unsigned uplink_mtu(const std::optional<Link>& own_address, const std::optional<Link>& default_route) {
  std::optional<unsigned> least;
  for (const auto& link : {own_address, default_route}) {
    // Below 1280 is not worth copying: IPv6 would not even start.
    if (!link || link->loopback || link->kind == "dummy" || link->mtu < 1280) continue;
    least = std::min(least.value_or(link->mtu), link->mtu);
  }
  return least.value_or(kDefaultMtu);
}

std::vector<LinkAddress> left_addresses(const FirewallPlan& plan, const std::vector<LinkAddress>& on_bridge,
                                        const std::vector<Route>& overlay) {
  std::vector<LinkAddress> left;
  for (const auto& each : on_bridge) {
    if (each.address == plan.gateway && each.prefix == plan.pods.prefix) continue;
    const auto of_cluster = plan.cluster && plan.cluster->pods.contains(each.address);
    const auto starts_here = [&](const Route& route) { return route.source == each.address; };
    if (of_cluster || std::any_of(overlay.begin(), overlay.end(), starts_here)) left.push_back(each);
  }
  return left;
}

Result<unsigned> make_host_bridge(Netlink& netlink, const FirewallPlan& plan, const std::string& node_address) {
  const auto& bridge = plan.bridge;
  auto link = netlink.find_link(bridge);
  if (!link) return std::move(link).error();
  if (*link && (*link)->kind != "bridge") {
    return Error(ErrorCode::FailedPrecondition, fmt::format("link {} exists and is not a bridge", bridge));
  }
  auto routes = netlink.routes(plan.pods.base.family());
  if (!routes) return routes.error();
  // To other hosts: they follow what is wanted.
  const auto led = std::stable_partition(routes->begin(), routes->end(), std::not_fn(is_overlay_route));
  const std::vector<Route> overlay(led, routes->end());
  routes->erase(led, routes->end());
  if (!plan.cluster) {
    if (auto left = leave_cluster(netlink, plan, overlay); !left) return std::move(left).error();
  }
  const auto& taken = plan.cluster ? plan.cluster->pods : plan.pods;
  if (const auto* route = find_overlap(taken, *routes, *link ? (*link)->index : 0)) {
    return Error(ErrorCode::FailedPrecondition,
                 fmt::format("network.{} {} overlaps this host's route {} dev {}: choose another block",
                             plan.cluster ? "clusterCIDR" : "podCIDR", taken.text(), route->to.text(),
                             link_name(netlink, route->link)));
  }
  const auto overhead = overhead_of(plan);
  const auto* by_default = find_default(*routes);
  auto mtu = uplink_mtu(link_at(netlink, node_address.empty() ? 0 : link_with(netlink, node_address)),
                        link_at(netlink, by_default != nullptr ? by_default->link : 0)) -
             overhead;
  if (!*link) {
    auto made = netlink.make_bridge(bridge, mac_of(plan.gateway));
    if (!made && !failed_with(made, ErrorCode::AlreadyExists)) return std::move(made).error();
    link = netlink.find_link(bridge);
    if (!link) return std::move(link).error();
    if (!*link) return Error(ErrorCode::Aborted, fmt::format("bridge {} vanished while it was made", bridge));
  }
  const auto index = (*link)->index;
  auto done = Status(Ok{});
  // Somebody else's bridge stays as it is, unless it has to leave room.
  if (overhead != 0 || is_mac_of_an_address((*link)->mac)) {
    done = netlink.fix_mtu(**link, mtu);
  } else {
    mtu = (*link)->mtu;
  }
  if (done) done = netlink.add_address(index, plan.gateway, plan.pods.prefix);
  if (done) done = leave_other_blocks(netlink, plan, index, overlay);
  // Before it is up: nothing is heard on it until then.
  if (done) done = ignore_routers_on(bridge);
  if (done) done = netlink.set_up(index);
  if (!done) return std::move(done).error();
  return mtu;
}

Status remove_other_tunnels(Netlink& netlink, const FirewallPlan& plan) {
  const auto ours = tunnel_name(plan);
  for (const auto& name : {vxlan_name(plan.bridge), wireguard_name(plan.bridge)}) {
    if (name == ours) continue;
    const auto link = netlink.find_link(name);
    if (!link) return link.error();
    if (!*link || !is_tunnel(plan, **link)) continue;
    if (auto gone = netlink.delete_link(name); !gone) return gone;
  }
  return Ok{};
}

Status allow_forwarding(const std::string& bridge) {
  if (auto done = set_sysctl("ipv4/ip_forward", "1"); !done) return done;
  return set_sysctl("ipv4/conf/" + bridge + "/route_localnet", "1");
}

std::string HostAddress::get(const std::string& fallback) const {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!cached_ || now - asked_ > kAddressLifetime) {
    cached_ = ask_kernel().value_or(fallback);
    asked_ = now;
  }
  return *cached_;
}

ResolvConf host_resolv_conf(bool for_host_network) {
  const auto text = read_file("/etc/resolv.conf", kMaxHostFileBytes);
  auto conf = text ? read_resolv_conf(*text) : ResolvConf{};
  if (for_host_network || !only_loopback(conf)) return conf;
  const auto real = read_file("/run/systemd/resolve/resolv.conf", kMaxHostFileBytes);
  return real ? read_resolv_conf(*real) : conf;
}

std::string host_hosts_text() { return read_file("/etc/hosts", kMaxHostFileBytes).value_or("127.0.0.1\tlocalhost\n"); }

std::string host_name() {
  std::array<char, 256> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return "localhost";
  return buffer.data();
}

}  // namespace berth::network
