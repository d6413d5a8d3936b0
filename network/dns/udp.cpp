// network/dns/udp.cpp - recvmmsg(2) and sendmmsg(2).
#include "network/dns/udp.hpp"

namespace berth::network::dns {

namespace {

/// A packet info received says on which interface and address; for sending, routing picks the interface.
void clear_interface(UdpPeer& peer, msghdr& message) {
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != IPPROTO_IP || header->cmsg_type != IP_PKTINFO) continue;
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(header), sizeof info);
    info.ipi_ifindex = 0;
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
  }
  peer.control_size = message.msg_controllen;
}

}  // namespace

UdpBatch::UdpBatch() : in_(kMessages * kLongestQuery), out_(kMessages * kUdpLimit) {
  for (std::size_t i = 0; i < kMessages; ++i) in_vectors_[i] = {in_.data() + i * kLongestQuery, kLongestQuery};
}

std::size_t UdpBatch::receive(int fd) {
  queued_ = 0;
  for (std::size_t i = 0; i < kMessages; ++i) {
    auto& header = in_messages_[i].msg_hdr;
    auto& peer = in_peers_[i];
    header.msg_name = &peer.address.storage;
    header.msg_namelen = sizeof peer.address.storage;
    header.msg_iov = &in_vectors_[i];
    header.msg_iovlen = 1;
    header.msg_control = peer.control.octets.data();
    header.msg_controllen = peer.control.octets.size();
    header.msg_flags = 0;
  }
  const auto got = recvmmsg(fd, in_messages_.data(), kMessages, MSG_DONTWAIT, nullptr);
  if (got <= 0) return 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
    auto& peer = in_peers_[i];
    peer.address.size = in_messages_[i].msg_hdr.msg_namelen;
    peer.control_size = 0;
    if (in_messages_[i].msg_hdr.msg_controllen != 0) clear_interface(peer, in_messages_[i].msg_hdr);
  }
  return static_cast<std::size_t>(got);
}

Octets UdpBatch::packet(std::size_t i) const {
  if ((in_messages_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) return {};
  return {in_.data() + i * kLongestQuery, in_messages_[i].msg_len};
}

void UdpBatch::reply(std::size_t i, std::size_t size) {
  auto& peer = in_peers_[i];
  out_vectors_[queued_] = {room(i).data(), size};
  auto& header = out_messages_[queued_].msg_hdr;
  header.msg_name = &peer.address.storage;
  header.msg_namelen = peer.address.size;
  header.msg_iov = &out_vectors_[queued_];
  header.msg_iovlen = 1;
  header.msg_control = peer.control_size != 0 ? peer.control.octets.data() : nullptr;
  header.msg_controllen = peer.control_size;
  ++queued_;
}

void UdpBatch::send(int fd) {
  std::size_t sent = 0;
  while (sent < queued_) {
    const auto count = sendmmsg(fd, out_messages_.data() + sent, static_cast<unsigned>(queued_ - sent), MSG_DONTWAIT);
    sent += count > 0 ? static_cast<std::size_t>(count) : 1;
  }
  queued_ = 0;
}

void send_udp(int fd, const UdpPeer& peer, Octets message) {
  auto copy = peer;
  iovec vector{const_cast<std::uint8_t*>(message.data()),
               message.size()};  // NOLINT(*-const-cast): sendmsg does not write
  msghdr header{};
  header.msg_name = &copy.address.storage;
  header.msg_namelen = copy.address.size;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = copy.control_size != 0 ? copy.control.octets.data() : nullptr;
  header.msg_controllen = copy.control_size;
  // Lost like any datagram when the buffer is full: the client asks again.
  [[maybe_unused]] const auto sent = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace berth::network::dns
