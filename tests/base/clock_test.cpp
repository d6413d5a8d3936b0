// tests/base/clock_test.cpp - RFC 3339 both ways.
#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

using std::chrono::seconds;

WallTime at(std::int64_t epoch_seconds) { return WallTime{seconds{epoch_seconds}}; }

TEST(Clock, WritesWholeSecondsInUtc) {
  EXPECT_EQ(format_rfc3339(at(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(at(1'795'253'113) + std::chrono::milliseconds{999}), "2026-11-21T09:25:13Z");
}

TEST(Clock, WritesMicroseconds) {
  EXPECT_EQ(format_rfc3339_micro(at(1'795'253'113) + std::chrono::microseconds{1'234}), "2026-11-21T09:25:13.001234Z");
}

TEST(Clock, WritesTimesBeforeTheEpochWithoutNegativeFractions) {
  EXPECT_EQ(format_rfc3339_micro(at(0) - std::chrono::microseconds{1}), "1969-12-31T23:59:59.999999Z");
}

TEST(Clock, ReadsEveryFormOfRfc3339) {
  struct Case {
    const char* text;
    WallTime time;
  };
  const Case cases[] = {
      {"2026-11-21T09:25:13Z", at(1'795'253'113)},
      {"2026-11-21t09:25:13z", at(1'795'253'113)},
      {"2026-11-21T10:55:13+01:30", at(1'795'253'113)},
      {"2026-11-21T01:25:13-08:00", at(1'795'253'113)},
      {"2026-11-21T09:25:13.5Z", at(1'795'253'113) + std::chrono::milliseconds{500}},
      {"2026-11-21T09:25:13.123456789123Z", at(1'795'253'113) + std::chrono::nanoseconds{123'456'789}},
      {"2024-02-29T00:00:00Z", at(1'709'164'800)},
      {"2016-12-31T23:59:60Z", at(1'483'228'800)},
  };
  for (const auto& each : cases) {
    const auto time = parse_rfc3339(each.text);
    ASSERT_TRUE(time.ok()) << each.text << ": " << time.error().message();
    EXPECT_EQ(*time, each.time) << each.text;
  }
}

TEST(Clock, RefusesWhatIsNotRfc3339) {
  for (const char* text :
       {"", "2026", "2026-11-21", "2026-11-21T09:25:13", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T09:60:13Z", "2026-11-21T09:25:61Z", "2026-11-21T09:25:13.Z",
        "2026-11-21T09:25:13Zx", "2026-11-21 09:25:13Z", "2026-11-21T09:25:13+25:00", "+026-11-21T09:25:13Z"}) {
    EXPECT_TRUE(failed_with(parse_rfc3339(text), ErrorCode::InvalidArgument)) << text;
  }
}

TEST(Clock, TimesBeyondWhatItCountsAreAsFarAwayAsCanBe) {
  const auto first = parse_rfc3339("0001-01-01T00:00:00Z");
  const auto last = parse_rfc3339("9999-12-31T23:59:59Z");
  ASSERT_TRUE(first && last);
  EXPECT_LT(*first, *parse_rfc3339("1700-01-01T00:00:00Z"));
  EXPECT_GT(*last, *parse_rfc3339("2260-01-01T00:00:00Z"));
}

}  // namespace
}  // namespace berth
