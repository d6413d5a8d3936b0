// tests/network/peer_probe_test.cpp - ICMP's packets, and clocks around midnight.
#include "network/peer_probe.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace berth::network {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kDay = 86'400'000;

std::vector<std::uint8_t> answered(IcmpType type, std::uint8_t words = 5) {
  std::vector<std::uint8_t> packet(words * 4U);
  packet[0] = static_cast<std::uint8_t>(0x40U | words);
  const auto icmp = icmp_packet({type, 0x1234, 7, 1'000, 2'000});
  packet.insert(packet.end(), icmp.begin(), icmp.end());
  return packet;
}

TEST(PeerProbe, APacketHasItsChecksum) {
  const auto packet = icmp_packet({IcmpType::Timestamp, 0xbeef, 2, 86'399'999, 0});
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < packet.size(); i += 2) sum += std::uint32_t{packet[i]} << 8U | packet[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  EXPECT_EQ(sum, 0xffffU) << "RFC 1071: over all of it, the sum is all ones";
  EXPECT_EQ(packet[0], 13);
}

TEST(PeerProbe, AnswersAreReadBehindAnyHeader) {
  for (const auto words : {std::uint8_t{5}, std::uint8_t{6}, std::uint8_t{15}}) {
    const auto answer = read_icmp(answered(IcmpType::TimestampReply, words));
    ASSERT_TRUE(answer) << int{words};
    EXPECT_EQ(answer->id, 0x1234);
    EXPECT_EQ(answer->sequence, 7);
    EXPECT_EQ(answer->sent, 1'000U);
    EXPECT_EQ(answer->received, 2'000U);
  }
  EXPECT_TRUE(read_icmp(answered(IcmpType::EchoReply)));
}

TEST(PeerProbe, WhatIsNoAnswerIsNone) {
  EXPECT_FALSE(read_icmp(answered(IcmpType::Echo))) << "a question";
  auto packet = answered(IcmpType::EchoReply);
  packet[0] = 0x44;
  EXPECT_FALSE(read_icmp(packet)) << "a header shorter than any";
  packet[0] = 0x4f;
  EXPECT_FALSE(read_icmp(packet)) << "a header longer than the packet";
  packet = answered(IcmpType::EchoReply);
  while (!packet.empty()) {
    packet.pop_back();
    EXPECT_FALSE(read_icmp(packet)) << packet.size();
  }
}

TEST(PeerProbe, ClocksAreComparedTheShorterWayAroundMidnight) {
  EXPECT_EQ(clock_ahead(1'000, 1'010, 1'020), milliseconds(0));
  EXPECT_EQ(clock_ahead(1'000, 6'010, 1'020), milliseconds(5'000));
  EXPECT_EQ(clock_ahead(6'000, 1'010, 6'020), milliseconds(-5'000));
  EXPECT_EQ(clock_ahead(kDay - 10, 0, 10), milliseconds(0)) << "midnight on the way";
  EXPECT_EQ(clock_ahead(kDay - 1'000, 1'000, kDay - 1'000), milliseconds(2'000));
  EXPECT_EQ(clock_ahead(1'000, kDay - 1'000, 1'000), milliseconds(-2'000));
}

}  // namespace
}  // namespace berth::network
