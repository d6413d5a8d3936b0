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

/// The address alone, as zones compare it.
IpAddress address_of(const sockaddr* address);

/// "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353". InvalidArgument when it is none of these.
Result<SocketAddress> parse_socket_address(std::string_view text, std::uint16_t default_port);

/// A non-blocking, bound UDP socket or listening TCP socket; the address need not exist yet (IP_FREEBIND, ip(7)).
/// Unavailable: taken by somebody else.
Result<UniqueFd> bind_socket(const SocketAddress& address, int type);

/// The port that `fd` is bound to.
std::uint16_t bound_port(int fd);

}  // namespace berth::network::dns
