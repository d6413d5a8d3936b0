// network/dial.cpp - a connection to a pod's own localhost.
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "network/netns.hpp"
#include "network/pod_network.hpp"

namespace berth::network {
namespace {

/// As Go words it, without a capital letter: "connection refused".
std::string reason(int error) {
  std::string text = std::strerror(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

UniqueFd make_socket(int family) { return UniqueFd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

/// 0, or what errno would say.
int connect_by(const UniqueFd& fd, const sockaddr* address, socklen_t size, std::chrono::milliseconds deadline) {
  if (!fd) return EAFNOSUPPORT;
  if (::connect(fd.get(), address, size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd wanted{fd.get(), POLLOUT, 0};
  const auto ready = ::poll(&wanted, 1, static_cast<int>(deadline.count()));
  if (ready < 0) return errno;
  if (ready == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

}  // namespace

Result<UniqueFd> dial_localhost(const std::string& netns_path, std::uint16_t port, std::chrono::milliseconds deadline) {
  UniqueFd four;
  UniqueFd six;
  const auto make = [&] {
    four = make_socket(AF_INET);
    six = make_socket(AF_INET6);
  };
  // A socket stays for ever in the namespace that it was made in.
  if (netns_path.empty()) {
    make();
  } else if (auto made = run_in_netns(netns_path, make); !made) {
    return std::move(made).error();
  }
  sockaddr_in address4{};
  address4.sin_family = AF_INET;
  address4.sin_port = htons(port);
  address4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto failed4 = connect_by(four, reinterpret_cast<const sockaddr*>(&address4), sizeof(address4), deadline);
  if (failed4 == 0) return four;
  sockaddr_in6 address6{};
  address6.sin6_family = AF_INET6;
  address6.sin6_port = htons(port);
  address6.sin6_addr = in6addr_loopback;
  const auto failed6 = connect_by(six, reinterpret_cast<const sockaddr*>(&address6), sizeof(address6), deadline);
  if (failed6 == 0) return six;
  const auto where = netns_path.empty() ? std::string("the host") : fmt::format("namespace \"{}\"", netns_path);
  return Error(ErrorCode::Unavailable,
               fmt::format("failed to connect to localhost:{} inside {}, IPv4: dial tcp4 127.0.0.1:{}: connect: {} "
                           "IPv6: dial tcp6 [::1]:{}: connect: {}",
                           port, where, port, reason(failed4), port, reason(failed6)));
}

}  // namespace berth::network
