// network/peer_probe.hpp - do packets come back from the pods' networks of other hosts, and how far apart are the
// clocks? ICMP's echo and timestamp, which the kernel there answers by itself (RFC 792).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "network/ip.hpp"

namespace berth::network {

struct PeerAnswer {
  bool answers = false;
  std::optional<std::chrono::milliseconds> clock_ahead{};  ///< Theirs of ours, half a round trip off; none: not said.
  bool operator==(const PeerAnswer&) const = default;
};

/// Asks all at once and waits until each has answered, `patience` at most: blocks that long. In the order of `peers`,
/// IPv4 all. Unavailable: no such socket can be made (CAP_NET_RAW). What cannot be sent counts as not answered.
Result<std::vector<PeerAnswer>> probe_peers(const std::vector<IpAddress>& peers, std::chrono::milliseconds patience);

enum class IcmpType : std::uint8_t { EchoReply = 0, Echo = 8, Timestamp = 13, TimestampReply = 14 };

/// One packet, as it is sent and as it comes back: 20 bytes, of an echo the last twelve are its content. Times are
/// milliseconds since midnight UTC.
struct IcmpTimes {
  IcmpType type = IcmpType::Echo;
  std::uint16_t id = 0;
  std::uint16_t sequence = 0;
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
};
std::array<std::uint8_t, 20> icmp_packet(const IcmpTimes& of);
/// Behind the header of IPv4. None: it is no answer to us.
std::optional<IcmpTimes> read_icmp(std::span<const std::uint8_t> packet);

/// Theirs less ours, by what they say to have received between `sent` and `back`; the shorter way around midnight.
std::chrono::milliseconds clock_ahead(std::uint32_t sent, std::uint32_t received, std::uint32_t back);

}  // namespace berth::network
