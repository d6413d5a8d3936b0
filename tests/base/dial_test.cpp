// tests/base/dial_test.cpp - TCP connections within a deadline.
#include "base/dial.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace berth {
namespace {

constexpr std::chrono::milliseconds kDeadline{2000};

TEST(Dial, ReachesWhoListensAndSaysWhenNobodyDoes) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const TcpAddress to{"127.0.0.1", ntohs(address.sin_port)};
  EXPECT_TRUE(dial_tcp(to, kDeadline));
  listener.reset();
  const auto refused = dial_tcp(to, kDeadline);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(refused.error().message(), "dial tcp " + to.text() + ": connect: connection refused");
}

TEST(Dial, WantsAnAddressAndNoName) {
  for (const auto* host : {"localhost", "", "127.0.0.1.", "::1%lo"}) {
    const auto got = dial_tcp({host, 80}, kDeadline);
    ASSERT_FALSE(got) << host;
    EXPECT_EQ(got.error().code(), ErrorCode::InvalidArgument) << host;
  }
}

}  // namespace
}  // namespace berth
