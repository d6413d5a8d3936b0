// network/netlink.cpp - requests and answers of rtnetlink(7) by libnl-route-3.
#include "network/netlink.hpp"

#include <fmt/format.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/link/vxlan.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/socket.h>

#include <cerrno>
#include <cstring>

namespace berth::network {
namespace {

// Every libnl object below is counted; `put` gives ours back.
template <typename T, void (*kPut)(T*)>
struct Put {
  void operator()(T* object) const { kPut(object); }
};
using LinkPtr = std::unique_ptr<rtnl_link, Put<rtnl_link, rtnl_link_put>>;
using AddressPtr = std::unique_ptr<rtnl_addr, Put<rtnl_addr, rtnl_addr_put>>;
using RoutePtr = std::unique_ptr<rtnl_route, Put<rtnl_route, rtnl_route_put>>;
using NeighbourPtr = std::unique_ptr<rtnl_neigh, Put<rtnl_neigh, rtnl_neigh_put>>;
using AddrPtr = std::unique_ptr<nl_addr, Put<nl_addr, nl_addr_put>>;
using CachePtr = std::unique_ptr<nl_cache, Put<nl_cache, nl_cache_free>>;

Error failure(int nl_error, std::string_view doing) {
  const int positive = nl_error < 0 ? -nl_error : nl_error;
  auto code = ErrorCode::Unknown;
  if (positive == NLE_NODEV || positive == NLE_OBJ_NOTFOUND) code = ErrorCode::NotFound;
  if (positive == NLE_EXIST) code = ErrorCode::AlreadyExists;
  if (positive == NLE_PERM || positive == NLE_NOACCESS) code = ErrorCode::PermissionDenied;
  if (positive == NLE_INVAL || positive == NLE_RANGE) code = ErrorCode::InvalidArgument;
  if (positive == NLE_NOMEM) code = ErrorCode::ResourceExhausted;
  if (positive == NLE_BUSY || positive == NLE_AGAIN || positive == NLE_INTR || positive == NLE_DUMP_INTR) {
    code = ErrorCode::Unavailable;
  }
  if (positive == NLE_OPNOTSUPP) code = ErrorCode::Unimplemented;
  return {code, fmt::format("{}: {}", doing, nl_geterror(positive))};
}

Error out_of_memory(std::string_view doing) {
  return {ErrorCode::ResourceExhausted, fmt::format("{}: out of memory", doing)};
}

AddrPtr to_nl(const IpAddress& address) {
  const auto bytes = address.bytes();
  return AddrPtr(nl_addr_build(address.family() == Family::V4 ? AF_INET : AF_INET6, bytes.data(), bytes.size()));
}

AddrPtr to_nl(const Mac& mac) { return AddrPtr(nl_addr_build(AF_LLC, mac.data(), mac.size())); }

std::optional<IpAddress> from_nl(nl_addr* address) {
  if (address == nullptr) return std::nullopt;
  const auto size = nl_addr_get_len(address);
  if (size != 4 && size != 16) return std::nullopt;
  const auto* bytes = static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(address));
  return IpAddress::from_bytes({bytes, static_cast<std::size_t>(size)});
}

std::optional<Route> read_route(rtnl_route* from) {
  const auto type = rtnl_route_get_type(from);
  if (type == RTN_LOCAL || type == RTN_BROADCAST || type == RTN_MULTICAST || type == RTN_ANYCAST) return std::nullopt;
  Route route;
  auto* to = rtnl_route_get_dst(from);
  if (const auto base = from_nl(to)) {
    route.to = Cidr::around(*base, nl_addr_get_prefixlen(to));
  } else {  // The default route carries no destination.
    if (rtnl_route_get_family(from) == AF_INET6) route.to.base = IpAddress::from_bytes(std::array<std::uint8_t, 16>{});
    route.to.prefix = 0;
  }
  route.source = from_nl(rtnl_route_get_pref_src(from));
  route.priority = rtnl_route_get_priority(from);
  route.table = rtnl_route_get_table(from);
  route.protocol = rtnl_route_get_protocol(from);
  route.unreachable = type == RTN_UNREACHABLE;
  if (rtnl_route_get_nnexthops(from) > 0) {
    auto* hop = rtnl_route_nexthop_n(from, 0);
    route.link = rtnl_route_nh_get_ifindex(hop);
    route.gateway = from_nl(rtnl_route_nh_get_gateway(hop));
    route.onlink = (rtnl_route_nh_get_flags(hop) & RTNH_F_ONLINK) != 0;
  }
  return route;
}

/// Null: out of memory.
RoutePtr to_nl(const Route& route) {
  RoutePtr made(rtnl_route_alloc());
  const auto to = to_nl(route.to.base);
  if (!made || !to) return nullptr;
  nl_addr_set_prefixlen(to.get(), static_cast<int>(route.to.prefix));
  rtnl_route_set_dst(made.get(), to.get());
  if (route.table != 0) rtnl_route_set_table(made.get(), route.table);
  if (route.protocol != 0) rtnl_route_set_protocol(made.get(), static_cast<std::uint8_t>(route.protocol));
  if (route.unreachable) rtnl_route_set_type(made.get(), RTN_UNREACHABLE);
  if (route.source) {
    const auto source = to_nl(*route.source);
    if (!source) return nullptr;
    rtnl_route_set_pref_src(made.get(), source.get());
  }
  if (route.unreachable) return made;
  const auto gateway = route.gateway ? to_nl(*route.gateway) : nullptr;
  auto* hop = rtnl_route_nh_alloc();
  if (hop == nullptr) return nullptr;
  rtnl_route_nh_set_ifindex(hop, route.link);
  if (gateway) rtnl_route_nh_set_gateway(hop, gateway.get());
  if (route.onlink) rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
  rtnl_route_add_nexthop(made.get(), hop);  // Owns hop now.
  return made;
}

/// Null: out of memory.
NeighbourPtr to_nl(int index, NeighbourTable table, const Neighbour& neighbour) {
  NeighbourPtr made(rtnl_neigh_alloc());
  const auto address = to_nl(neighbour.address);
  const auto mac = to_nl(neighbour.mac);
  if (!made || !address || !mac) return nullptr;
  rtnl_neigh_set_ifindex(made.get(), index);
  rtnl_neigh_set_state(made.get(), NUD_PERMANENT);
  rtnl_neigh_set_lladdr(made.get(), mac.get());
  rtnl_neigh_set_dst(made.get(), address.get());
  if (table == NeighbourTable::Hosts) {
    // After the address, which is of another family than the table.
    rtnl_neigh_set_family(made.get(), AF_BRIDGE);
    rtnl_neigh_set_flags(made.get(), NTF_SELF);
  }
  return made;
}

std::string text_of(NeighbourTable table, const Neighbour& neighbour) {
  const auto mac = fmt::format("{:02x}", fmt::join(neighbour.mac, ":"));
  return table == NeighbourTable::Addresses ? fmt::format("neighbour {} at {}", neighbour.address.text(), mac)
                                            : fmt::format("host {} of {}", neighbour.address.text(), mac);
}

}  // namespace

void Netlink::Closer::operator()(nl_sock* socket) const { nl_socket_free(socket); }
Netlink::Netlink(nl_sock* socket) : socket_(socket) {}
Netlink::Netlink(Netlink&&) noexcept = default;
Netlink& Netlink::operator=(Netlink&&) noexcept = default;
Netlink::~Netlink() = default;

Result<Netlink> Netlink::open() {
  Netlink netlink(nl_socket_alloc());
  if (!netlink.socket_) return out_of_memory("open a netlink socket");
  // nl_connect sets close-on-exec: children of ours get no socket into a pod.
  if (const int error = nl_connect(netlink.socket_.get(), NETLINK_ROUTE); error < 0) {
    return failure(error, "open a netlink socket");
  }
  return netlink;
}

Result<std::optional<Link>> Netlink::find_link(const std::string& name) { return query_link(0, name.c_str()); }

Result<std::optional<Link>> Netlink::find_link(int index) { return query_link(index, nullptr); }

Result<std::optional<Link>> Netlink::query_link(int index, const char* name) {
  rtnl_link* raw = nullptr;
  const int error = rtnl_link_get_kernel(socket_.get(), index, name, &raw);
  if (error == -NLE_NODEV || error == -NLE_OBJ_NOTFOUND) return std::optional<Link>();
  if (error < 0) return failure(error, fmt::format("look for link {}", name != nullptr ? name : std::to_string(index)));
  const LinkPtr link(raw);
  Link found;
  found.index = rtnl_link_get_ifindex(link.get());
  if (const char* real = rtnl_link_get_name(link.get()); real != nullptr) found.name = real;
  if (const char* kind = rtnl_link_get_type(link.get()); kind != nullptr) found.kind = kind;
  found.master = rtnl_link_get_master(link.get());
  found.peer = rtnl_link_get_link(link.get());
  found.mtu = rtnl_link_get_mtu(link.get());
  found.up = (rtnl_link_get_flags(link.get()) & IFF_UP) != 0;
  found.loopback = (rtnl_link_get_flags(link.get()) & IFF_LOOPBACK) != 0;
  if (const auto* mac = rtnl_link_get_addr(link.get()); mac != nullptr && nl_addr_get_len(mac) == found.mac.size()) {
    std::memcpy(found.mac.data(), nl_addr_get_binary_addr(mac), found.mac.size());
  }
  if (rtnl_link_is_vxlan(link.get()) != 0) {
    rtnl_link_vxlan_get_id(link.get(), &found.vni);
    nl_addr* local = nullptr;
    if (rtnl_link_vxlan_get_local(link.get(), &local) == 0) found.local = from_nl(AddrPtr(local).get());
  }
  return std::optional<Link>(std::move(found));
}

Status Netlink::make_bridge(const std::string& name, const Mac& mac) {
  const auto doing = "make bridge " + name;
  const LinkPtr link(rtnl_link_alloc());
  const auto address = to_nl(mac);
  if (!link || !address) return out_of_memory(doing);
  if (const int error = rtnl_link_set_type(link.get(), "bridge"); error < 0) return failure(error, doing);
  rtnl_link_set_name(link.get(), name.c_str());
  rtnl_link_set_addr(link.get(), address.get());
  if (const int error = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL); error < 0) {
    return failure(error, doing);
  }
  return Ok{};
}

Status Netlink::make_veth(const VethPlan& plan) {
  const auto doing = fmt::format("make veth {}", plan.name);
  const LinkPtr link(rtnl_link_veth_alloc());
  const auto mac = to_nl(plan.peer_mac);
  if (!link || !mac) return out_of_memory(doing);
  rtnl_link_set_name(link.get(), plan.name.c_str());
  rtnl_link_set_mtu(link.get(), plan.mtu);
  rtnl_link_set_master(link.get(), plan.master);
  rtnl_link_set_flags(link.get(), IFF_UP);
  // get_peer counts the peer up: ours to give back.
  const LinkPtr peer(rtnl_link_veth_get_peer(link.get()));
  rtnl_link_set_name(peer.get(), plan.peer_name.c_str());
  rtnl_link_set_addr(peer.get(), mac.get());
  rtnl_link_set_mtu(peer.get(), plan.mtu);
  rtnl_link_set_ns_fd(peer.get(), plan.peer_netns);
  if (const int error = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL); error < 0) {
    return failure(error, doing);
  }
  return Ok{};
}

Status Netlink::make_vxlan(const VxlanPlan& plan) {
  const auto doing = "make vxlan link " + plan.name;
  const LinkPtr link(rtnl_link_vxlan_alloc());
  const auto mac = to_nl(plan.mac);
  const auto local = to_nl(plan.local);
  if (!link || !mac || !local) return out_of_memory(doing);
  rtnl_link_set_name(link.get(), plan.name.c_str());
  rtnl_link_set_addr(link.get(), mac.get());
  rtnl_link_set_mtu(link.get(), plan.mtu);
  int error = rtnl_link_vxlan_set_id(link.get(), plan.vni);
  if (error >= 0) error = rtnl_link_vxlan_set_local(link.get(), local.get());
  if (error >= 0) error = rtnl_link_vxlan_set_port(link.get(), plan.port);
  if (error >= 0) error = rtnl_link_vxlan_set_learning(link.get(), 0);
  if (error >= 0) error = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (error < 0) return failure(error, doing);
  return Ok{};
}

Status Netlink::make_wireguard(const std::string& name, unsigned mtu) {
  const auto doing = "make wireguard link " + name;
  const LinkPtr link(rtnl_link_alloc());
  if (!link) return out_of_memory(doing);
  rtnl_link_set_name(link.get(), name.c_str());
  rtnl_link_set_mtu(link.get(), mtu);
  int error = rtnl_link_set_type(link.get(), "wireguard");
  if (error >= 0) error = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (error < 0) return failure(error, doing);
  return Ok{};
}

Status Netlink::change_link(int index, int master, std::string_view doing) {
  const LinkPtr original(rtnl_link_alloc());
  const LinkPtr changes(rtnl_link_alloc());
  if (!original || !changes) return out_of_memory(doing);
  rtnl_link_set_ifindex(original.get(), index);
  rtnl_link_set_flags(changes.get(), IFF_UP);
  if (master != 0) rtnl_link_set_master(changes.get(), master);
  if (const int error = rtnl_link_change(socket_.get(), original.get(), changes.get(), 0); error < 0) {
    return failure(error, doing);
  }
  return Ok{};
}

Status Netlink::plug_in(int index, int master) { return change_link(index, master, "plug a link into the bridge"); }

Status Netlink::set_hairpin(int index) {
  const auto doing = fmt::format("set hairpin mode of link {}", index);
  const LinkPtr original(rtnl_link_alloc());
  const LinkPtr changes(rtnl_link_alloc());
  if (!original || !changes) return out_of_memory(doing);
  rtnl_link_set_ifindex(original.get(), index);
  rtnl_link_set_ifindex(changes.get(), index);
  // Attributes of a bridge's port are set in the family of bridges.
  rtnl_link_set_family(original.get(), AF_BRIDGE);
  rtnl_link_set_family(changes.get(), AF_BRIDGE);
  int error = rtnl_link_bridge_set_flags(changes.get(), RTNL_BRIDGE_HAIRPIN_MODE);
  if (error >= 0) error = rtnl_link_change(socket_.get(), original.get(), changes.get(), 0);
  if (error < 0) return failure(error, doing);
  return Ok{};
}

Status Netlink::set_up(int index) { return change_link(index, 0, fmt::format("set link {} up", index)); }

Status Netlink::set_mtu(int index, unsigned mtu) {
  const auto doing = fmt::format("set the MTU of link {} to {}", index, mtu);
  const LinkPtr original(rtnl_link_alloc());
  const LinkPtr changes(rtnl_link_alloc());
  if (!original || !changes) return out_of_memory(doing);
  rtnl_link_set_ifindex(original.get(), index);
  rtnl_link_set_mtu(changes.get(), mtu);
  if (const int error = rtnl_link_change(socket_.get(), original.get(), changes.get(), 0); error < 0) {
    return failure(error, doing);
  }
  return Ok{};
}

Status Netlink::fix_mtu(const Link& bridge, unsigned mtu) {
  // Only a change counts (br_change_mtu in the kernel). An even number by way of one more: no packet is too large
  // meanwhile. 65535 is the most.
  if (bridge.mtu == mtu) {
    if (auto changed = set_mtu(bridge.index, mtu ^ 1U); !changed) return changed;
  }
  return set_mtu(bridge.index, mtu);
}

Status Netlink::delete_link(const std::string& name) {
  const LinkPtr link(rtnl_link_alloc());
  if (!link) return out_of_memory("delete link " + name);
  rtnl_link_set_name(link.get(), name.c_str());
  const int error = rtnl_link_delete(socket_.get(), link.get());
  if (error < 0 && error != -NLE_NODEV && error != -NLE_OBJ_NOTFOUND) return failure(error, "delete link " + name);
  return Ok{};
}

Status Netlink::add_address(int index, const IpAddress& address, unsigned prefix) {
  const auto doing = fmt::format("add address {}/{}", address.text(), prefix);
  const AddressPtr entry(rtnl_addr_alloc());
  const auto local = to_nl(address);
  if (!entry || !local) return out_of_memory(doing);
  nl_addr_set_prefixlen(local.get(), static_cast<int>(prefix));
  rtnl_addr_set_ifindex(entry.get(), index);
  if (const int error = rtnl_addr_set_local(entry.get(), local.get()); error < 0) return failure(error, doing);
  const int error = rtnl_addr_add(socket_.get(), entry.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (error < 0 && error != -NLE_EXIST) return failure(error, doing);
  return Ok{};
}

Status Netlink::delete_address(const LinkAddress& address) {
  const auto doing = fmt::format("delete address {}/{}", address.address.text(), address.prefix);
  const AddressPtr entry(rtnl_addr_alloc());
  const auto local = to_nl(address.address);
  if (!entry || !local) return out_of_memory(doing);
  nl_addr_set_prefixlen(local.get(), static_cast<int>(address.prefix));
  rtnl_addr_set_ifindex(entry.get(), address.link);
  if (const int error = rtnl_addr_set_local(entry.get(), local.get()); error < 0) return failure(error, doing);
  const int error = rtnl_addr_delete(socket_.get(), entry.get(), 0);
  if (error < 0 && error != -NLE_NOADDR) return failure(error, doing);
  return Ok{};
}

Status Netlink::add_default_route(int index, const IpAddress& gateway) {
  const auto doing = "add default route by " + gateway.text();
  Route to_all;
  to_all.to = Cidr::around(gateway, 0);
  to_all.gateway = gateway;
  to_all.link = index;
  const auto route = to_nl(to_all);
  if (!route) return out_of_memory(doing);
  const int error = rtnl_route_add(socket_.get(), route.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (error < 0 && error != -NLE_EXIST) return failure(error, doing);
  return Ok{};
}

Status Netlink::put_route(const Route& route) {
  const auto doing = fmt::format("put the route to {}{}", route.to.text(),
                                 route.gateway ? " by " + route.gateway->text() : std::string());
  const auto made = to_nl(route);
  if (!made) return out_of_memory(doing);
  const int error = rtnl_route_add(socket_.get(), made.get(), NLM_F_CREATE | NLM_F_REPLACE);
  if (error < 0) return failure(error, doing);
  return Ok{};
}

Status Netlink::delete_route(const Route& route) {
  const auto doing = "delete the route to " + route.to.text();
  const auto made = to_nl(route);
  if (!made) return out_of_memory(doing);
  const int error = rtnl_route_delete(socket_.get(), made.get(), 0);
  if (error < 0 && error != -NLE_OBJ_NOTFOUND) return failure(error, doing);
  return Ok{};
}

Result<std::vector<Neighbour>> Netlink::neighbours(int index, NeighbourTable table) {
  constexpr const char* kDoing = "list neighbours";
  nl_cache* raw = nullptr;
  if (const int error = nl_cache_alloc_name("route/neigh", &raw); error < 0) return failure(error, kDoing);
  const CachePtr cache(raw);
  ndmsg asked{};
  asked.ndm_family = table == NeighbourTable::Hosts ? AF_BRIDGE : AF_INET;
  int error = nl_send_simple(socket_.get(), RTM_GETNEIGH, NLM_F_DUMP, &asked, sizeof asked);
  if (error >= 0) error = nl_cache_pickup(socket_.get(), raw);
  if (error < 0) return failure(error, kDoing);
  std::vector<Neighbour> found;
  for (auto* object = nl_cache_get_first(raw); object != nullptr; object = nl_cache_get_next(object)) {
    auto* entry = reinterpret_cast<rtnl_neigh*>(object);
    const auto address = from_nl(rtnl_neigh_get_dst(entry));
    const auto* mac = rtnl_neigh_get_lladdr(entry);
    Neighbour neighbour;
    if (rtnl_neigh_get_ifindex(entry) != index || (rtnl_neigh_get_state(entry) & NUD_PERMANENT) == 0 || !address ||
        mac == nullptr || nl_addr_get_len(mac) != neighbour.mac.size())
      continue;
    neighbour.address = *address;
    std::memcpy(neighbour.mac.data(), nl_addr_get_binary_addr(mac), neighbour.mac.size());
    found.push_back(neighbour);
  }
  return found;
}

Status Netlink::put_neighbour(int index, NeighbourTable table, const Neighbour& neighbour) {
  const auto doing = "put " + text_of(table, neighbour);
  const auto made = to_nl(index, table, neighbour);
  if (!made) return out_of_memory(doing);
  const int error = rtnl_neigh_add(socket_.get(), made.get(), NLM_F_CREATE | NLM_F_REPLACE);
  if (error < 0) return failure(error, doing);
  return Ok{};
}

Status Netlink::delete_neighbour(int index, NeighbourTable table, const Neighbour& neighbour) {
  const auto doing = "delete " + text_of(table, neighbour);
  const auto made = to_nl(index, table, neighbour);
  if (!made) return out_of_memory(doing);
  const int error = rtnl_neigh_delete(socket_.get(), made.get(), 0);
  if (error < 0 && error != -NLE_OBJ_NOTFOUND) return failure(error, doing);
  return Ok{};
}

Result<std::vector<Route>> Netlink::routes(Family family) {
  nl_cache* raw = nullptr;
  const int error = rtnl_route_alloc_cache(socket_.get(), family == Family::V4 ? AF_INET : AF_INET6, 0, &raw);
  if (error < 0) return failure(error, "list routes");
  const CachePtr cache(raw);
  std::vector<Route> routes;
  for (auto* object = nl_cache_get_first(raw); object != nullptr; object = nl_cache_get_next(object)) {
    if (auto route = read_route(reinterpret_cast<rtnl_route*>(object))) routes.push_back(*route);
  }
  return routes;
}

Result<std::vector<LinkAddress>> Netlink::addresses(int index, Family family) {
  nl_cache* raw = nullptr;
  if (const int error = rtnl_addr_alloc_cache(socket_.get(), &raw); error < 0) return failure(error, "list addresses");
  const CachePtr cache(raw);
  std::vector<LinkAddress> found;
  for (auto* object = nl_cache_get_first(raw); object != nullptr; object = nl_cache_get_next(object)) {
    auto* entry = reinterpret_cast<rtnl_addr*>(object);
    const auto link = rtnl_addr_get_ifindex(entry);
    if (index != 0 && link != index) continue;
    const auto address = from_nl(rtnl_addr_get_local(entry));
    if (!address || address->family() != family) continue;
    found.push_back({link, *address, static_cast<unsigned>(rtnl_addr_get_prefixlen(entry)),
                     rtnl_addr_get_scope(entry) == RT_SCOPE_UNIVERSE});
  }
  return found;
}

}  // namespace berth::network
