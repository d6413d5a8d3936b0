// tests/network/ip_test.cpp - addresses and blocks.
#include "network/ip.hpp"

#include <gtest/gtest.h>

namespace berth::network {
namespace {

Cidr cidr(std::string_view text) {
  auto block = Cidr::parse(text);
  EXPECT_TRUE(block.ok()) << text;
  return block.value_or(Cidr{});
}
IpAddress ip(std::string_view text) {
  auto address = IpAddress::parse(text);
  EXPECT_TRUE(address.ok()) << text;
  return address.value_or(IpAddress{});
}

TEST(Ip, TextOfBothFamiliesSurvivesARoundTrip) {
  for (const auto* text :
       {"0.0.0.0", "10.98.0.7", "255.255.255.255", "::", "::1", "fd00::2", "2001:db8::8:800:200c:417a"}) {
    EXPECT_EQ(ip(text).text(), text);
  }
}

TEST(Ip, WhatIsNoAddressIsRefused) {
  for (const auto* text :
       {"", "10.98.0", "10.98.0.256", "10.98.0.1/24", " 10.98.0.1", "10.98.0.1 ", "::g", "fe80::1%eth0"}) {
    EXPECT_TRUE(failed_with(IpAddress::parse(text), ErrorCode::InvalidArgument)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0x", 10)).ok() &&
               IpAddress::parse(std::string_view("10.0.0.1\0x", 10))->text() != "10.0.0.1");
}

TEST(Ip, NumbersAreInHostOrder) {
  EXPECT_EQ(IpAddress::v4(0x0a620007).text(), "10.98.0.7");
  EXPECT_EQ(ip("10.98.0.7").to_v4(), 0x0a620007U);
}

TEST(Ip, LoopbackAndUnspecifiedAreRecognised) {
  EXPECT_TRUE(ip("127.0.0.53").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("::2").is_loopback());
  EXPECT_FALSE(ip("128.0.0.1").is_loopback());
  EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
  EXPECT_TRUE(ip("::").is_unspecified());
  EXPECT_FALSE(ip("0.0.0.1").is_unspecified());
}

TEST(Cidr, ABlockWithBitsBelowThePrefixNamesTheRightOne) {
  const auto block = Cidr::parse("10.98.0.5/24");
  ASSERT_TRUE(failed_with(block, ErrorCode::InvalidArgument));
  EXPECT_NE(block.error().message().find("10.98.0.0/24"), std::string::npos) << block.error().message();
}

TEST(Cidr, WhatIsNoBlockIsRefused) {
  for (const auto* text :
       {"", "10.98.0.0", "10.98.0.0/", "10.98.0.0/33", "10.98.0.0/-1", "10.98.0.0/2x", "/24", "fd00::/129"}) {
    EXPECT_TRUE(failed_with(Cidr::parse(text), ErrorCode::InvalidArgument)) << text;
  }
}

TEST(Cidr, ContainsComparesOnlyThePrefix) {
  EXPECT_TRUE(cidr("10.98.0.0/23").contains(ip("10.98.1.255")));
  EXPECT_FALSE(cidr("10.98.0.0/23").contains(ip("10.98.2.0")));
  EXPECT_TRUE(cidr("0.0.0.0/0").contains(ip("1.2.3.4")));
  EXPECT_FALSE(cidr("0.0.0.0/0").contains(ip("::1")));
  EXPECT_TRUE(cidr("fd00::/9").contains(ip("fd7f::1")));
  EXPECT_TRUE(cidr("10.98.0.7/32").contains(ip("10.98.0.7")));
}

TEST(Cidr, OverlapIsNestingInEitherDirection) {
  EXPECT_TRUE(cidr("10.98.0.0/24").overlaps(cidr("10.0.0.0/8")));
  EXPECT_TRUE(cidr("10.0.0.0/8").overlaps(cidr("10.98.0.0/24")));
  EXPECT_TRUE(cidr("10.98.0.0/24").overlaps(cidr("10.98.0.128/25")));
  EXPECT_FALSE(cidr("10.98.0.0/24").overlaps(cidr("10.98.1.0/24")));
  EXPECT_FALSE(cidr("10.98.0.0/24").overlaps(cidr("::/0")));
}

TEST(Mac, IsLocallyAdministeredAndStable) {
  const auto mac = mac_of(ip("10.98.0.7"));
  EXPECT_EQ(mac, (std::array<std::uint8_t, 6>{0x0a, 0x58, 10, 98, 0, 7}));
  EXPECT_EQ(mac[0] & 0x03, 0x02);  // Local, unicast.
}

}  // namespace
}  // namespace berth::network
