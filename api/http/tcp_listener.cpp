// api/http/tcp_listener.cpp - the TCP sockets that the API listens on.
#include "api/http/tcp_listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

namespace berth::api {

namespace {

constexpr int kBacklog = 128;

}  // namespace

Result<UniqueFd> listen_on_tcp(const TcpAddress& address) {
  const auto doing = fmt::format("listen on {}", address.text());
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (address.is_v6()) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    ::inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr);
    size = sizeof(v6);
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr);
    size = sizeof(v4);
  }
  UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, doing);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.is_v6()) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) {
    if (errno == EADDRINUSE || errno == EADDRNOTAVAIL) {
      return Error(ErrorCode::Unavailable, Error::from_errno(errno, doing).message());
    }
    return Error::from_errno(errno, doing);
  }
  if (::listen(fd.get(), kBacklog) != 0) return Error::from_errno(errno, doing);
  return fd;
}

Result<UniqueFd> listen_on_tcp(const TcpAddress& address, const KeptSockets& kept) {
  if (!kept.take || address.port == 0) return listen_on_tcp(address);
  auto name = "api-tcp-" + address.text();
  std::replace(name.begin(), name.end(), ':', '_');
  if (auto fd = kept.take(name); fd) return fd;
  auto fd = make_beside(kept, [&] { return listen_on_tcp(address); });
  if (fd) kept.keep(name, fd->get());
  return fd;
}

}  // namespace berth::api
