// network/peer_probe.cpp - see peer_probe.hpp.
#include "network/peer_probe.hpp"

#include <linux/icmp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/random.hpp"
#include "base/unique_fd.hpp"

namespace berth::network {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::uint32_t kDay = 24 * 60 * 60 * 1000;
constexpr std::uint32_t kNoStandardTime = 0x80000000U;  ///< RFC 792: the host's time is not UTC's.
constexpr std::size_t kMostPacket = 256;

void put16(std::uint8_t* at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8U);
  at[1] = static_cast<std::uint8_t>(value);
}
void put32(std::uint8_t* at, std::uint32_t value) {
  put16(at, value >> 16U);
  put16(at + 2, value);
}
std::uint32_t get16(const std::uint8_t* at) { return (std::uint32_t{at[0]} << 8U) | at[1]; }
std::uint32_t get32(const std::uint8_t* at) { return (get16(at) << 16U) | get16(at + 2); }

/// RFC 1071.
std::uint32_t checksum(std::span<const std::uint8_t> of) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < of.size(); i += 2) sum += get16(&of[i]);
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return ~sum & 0xffffU;
}

std::uint32_t time_of_day() {
  const auto now = std::chrono::floor<milliseconds>(std::chrono::system_clock::now()).time_since_epoch();
  return static_cast<std::uint32_t>(now.count() % kDay);
}

void send(const UniqueFd& fd, const IpAddress& to, const IcmpTimes& question) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(to.to_v4());
  const auto packet = icmp_packet(question);
  static_cast<void>(::sendto(fd.get(), packet.data(), packet.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

}  // namespace

std::array<std::uint8_t, 20> icmp_packet(const IcmpTimes& of) {
  std::array<std::uint8_t, 20> packet{};
  packet[0] = static_cast<std::uint8_t>(of.type);
  put16(&packet[4], of.id);
  put16(&packet[6], of.sequence);
  put32(&packet[8], of.sent);
  put32(&packet[12], of.received);
  put16(&packet[2], checksum(packet));
  return packet;
}

std::optional<IcmpTimes> read_icmp(std::span<const std::uint8_t> packet) {
  if (packet.size() < 20) return std::nullopt;
  const std::size_t header = (packet[0] & 0x0fU) * 4U;
  if (header < 20 || packet.size() < header + 20) return std::nullopt;
  const auto icmp = packet.subspan(header, 20);
  const auto type = static_cast<IcmpType>(icmp[0]);
  if ((type != IcmpType::EchoReply && type != IcmpType::TimestampReply) || icmp[1] != 0) return std::nullopt;
  return IcmpTimes{.type = type,
                   .id = static_cast<std::uint16_t>(get16(&icmp[4])),
                   .sequence = static_cast<std::uint16_t>(get16(&icmp[6])),
                   .sent = get32(&icmp[8]),
                   .received = get32(&icmp[12])};
}

milliseconds clock_ahead(std::uint32_t sent, std::uint32_t received, std::uint32_t back) {
  const auto between = static_cast<std::int64_t>(sent) + ((static_cast<std::int64_t>(back) - sent + kDay) % kDay) / 2;
  auto ahead = (static_cast<std::int64_t>(received) - between) % kDay;
  if (ahead > kDay / 2) ahead -= kDay;
  if (ahead < -static_cast<std::int64_t>(kDay / 2)) ahead += kDay;
  return milliseconds(ahead);
}

Result<std::vector<PeerAnswer>> probe_peers(const std::vector<IpAddress>& peers, milliseconds patience) {
  std::vector<PeerAnswer> out(peers.size());
  if (peers.empty()) return out;
  const UniqueFd fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP));
  if (!fd) return Error(ErrorCode::Unavailable, Error::from_errno(errno, "ask other hosts by ICMP").message());
  // Every raw socket gets a copy of every answer, icmp(7): the others are not read.
  icmp_filter only{
      ~((1U << static_cast<unsigned>(IcmpType::EchoReply)) | (1U << static_cast<unsigned>(IcmpType::TimestampReply)))};
  static_cast<void>(::setsockopt(fd.get(), SOL_RAW, ICMP_FILTER, &only, sizeof only));

  const auto id = static_cast<std::uint16_t>(thread_random()());
  for (std::size_t i = 0; i < peers.size(); ++i) {
    for (const auto type : {IcmpType::Timestamp, IcmpType::Echo}) {
      send(fd, peers[i], {type, id, static_cast<std::uint16_t>(i), time_of_day(), 0});
    }
  }
  const auto until = steady_clock::now() + patience;
  std::array<std::uint8_t, kMostPacket> packet{};
  for (;;) {
    const bool all = std::all_of(out.begin(), out.end(), [](const auto& each) { return each.clock_ahead.has_value(); });
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    if (all || left.count() <= 0) return out;
    pollfd watched{fd.get(), POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(left.count())) <= 0) continue;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto read = ::recvfrom(fd.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (read <= 0) continue;
    const auto answer = read_icmp(std::span(packet).first(static_cast<std::size_t>(read)));
    if (!answer || answer->id != id || answer->sequence >= peers.size()) continue;
    if (peers[answer->sequence] != IpAddress::v4(ntohl(from.sin_addr.s_addr))) continue;
    auto& peer = out[answer->sequence];
    peer.answers = true;
    if (answer->type == IcmpType::TimestampReply && (answer->received & kNoStandardTime) == 0) {
      peer.clock_ahead = clock_ahead(answer->sent, answer->received, time_of_day());
    }
  }
}

}  // namespace berth::network
