// network/dns/socket.cpp - parsing of addresses; binding.
#include "network/dns/socket.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cerrno>
#include <charconv>

namespace berth::network::dns {

namespace {

constexpr int kListenBacklog = 128;
constexpr int kReceiveBuffer = 1024 * 1024;  // asked for; the kernel may give less

const sockaddr_in& v4(const sockaddr* address) { return *reinterpret_cast<const sockaddr_in*>(address); }    // NOLINT
const sockaddr_in6& v6(const sockaddr* address) { return *reinterpret_cast<const sockaddr_in6*>(address); }  // NOLINT

std::optional<int> parse_number(std::string_view text, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > max) return std::nullopt;
  return value;
}

bool set_option(int fd, int level, int name, int value = 1) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

std::string show(const SocketAddress& address) {
  const auto text = address_of(address.get()).text();
  return address.family() == AF_INET6 ? fmt::format("[{}]:{}", text, address.port())
                                      : fmt::format("{}:{}", text, address.port());
}

}  // namespace

std::uint16_t SocketAddress::port() const {
  return ntohs(family() == AF_INET6 ? v6(get()).sin6_port : v4(get()).sin_port);
}

void SocketAddress::set_port(std::uint16_t port) {
  if (family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);  // NOLINT(*-reinterpret-cast)
  } else {
    reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);  // NOLINT(*-reinterpret-cast)
  }
}

bool SocketAddress::is_wildcard() const {
  return family() == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&v6(get()).sin6_addr) != 0
                              : v4(get()).sin_addr.s_addr == INADDR_ANY;
}

bool SocketAddress::operator==(const SocketAddress& other) const {
  return family() == other.family() && port() == other.port() && address_of(get()) == address_of(other.get());
}

IpAddress address_of(const sockaddr* address) {
  if (address->sa_family == AF_INET6) return IpAddress::from_bytes(v6(address).sin6_addr.s6_addr);
  std::array<std::uint8_t, 4> octets{};
  std::memcpy(octets.data(), &v4(address).sin_addr, octets.size());
  return IpAddress::from_bytes(octets);
}

Result<SocketAddress> parse_socket_address(std::string_view text, std::uint16_t default_port) {
  auto host = text;
  auto port = std::optional<int>(default_port);
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    host = text.substr(1, close == std::string_view::npos ? close : close - 1);
    const auto rest = close == std::string_view::npos ? "?" : text.substr(close + 1);
    if (!rest.empty()) port = rest.starts_with(':') ? parse_number(rest.substr(1), 65'535) : std::nullopt;
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos && text.rfind(':') == colon) {
    host = text.substr(0, colon);
    port = parse_number(text.substr(colon + 1), 65'535);
  }
  const auto percent = host.find('%');  // "fe80::1%eth0"
  const auto scope = percent == std::string_view::npos ? std::string() : std::string(host.substr(percent + 1));
  const std::string copy(host.substr(0, percent));
  SocketAddress result;
  sockaddr_in in{};
  sockaddr_in6 in6{};
  if (port && inet_pton(AF_INET, copy.c_str(), &in.sin_addr) == 1) {
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(*port));
    std::memcpy(&result.storage, &in, sizeof in);
    result.size = sizeof in;
    return result;
  }
  if (port && inet_pton(AF_INET6, copy.c_str(), &in6.sin6_addr) == 1) {
    in6.sin6_family = AF_INET6;
    if (!scope.empty()) in6.sin6_scope_id = if_nametoindex(scope.c_str());
    in6.sin6_port = htons(static_cast<std::uint16_t>(*port));
    std::memcpy(&result.storage, &in6, sizeof in6);
    result.size = sizeof in6;
    return result;
  }
  return Error(ErrorCode::InvalidArgument, fmt::format("\"{}\": neither an address nor address:port", text));
}

Result<UniqueFd> bind_socket(const SocketAddress& address, int type) {
  const auto what = fmt::format("listen on {} ({})", show(address), type == SOCK_DGRAM ? "UDP" : "TCP");
  UniqueFd fd(socket(address.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, what);
  const auto is_v6 = address.family() == AF_INET6;
  auto done = is_v6
                  ? set_option(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND) && set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY)
                  : set_option(fd.get(), IPPROTO_IP, IP_FREEBIND);
  if (type == SOCK_STREAM)
    done = done && set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);  // past connections do not hold the port
  if (type == SOCK_DGRAM) {
    set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
    // With a wildcard the reply has to leave from the address that was asked.
    if (address.is_wildcard())
      done = done && (is_v6 ? set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO)
                            : set_option(fd.get(), IPPROTO_IP, IP_PKTINFO));
  }
  if (!done) return Error::from_errno(errno, what);
  if (bind(fd.get(), address.get(), address.size) != 0 ||
      (type == SOCK_STREAM && listen(fd.get(), kListenBacklog) != 0)) {
    const auto reason = errno;
    if (reason == EADDRINUSE) return Error(ErrorCode::Unavailable, Error::from_errno(reason, what).message());
    return Error::from_errno(reason, what);
  }
  return fd;
}

std::uint16_t bound_port(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  return getsockname(fd, address.get(), &address.size) == 0 ? address.port() : std::uint16_t{0};
}

}  // namespace berth::network::dns
