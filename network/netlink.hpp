// network/netlink.hpp - links, addresses and routes of one network namespace, through libnl.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "network/ip.hpp"

struct nl_sock;

namespace berth::network {

using Mac = std::array<std::uint8_t, 6>;

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  ///< "bridge", "veth"; empty for hardware.
  int master = 0;    ///< Index of the bridge it is a port of; 0: none.
  int peer = 0;      ///< veth: index of the other end, in the other end's namespace.
  unsigned mtu = 0;
  bool up = false;        ///< IFF_UP: asked to be up.
  bool loopback = false;  ///< IFF_LOOPBACK
  Mac mac{};
  std::uint32_t vni = 0;           ///< vxlan only.
  std::optional<IpAddress> local;  ///< vxlan: the address that datagrams are sent from.
};

struct Route {
  Cidr to;  ///< Prefix 0: a default route.
  std::optional<IpAddress> gateway;
  std::optional<IpAddress> source;  ///< RTA_PREFSRC
  int link = 0;                     ///< 0 for routes without one device.
  std::uint32_t priority = 0;
  std::uint32_t table = 0;
  unsigned protocol = 0;     ///< Whose route it is, see rtnetlink(7): RTPROT_KERNEL, ...
  bool onlink = false;       ///< The gateway is behind `link`, whatever other routes say of its address.
  bool unreachable = false;  ///< RTN_UNREACHABLE: packets are refused.
  auto operator<=>(const Route&) const = default;
};

/// Who has an address on a link; with VXLAN also: behind which other host a MAC is.
struct Neighbour {
  IpAddress address;
  Mac mac{};
  auto operator<=>(const Neighbour&) const = default;
};
enum class NeighbourTable {
  Addresses,  ///< What ARP would find out.
  Hosts,      ///< The forwarding database of a vxlan link, see bridge(8).
};

struct LinkAddress {
  int link = 0;
  IpAddress address;
  unsigned prefix = 0;
  bool global = false;  ///< RT_SCOPE_UNIVERSE
};

/// A cable between two namespaces: one end here, the other under its own name in `peer_netns`.
struct VethPlan {
  std::string name;
  int master = 0;  ///< Bridge that our end is plugged into.
  unsigned mtu = 1500;
  std::string peer_name;
  Mac peer_mac{};
  int peer_netns = -1;  ///< Descriptor of the namespace.
};

/// A link that sends its packets in UDP datagrams to other hosts. It learns nothing and floods nothing: it knows what
/// NeighbourTable::Hosts says.
struct VxlanPlan {
  std::string name;
  std::uint32_t vni = 0;  ///< 24 bits: whose packets they are, where several networks use one port.
  std::uint16_t port = 0;
  IpAddress local;
  Mac mac{};
  unsigned mtu = 1500;
};

/// One rtnetlink(7) socket. It belongs to the network namespace in which it was opened, whatever thread uses it
/// later. One thread at a time. Errors: NotFound (no such link), AlreadyExists, PermissionDenied, InvalidArgument,
/// Unavailable (busy, interrupted), ResourceExhausted, Unknown.
class Netlink {
 public:
  /// Opens in the network namespace of the calling thread.
  static Result<Netlink> open();

  Netlink(Netlink&&) noexcept;
  Netlink& operator=(Netlink&&) noexcept;
  ~Netlink();

  /// Asks for one link by name: never a dump.
  Result<std::optional<Link>> find_link(const std::string& name);
  Result<std::optional<Link>> find_link(int index);

  /// A bridge without spanning tree, with that MAC for ever (else it changes with its ports), not yet up. Its MTU is
  /// 1500, or that of its ports when it has some, until fix_mtu().
  Status make_bridge(const std::string& name, const Mac& mac);

  /// Makes both ends in one request; ours is up and plugged in, the peer is down.
  Status make_veth(const VethPlan& plan);

  /// Not yet up.
  Status make_vxlan(const VxlanPlan& plan);
  /// Without a key, a port or peers (network/wireguard), not yet up. Unimplemented: the kernel has none.
  Status make_wireguard(const std::string& name, unsigned mtu);

  /// Plugs the link into a bridge and sets it up.
  Status plug_in(int index, int master);

  /// Lets the bridge send a frame back by the port it came from. With br_netfilter a packet that a pod sends to its
  /// own host port is turned round inside the bridge, and without this it is dropped there.
  Status set_hairpin(int index);

  /// No such link is success. Deleting one end of a veth deletes the other.
  Status delete_link(const std::string& name);

  Status set_up(int index);
  Status set_mtu(int index, unsigned mtu);
  /// Gives a bridge that MTU for ever: one that it never changed to follows its ports, also one it was made with.
  Status fix_mtu(const Link& bridge, unsigned mtu);

  /// There already is success.
  Status add_address(int index, const IpAddress& address, unsigned prefix);
  /// The kernel takes the routes along that have it as source. Not there is success.
  Status delete_address(const LinkAddress& address);
  Status add_default_route(int index, const IpAddress& gateway);

  /// All routes of that family, local and broadcast ones left out. A dump: not for every pod.
  Result<std::vector<Route>> routes(Family family);
  /// Of one link, or of all for index 0.
  Result<std::vector<LinkAddress>> addresses(int index, Family family);

  /// In place of another route to the same block with the same priority.
  Status put_route(const Route& route);
  /// Not there is success.
  Status delete_route(const Route& route);

  /// Those that were put there to stay. A dump.
  Result<std::vector<Neighbour>> neighbours(int index, NeighbourTable table);
  /// To stay; in place of what is known of that address (Addresses), or of that MAC (Hosts).
  Status put_neighbour(int index, NeighbourTable table, const Neighbour& neighbour);
  /// Not there is success.
  Status delete_neighbour(int index, NeighbourTable table, const Neighbour& neighbour);

 private:
  explicit Netlink(nl_sock* socket);
  Result<std::optional<Link>> query_link(int index, const char* name);
  Status change_link(int index, int master, std::string_view doing);
  struct Closer {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Closer> socket_;
};

}  // namespace berth::network
