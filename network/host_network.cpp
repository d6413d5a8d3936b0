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

unsigned uplink_mtu(Netlink& netlink, const std::vector<Route>& routes, const std::string& node_address) {
  const auto* route = find_default(routes);
  auto index = node_address.empty() ? 0 : link_with(netlink, node_address);
  if (index == 0 && route != nullptr) index = route->link;
  if (index == 0) return kDefaultMtu;
  const auto link = netlink.find_link(index);
  // Below 1280 is not worth copying: IPv6 would not even start.
  return link && *link && (*link)->mtu >= 1280 ? (*link)->mtu : kDefaultMtu;
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
  return netlink.delete_link(vxlan_name(plan.bridge));
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

Status make_host_bridge(Netlink& netlink, const FirewallPlan& plan, const std::string& node_address) {
  const auto& bridge = plan.bridge;
  auto link = netlink.find_link(bridge);
  if (!link) return std::move(link).error();
  if (*link && (*link)->kind != "bridge") {
    return Error(ErrorCode::FailedPrecondition, fmt::format("link {} exists and is not a bridge", bridge));
  }
  auto routes = netlink.routes(plan.pods.base.family());
  if (!routes) return routes.error();
  // To other hosts: they follow what is wanted.
  const auto ours = std::stable_partition(routes->begin(), routes->end(), std::not_fn(is_overlay_route));
  if (!plan.cluster && ours != routes->end()) {
    if (auto left = leave_cluster(netlink, plan, {ours, routes->end()}); !left) return left;
  }
  routes->erase(ours, routes->end());
  const auto& taken = plan.cluster ? plan.cluster->pods : plan.pods;
  if (const auto* route = find_overlap(taken, *routes, *link ? (*link)->index : 0)) {
    return Error(ErrorCode::FailedPrecondition,
                 fmt::format("network.{} {} overlaps this host's route {} dev {}: choose another block",
                             plan.cluster ? "clusterCIDR" : "podCIDR", taken.text(), route->to.text(),
                             link_name(netlink, route->link)));
  }
  const auto tunnel = plan.cluster && plan.cluster->tunnel;
  const auto mtu = uplink_mtu(netlink, *routes, node_address) - (tunnel ? kVxlanOverhead : 0);
  if (!*link) {
    auto made = netlink.make_bridge(bridge, mac_of(plan.gateway), mtu);
    if (!made && !failed_with(made, ErrorCode::AlreadyExists)) return made;
    link = netlink.find_link(bridge);
    if (!link) return std::move(link).error();
    if (!*link) return Error(ErrorCode::Aborted, fmt::format("bridge {} vanished while it was made", bridge));
  }
  if (tunnel && (*link)->mtu != mtu) {
    if (auto set = netlink.set_mtu((*link)->index, mtu); !set) return set;
  }
  if (auto added = netlink.add_address((*link)->index, plan.gateway, plan.pods.prefix); !added) return added;
  // Before it is up: nothing is heard on it until then.
  if (auto set = ignore_routers_on(bridge); !set) return set;
  return netlink.set_up((*link)->index);
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
