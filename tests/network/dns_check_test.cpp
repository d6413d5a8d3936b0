// tests/network/dns_check_test.cpp - a DNS server that answers, one that says nothing, and none.
#include "network/dns_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "base/unique_fd.hpp"

namespace berth::network {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class DnsCheck : public testing::Test {
 protected:
  DnsCheck() {
    socklen_t size = sizeof at_;
    at_.sin_family = AF_INET;
    at_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(server_.get(), reinterpret_cast<sockaddr*>(&at_), size), 0);
    EXPECT_EQ(::getsockname(server_.get(), reinterpret_cast<sockaddr*>(&at_), &size), 0);
  }
  TcpAddress address() const { return {"127.0.0.1", ntohs(at_.sin_port)}; }

  UniqueFd server_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_in at_{};
};

TEST_F(DnsCheck, AnyAnswerToTheQuestionCounts) {
  std::array<std::uint8_t, 512> question{};
  ssize_t length = 0;
  std::thread server([&] {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* who = reinterpret_cast<sockaddr*>(&from);
    length = ::recvfrom(server_.get(), question.data(), question.size(), 0, who, &size);
    auto other = question;
    other[0] ^= 0xffU;  // Somebody else's answer.
    static_cast<void>(::sendto(server_.get(), other.data(), 12, 0, who, size));
    static_cast<void>(::sendto(server_.get(), question.data(), 12, 0, who, size));
  });
  const auto checked = check_dns_server(address(), "cluster.local", std::chrono::seconds(30));
  server.join();
  EXPECT_TRUE(checked.ok()) << checked.error().message();
  ASSERT_EQ(length, 12 + 15 + 4) << "a header, the name, its type and class";
  EXPECT_EQ(question[5], 1) << "one question";
  EXPECT_EQ(question[12], 7) << "cluster";
  EXPECT_EQ(question[12 + 15 + 1], 6) << "SOA";
}

TEST_F(DnsCheck, SilenceAndAClosedPortAreSaid) {
  const auto silent = check_dns_server(address(), "cluster.local", milliseconds(1));
  ASSERT_FALSE(silent.ok());
  EXPECT_EQ(silent.error().code(), ErrorCode::Unavailable);
  EXPECT_THAT(silent.error().message(), HasSubstr("by UDP: no answer"));
  server_.reset();
  const auto closed = check_dns_server(address(), "cluster.local", std::chrono::seconds(30));
  ASSERT_FALSE(closed.ok());
  EXPECT_THAT(closed.error().message(), HasSubstr("onnection refused"));
}

}  // namespace
}  // namespace berth::network
