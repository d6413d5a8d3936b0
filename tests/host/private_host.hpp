// tests/host/private_host.hpp - a network and mount namespace of the test's own, and sockets inside namespaces.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/unique_fd.hpp"
#include "network/netlink.hpp"
#include "network/netns.hpp"

namespace berth::network {

/// Moves this process into its own network and mount namespaces before the first test: nothing a test does reaches
/// the machine, and no packet can leave, for there is no link to leave by.
class PrivateHost : public ::testing::Environment {
 public:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(::unshare(CLONE_NEWNET | CLONE_NEWNS), 0) << std::strerror(errno);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
    auto netlink = Netlink::open();
    ASSERT_TRUE(netlink.ok());
    ASSERT_TRUE(netlink->set_up(1).ok());  // lo
  }
};

inline sockaddr_in socket_address(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
  return address;
}

/// Runs `work` in the namespace pinned at `netns`; empty: here.
template <typename Work>
void inside(const std::string& netns, Work work) {
  if (netns.empty()) {
    work();
    return;
  }
  const auto done = run_in_netns(netns, work);
  ASSERT_TRUE(done.ok()) << done.error().message();
}

/// A TCP socket listening in that namespace; invalid when the address is not there.
inline UniqueFd listen_in(const std::string& netns, const std::string& ip, std::uint16_t port) {
  UniqueFd listener;
  inside(netns, [&] {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto address = socket_address(ip, port);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(fd.get(), 16) == 0) {
      listener = std::move(fd);
    }
  });
  return listener;
}

/// Connects from that namespace; "" on success, else what went wrong. That many milliseconds at most.
inline std::string connect_from(const std::string& netns, const std::string& ip, std::uint16_t port, UniqueFd& out,
                                int patience = 3000) {
  inside(netns, [&] { out.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); });
  const auto address = socket_address(ip, port);
  if (::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
  if (errno != EINPROGRESS) return std::strerror(errno);
  pollfd wait{out.get(), POLLOUT, 0};
  if (::poll(&wait, 1, patience) != 1) return "no answer";
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(out.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? std::string() : std::strerror(error);
}

inline std::string reach(const std::string& netns, const std::string& ip, std::uint16_t port, int patience = 3000) {
  UniqueFd fd;
  return connect_from(netns, ip, port, fd, patience);
}

/// The source address of the next connection that waits at `listener`; "" when none does.
inline std::string next_client(const UniqueFd& listener) {
  pollfd wait{listener.get(), POLLIN, 0};
  if (::poll(&wait, 1, 1000) != 1) return {};
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const UniqueFd client(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC));
  char text[INET_ADDRSTRLEN] = "";
  return client ? ::inet_ntop(AF_INET, &from.sin_addr, text, sizeof text) : std::string();
}

/// A UDP socket in that namespace, bound to the address.
inline UniqueFd udp_in(const std::string& netns, const std::string& ip, std::uint16_t port) {
  UniqueFd bound;
  inside(netns, [&] {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = socket_address(ip, port);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) bound = std::move(fd);
  });
  return bound;
}

inline void send_datagram(const UniqueFd& from, const std::string& ip, std::uint16_t port, const std::string& text) {
  const auto address = socket_address(ip, port);
  ::sendto(from.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// The next datagram; "" when none comes.
inline std::string next_datagram(const UniqueFd& fd, int patience = 5000) {
  pollfd wait{fd.get(), POLLIN, 0};
  char text[64] = "";
  const auto got = ::poll(&wait, 1, patience) == 1 ? ::recv(fd.get(), text, sizeof text, 0) : 0;
  return {text, static_cast<std::size_t>(got < 0 ? 0 : got)};
}

}  // namespace berth::network
