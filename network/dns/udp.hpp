// network/dns/udp.hpp - datagrams in batches: one system call takes many queries, one sends many replies.
#pragma once

#include <netinet/in.h>
#include <sys/uio.h>

#include "network/dns/buffer.hpp"
#include "network/dns/socket.hpp"

namespace berth::network::dns {

/// To whom a reply over UDP goes, and from which of our addresses.
struct UdpPeer {
  /// Room for one in_pktinfo or in6_pktinfo, aligned as cmsg(3) wants it.
  struct Control {
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> octets{};
  };

  SocketAddress address;
  Control control;
  std::size_t control_size = 0;
};

/// Buffers for one batch, used again and again; nothing is allocated after construction. One thread.
class UdpBatch {
 public:
  static constexpr std::size_t kMessages = 64;

  UdpBatch();

  /// Takes what waits on `fd`, at most kMessages. Returns how many; 0: nothing there. Forgets the batch before.
  std::size_t receive(int fd);

  /// The octets of query `i`; empty when it was longer than any query is.
  Octets packet(std::size_t i) const;
  IpAddress source(std::size_t i) const { return address_of(in_peers_[i].address.get()); }
  const UdpPeer& peer(std::size_t i) const { return in_peers_[i]; }

  /// Where the reply to query `i` goes; reply() queues the first `size` octets of it.
  std::span<std::uint8_t> room(std::size_t i) { return {out_.data() + i * kUdpLimit, kUdpLimit}; }
  void reply(std::size_t i, std::size_t size);

  /// Sends the queued replies. A reply that cannot be sent is dropped, as the network would.
  void send(int fd);

 private:
  static constexpr std::size_t kLongestQuery = 2048;

  Buffer in_;
  Buffer out_;
  std::array<UdpPeer, kMessages> in_peers_;
  std::array<iovec, kMessages> in_vectors_{};
  std::array<iovec, kMessages> out_vectors_{};
  std::array<mmsghdr, kMessages> in_messages_{};
  std::array<mmsghdr, kMessages> out_messages_{};
  std::size_t queued_ = 0;
};

/// Sends one reply that was not ready in its batch.
void send_udp(int fd, const UdpPeer& peer, Octets message);

}  // namespace berth::network::dns
