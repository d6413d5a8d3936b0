// network/dns/socket.hpp - addresses for the socket calls, networks, and sockets as the DNS server wants them.
#pragma once

#include <sys/socket.h>

#include "base/unique_fd.hpp"
#include "network/dns/zone.hpp"

namespace berth::network::dns {

/// A socket address of either family.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }  // NOLINT(*-reinterpret-cast)
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }                    // NOLINT(*-reinterpret-cast)
  int family() const { return storage.ss_family; }
  std::uint16_t port() const;
  void set_port(std::uint16_t port);
  bool is_wildcard() const;
  bool operator==(const SocketAddress& other) const;
};

/// The address alone, as zones compare it. IPv4 is v4-mapped.
Address address_of(const sockaddr* address);

/// "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353". InvalidArgument when it is none of these.
Result<SocketAddress> parse_socket_address(std::string_view text, std::uint16_t default_port);

/// A set of addresses with a common prefix.
struct Network {
  Address prefix{};
  int bits = 0;  ///< Of 128: those of IPv4 are counted from its mapped form.

  bool contains(const Address& address) const;
};

/// "10.98.0.0/24", "fd00::/8", or one address. InvalidArgument when it is not.
Result<Network> parse_network(std::string_view text);

/// A non-blocking, bound UDP socket or listening TCP socket; the address need not exist yet (IP_FREEBIND, ip(7)).
/// Unavailable: taken by somebody else.
Result<UniqueFd> bind_socket(const SocketAddress& address, int type);

/// The port that `fd` is bound to.
std::uint16_t bound_port(int fd);

}  // namespace berth::network::dns
