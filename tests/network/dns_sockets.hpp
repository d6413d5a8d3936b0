// tests/network/dns_sockets.hpp - a client and a fake upstream on loopback. Calls block, but never for ever.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/time.h>

#include "network/dns/socket.hpp"

namespace berth::network::dns {

using Message = std::vector<std::uint8_t>;

inline UniqueFd blocking_socket(int type) {
  UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const timeval patience{5, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

inline SocketAddress loopback(std::uint16_t port) { return *parse_socket_address("127.0.0.1", port); }

class UdpClient {
 public:
  explicit UdpClient(std::uint16_t port, const char* source = "127.0.0.1") : fd_(blocking_socket(SOCK_DGRAM)) {
    const auto own = *parse_socket_address(source, 0);
    EXPECT_EQ(bind(fd_.get(), own.get(), own.size), 0);
    const auto server = loopback(port);  // connected: only a reply from the address that was asked counts
    EXPECT_EQ(connect(fd_.get(), server.get(), server.size), 0);
  }
  void send(Octets message) const {
    EXPECT_EQ(::send(fd_.get(), message.data(), message.size(), 0), static_cast<ssize_t>(message.size()));
  }
  Message receive() const {
    Message message(65'536);
    const auto got = recv(fd_.get(), message.data(), message.size(), 0);
    message.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return message;
  }
  Message ask(Octets query) const {
    send(query);
    return receive();
  }

 private:
  UniqueFd fd_;
};

inline Message framed(Octets message) {
  Message out{static_cast<std::uint8_t>(message.size() >> 8), static_cast<std::uint8_t>(message.size())};
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

/// Reads one length-prefixed message; empty when the peer closed.
inline Message receive_framed(int fd) {
  std::array<std::uint8_t, 2> prefix{};
  if (recv(fd, prefix.data(), 2, MSG_WAITALL) != 2) return {};
  Message message(get_u16(prefix, 0));
  const auto got = recv(fd, message.data(), message.size(), MSG_WAITALL);
  EXPECT_EQ(got, static_cast<ssize_t>(message.size()));
  return message;
}

class TcpClient {
 public:
  explicit TcpClient(std::uint16_t port) : fd_(blocking_socket(SOCK_STREAM)) {
    const auto server = loopback(port);
    EXPECT_EQ(connect(fd_.get(), server.get(), server.size), 0);
  }
  void send(Octets raw) const {
    EXPECT_EQ(::send(fd_.get(), raw.data(), raw.size(), MSG_NOSIGNAL), static_cast<ssize_t>(raw.size()));
  }
  Message receive() const { return receive_framed(fd_.get()); }
  void finish_sending() const { shutdown(fd_.get(), SHUT_WR); }
  bool closed_by_peer() const {
    std::uint8_t octet = 0;
    const auto got = recv(fd_.get(), &octet, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

 private:
  UniqueFd fd_;
};

/// Plays the host's resolver: the test reads each query and says what comes back.
class FakeUpstream {
 public:
  explicit FakeUpstream(SocketAddress address = loopback(0))
      : udp_(blocking_socket(SOCK_DGRAM)), tcp_(blocking_socket(SOCK_STREAM)) {
    EXPECT_EQ(bind(udp_.get(), address.get(), address.size), 0);
    address.set_port(bound_port(udp_.get()));
    EXPECT_EQ(bind(tcp_.get(), address.get(), address.size), 0);
    EXPECT_EQ(listen(tcp_.get(), 4), 0);
  }
  std::uint16_t port() const { return bound_port(udp_.get()); }
  std::string address() const { return "127.0.0.1:" + std::to_string(bound_port(udp_.get())); }

  Message receive() {
    Message message(4096);
    peer_.size = sizeof peer_.storage;
    const auto got = recvfrom(udp_.get(), message.data(), message.size(), 0, peer_.get(), &peer_.size);
    message.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return message;
  }
  std::uint16_t peer_port() const { return peer_.port(); }
  void reply(Octets message) const {
    EXPECT_EQ(sendto(udp_.get(), message.data(), message.size(), 0, peer_.get(), peer_.size),
              static_cast<ssize_t>(message.size()));
  }
  UniqueFd accept_tcp() const { return UniqueFd(accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  UniqueFd udp_;
  UniqueFd tcp_;
  SocketAddress peer_;
};

/// The reply to `query`: its question, `flags`, and `answers` A records of 192.0.2.N with `ttl`, for the question's
/// name.
inline Message make_reply(Octets query, std::uint16_t flags, int answers, std::uint32_t ttl = 60) {
  const auto question = skip_name(query, 12) + 4;
  Message reply(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(question));
  set_u16(reply.data() + 2, static_cast<std::uint16_t>(0x8180 | flags));
  set_u16(reply.data() + 6, static_cast<std::uint16_t>(answers));
  set_u16(reply.data() + 10, 0);
  for (int i = 1; i <= answers; ++i) {
    for (const auto octet : {0xC0, 12, 0, 1, 0, 1, 0, 0, 0, static_cast<int>(ttl), 0, 4, 192, 0, 2, i}) {
      reply.push_back(static_cast<std::uint8_t>(octet));
    }
  }
  return reply;
}

}  // namespace berth::network::dns
