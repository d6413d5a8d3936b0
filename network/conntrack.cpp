// network/conntrack.cpp - libnetfilter_conntrack: one dump, then one deletion for each stale flow.
#include "network/conntrack.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

namespace berth::network {
namespace {

struct CloseHandle {
  void operator()(nfct_handle* handle) const { nfct_close(handle); }
};
struct FreeFlow {
  void operator()(nf_conntrack* flow) const { nfct_destroy(flow); }
};
using Handle = std::unique_ptr<nfct_handle, CloseHandle>;
using Flow = std::unique_ptr<nf_conntrack, FreeFlow>;

std::set<IpAddress> local_addresses() {
  std::set<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return addresses;
  for (const auto* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    const auto* address = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);  // NOLINT(*-reinterpret-cast)
    addresses.insert(IpAddress::v4(ntohl(address->sin_addr.s_addr)));
  }
  ::freeifaddrs(list);
  return addresses;
}

/// Is the flow sent to what the mapping is about? `local`: it was sent to an address of this host.
bool concerns(const PortMapping& mapping, const UdpFlow& flow, bool local) {
  return mapping.protocol == "udp" && mapping.host_port == flow.to_port &&
         (mapping.host_ip.is_unspecified() ? local : mapping.host_ip == flow.to);
}

UdpFlow read_flow(const nf_conntrack* flow) {
  return {IpAddress::v4(ntohl(nfct_get_attr_u32(flow, ATTR_ORIG_IPV4_DST))),
          ntohs(nfct_get_attr_u16(flow, ATTR_ORIG_PORT_DST)),
          IpAddress::v4(ntohl(nfct_get_attr_u32(flow, ATTR_REPL_IPV4_SRC))),
          ntohs(nfct_get_attr_u16(flow, ATTR_REPL_PORT_SRC))};
}

struct Search {
  const std::vector<PortMapping>& changed;
  const std::vector<PortMapping>& now;
  const std::set<IpAddress> local = local_addresses();
  std::vector<Flow> stale = {};
};

int look_at(nf_conntrack_msg_type /*type*/, nf_conntrack* flow, void* data) {
  auto& search = *static_cast<Search*>(data);
  if (nfct_get_attr_u8(flow, ATTR_L4PROTO) != IPPROTO_UDP) return NFCT_CB_CONTINUE;
  const auto read = read_flow(flow);
  const auto local = read.to.is_loopback() || search.local.contains(read.to);
  if (is_stale(read, local, search.changed, search.now)) search.stale.emplace_back(nfct_clone(flow));
  return NFCT_CB_CONTINUE;
}

}  // namespace

bool is_stale(const UdpFlow& flow, bool local, const std::vector<PortMapping>& changed,
              const std::vector<PortMapping>& now) {
  const auto about_it = [&](const PortMapping& mapping) { return concerns(mapping, flow, local); };
  if (std::none_of(changed.begin(), changed.end(), about_it)) return false;
  if (std::none_of(now.begin(), now.end(), about_it)) return flow.answered_by != flow.to;  // Nothing leads it on.
  return std::none_of(now.begin(), now.end(), [&](const PortMapping& mapping) {
    return about_it(mapping) && flow.answered_by == mapping.pod_ip && flow.answered_port == mapping.container_port;
  });
}

Status forget_stale_flows(const std::vector<PortMapping>& changed, const std::vector<PortMapping>& now) {
  if (std::ranges::none_of(changed, [](const auto& mapping) { return mapping.protocol == "udp"; })) return Ok{};
  constexpr const char* kDoing = "forget the UDP flows of ports that changed";
  const Handle reading(nfct_open(CONNTRACK, 0));
  const Handle deleting(nfct_open(CONNTRACK, 0));
  if (!reading || !deleting) return Error::from_errno(errno, kDoing);
  Search search{changed, now};
  nfct_callback_register(reading.get(), NFCT_T_ALL, look_at, &search);
  const std::uint32_t family = AF_INET;
  if (nfct_query(reading.get(), NFCT_Q_DUMP, &family) != 0) return Error::from_errno(errno, kDoing);
  for (const auto& flow : search.stale) {
    if (flow && nfct_query(deleting.get(), NFCT_Q_DESTROY, flow.get()) != 0 && errno != ENOENT)
      return Error::from_errno(errno, kDoing);
  }
  return Ok{};
}

}  // namespace berth::network
