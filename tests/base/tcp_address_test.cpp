// tests/base/tcp_address_test.cpp - which texts name an address to listen on.
#include "base/tcp_address.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(TcpAddress, NumericAddressesWithAPortAreRead) {
  for (const auto* text : {"127.0.0.1:6550", "[::1]:6550", "0.0.0.0:1", "[2001:db8::7]:65535"}) {
    const auto address = parse_tcp_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
  }
  EXPECT_EQ(parse_tcp_address("[0:0:0:0:0:0:0:1]:9")->host, "::1");
  EXPECT_TRUE(parse_tcp_address("[::]:9")->is_any());
  EXPECT_FALSE(parse_tcp_address("127.0.0.1:9")->is_any());
}

TEST(TcpAddress, EverythingElseIsRefused) {
  for (const auto* text : {"", ":6550", "6550", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "::1:6550",
                           "[::1]", "[127.0.0.1]:1", "localhost:1", "127.0.0.1:1x", "127.1:1", "[fe80::1%lo]:1"}) {
    EXPECT_FALSE(parse_tcp_address(text)) << text;
  }
}

}  // namespace
}  // namespace berth
