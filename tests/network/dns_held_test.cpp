// tests/network/dns_held_test.cpp - which questions wait, how many, and for how long: on a clock of the test's own.
#include <gtest/gtest.h>

#include "network/dns/held.hpp"

namespace berth::network::dns {
namespace {

using std::chrono::milliseconds;

constexpr HoldLimits kLimits{.longest = milliseconds(250), .questions = 3, .per_source = 2};
constexpr SteadyTime kBegin{std::chrono::seconds(100)};

HeldQuestion question(std::uint8_t number, const char* source = "10.98.0.2") {
  return {{number}, *IpAddress::parse(source), /*tcp=*/false, {}};
}

std::string numbers(const std::vector<HeldQuestion>& questions) {
  std::string out;
  for (const auto& each : questions) out += std::to_string(each.packet.front());
  return out;
}

TEST(HeldQuestions, WaitForAsLongAsIsSaidAndNoLonger) {
  HeldQuestions held(kLimits);
  EXPECT_FALSE(held.next_due()) << "nobody wakes for nothing";
  held.hold(question(1), kBegin);
  held.hold(question(2), kBegin + milliseconds(100));
  EXPECT_EQ(held.next_due(), kBegin + milliseconds(250));
  EXPECT_EQ(numbers(held.expire(kBegin + milliseconds(249))), "");
  EXPECT_EQ(numbers(held.expire(kBegin + milliseconds(250))), "1");
  EXPECT_EQ(held.next_due(), kBegin + milliseconds(350));
  EXPECT_EQ(numbers(held.expire(kBegin + milliseconds(500))), "2");
  EXPECT_FALSE(held.next_due());
}

TEST(HeldQuestions, ThoseThatHaveTheirAnswerGoOutInOrderAndTheOthersKeepTheirTime) {
  HeldQuestions held(kLimits);
  for (std::uint8_t i = 1; i <= 3; ++i) held.hold(question(i), kBegin + milliseconds(i));
  EXPECT_EQ(numbers(held.take([](const auto& each) { return each.packet.front() != 2; })), "13");
  EXPECT_EQ(held.size(), 1U);
  EXPECT_EQ(held.next_due(), kBegin + milliseconds(252));
}

TEST(HeldQuestions, OneClientCannotTakeAllTheRoomAndAllTogetherNoMoreThanThereIs) {
  HeldQuestions held(kLimits);
  const auto first = *IpAddress::parse("10.98.0.2");
  const auto second = *IpAddress::parse("10.98.0.3");
  held.hold(question(1), kBegin);
  held.hold(question(2), kBegin);
  EXPECT_FALSE(held.has_room(first));
  EXPECT_TRUE(held.has_room(second));
  held.hold(question(3, "10.98.0.3"), kBegin);
  EXPECT_FALSE(held.has_room(second)) << "three in all";
  held.expire(kBegin + milliseconds(250));
  EXPECT_TRUE(held.has_room(first));
}

TEST(HeldQuestions, WithoutATimeNoneWaits) {
  EXPECT_FALSE(HeldQuestions({.longest = milliseconds(0)}).has_room(*IpAddress::parse("10.98.0.2")));
}

}  // namespace
}  // namespace berth::network::dns
