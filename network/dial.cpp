// network/dial.cpp - a connection to a pod's own localhost.
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/dial.hpp"
#include "network/netns.hpp"
#include "network/pod_network.hpp"

namespace berth::network {
namespace {

UniqueFd make_socket(int family) { return UniqueFd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

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
  const auto failed4 = connect_within(four, reinterpret_cast<const sockaddr*>(&address4), sizeof(address4), deadline);
  if (failed4 == 0) return four;
  sockaddr_in6 address6{};
  address6.sin6_family = AF_INET6;
  address6.sin6_port = htons(port);
  address6.sin6_addr = in6addr_loopback;
  const auto failed6 = connect_within(six, reinterpret_cast<const sockaddr*>(&address6), sizeof(address6), deadline);
  if (failed6 == 0) return six;
  const auto where = netns_path.empty() ? std::string("the host") : fmt::format("namespace \"{}\"", netns_path);
  return Error(ErrorCode::Unavailable,
               fmt::format("failed to connect to localhost:{} inside {}, IPv4: dial tcp4 127.0.0.1:{}: connect: {} "
                           "IPv6: dial tcp6 [::1]:{}: connect: {}",
                           port, where, port, connect_error_text(failed4), port, connect_error_text(failed6)));
}

}  // namespace berth::network
