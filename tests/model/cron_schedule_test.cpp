// tests/model/cron_schedule_test.cpp - schedules: what they say, and when that is.
#include "model/cron_schedule.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace berth::model {
namespace {

WallTime at(std::string_view text) { return *parse_rfc3339(text); }

std::string next(std::string_view schedule, std::string_view after, const TimeZone& zone = {}) {
  const auto parsed = CronSchedule::parse(schedule);
  if (!parsed) return "wrong: " + parsed.error().message();
  const auto time = parsed->next(at(after), zone);
  return time ? format_rfc3339(*time) : "never";
}

TEST(CronSchedule, FindsTheNextTime) {
  struct Case {
    const char* schedule;
    const char* after;
    const char* next;
  };
  const Case cases[] = {
      {"* * * * *", "2026-11-29T10:00:00Z", "2026-11-29T10:01:00Z"},
      {"* * * * *", "2026-11-29T10:00:59Z", "2026-11-29T10:01:00Z"},
      {"*/15 * * * *", "2026-11-29T10:46:00Z", "2026-11-29T11:00:00Z"},
      {"5/20 * * * *", "2026-11-29T10:26:00Z", "2026-11-29T10:45:00Z"},
      {"10-20/5 * * * *", "2026-11-29T10:20:00Z", "2026-11-29T11:10:00Z"},
      {"0,30 8-10 * * *", "2026-11-29T10:30:00Z", "2026-11-30T08:00:00Z"},
      {"0 0 1 * *", "2026-11-29T10:00:00Z", "2026-12-01T00:00:00Z"},
      {"0 0 1 1 *", "2026-11-29T10:00:00Z", "2027-01-01T00:00:00Z"},
      {"0 12 * * mon", "2026-11-29T10:00:00Z", "2026-11-30T12:00:00Z"},  // 29th is a Sunday
      {"0 12 * * 0", "2026-11-29T10:00:00Z", "2026-11-29T12:00:00Z"},
      {"0 12 * * MON-FRI", "2026-11-27T13:00:00Z", "2026-11-30T12:00:00Z"},
      {"0 0 * feb *", "2026-11-29T10:00:00Z", "2027-02-01T00:00:00Z"},
      {"0 0 29 2 *", "2026-11-29T10:00:00Z", "2028-02-29T00:00:00Z"},
      {"0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},  // 2100 has none
      {"59 23 31 2 *", "2026-11-29T10:00:00Z", "never"},
      // Day of the month or of the week, when both are said; a step is saying something.
      {"0 0 13 * fri", "2026-11-29T00:00:00Z", "2026-12-04T00:00:00Z"},
      {"0 0 13 * fri", "2026-12-12T00:00:00Z", "2026-12-13T00:00:00Z"},
      {"0 0 */2 * sun", "2026-11-29T00:00:00Z", "2026-12-01T00:00:00Z"},
      {"0 0 ? * sun", "2026-11-29T00:00:00Z", "2026-12-06T00:00:00Z"},
      {"0 0 13 * ?", "2026-11-29T00:00:00Z", "2026-12-13T00:00:00Z"},
      {"0 0 */1 * sun", "2026-11-30T00:00:00Z", "2026-12-06T00:00:00Z"},
      {"@hourly", "2026-11-29T10:00:00Z", "2026-11-29T11:00:00Z"},
      {"@daily", "2026-11-29T10:00:00Z", "2026-11-30T00:00:00Z"},
      {"@midnight", "2026-11-29T10:00:00Z", "2026-11-30T00:00:00Z"},
      {"@weekly", "2026-11-29T10:00:00Z", "2026-12-06T00:00:00Z"},
      {"@monthly", "2026-11-29T10:00:00Z", "2026-12-01T00:00:00Z"},
      {"@yearly", "2026-11-29T10:00:00Z", "2027-01-01T00:00:00Z"},
      {"@annually", "2026-11-29T10:00:00Z", "2027-01-01T00:00:00Z"},
      {"@every 1h30m", "2026-11-29T10:00:05Z", "2026-11-29T11:30:05Z"},
      {"@every 90s", "2026-11-29T10:00:05Z", "2026-11-29T10:01:35Z"},
      {" 0\t12  * * * ", "2026-11-29T10:00:00Z", "2026-11-29T12:00:00Z"},
  };
  for (const auto& one : cases) EXPECT_EQ(next(one.schedule, one.after), one.next) << one.schedule << " " << one.after;
}

TEST(CronSchedule, SaysWhatIsWrong) {
  struct Case {
    const char* schedule;
    const char* why;
  };
  const Case cases[] = {
      {"", "empty spec string"},
      {"* * * *", "expected exactly 5 fields, found 4: [* * * *]"},
      {"* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]"},
      {"60 * * * *", "end of range (60) above maximum (59): 60"},
      {"0 24 * * *", "end of range (24) above maximum (23): 24"},
      {"0 0 0 * *", "beginning of range (0) below minimum (1): 0"},
      {"0 0 * 13 *", "end of range (13) above maximum (12): 13"},
      {"0 0 * * 7", "end of range (7) above maximum (6): 7"},
      {"5-3 * * * *", "beginning of range (5) beyond end of range (3): 5-3"},
      {"*/0 * * * *", "step of range should be a positive number: */0"},
      {"1/2/3 * * * *", "too many slashes: 1/2/3"},
      {"1-2-3 * * * *", "too many hyphens: 1-2-3"},
      {"x * * * *", "failed to parse int from x"},
      {", * * * *", "failed to parse int from ,"},
      {"99999999999 * * * *", "failed to parse int from 99999999999"},
      {"0 0 * january *", "failed to parse int from january"},
      {"@noon", "unrecognized descriptor: @noon"},
      {"@every soon", "failed to parse duration @every soon"},
      {"@every 5", "failed to parse duration @every 5"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(next(one.schedule, "2026-11-29T10:00:00Z"), fmt::format("wrong: {}", one.why)) << one.schedule;
  }
}

class InLuxembourg : public testing::Test {
 protected:
  void SetUp() override {
    const auto found = TimeZone::load("Europe/Luxembourg");
    if (!found) GTEST_SKIP() << "no tzdata here";
    zone = *found;
  }
  TimeZone zone;
};

TEST_F(InLuxembourg, ClocksOnTheWallCount) {
  EXPECT_EQ(next("0 12 * * *", "2026-11-29T00:00:00Z", zone), "2026-11-29T11:00:00Z");
  EXPECT_EQ(next("0 12 * * *", "2026-07-29T00:00:00Z", zone), "2026-07-29T10:00:00Z");
  EXPECT_EQ(next("0 0 * * mon", "2026-11-29T12:00:00Z", zone), "2026-11-29T23:00:00Z") << "Monday begins earlier";
}

TEST_F(InLuxembourg, WhereClocksAreSetForwardATimeThatIsNotThereRunsAllTheSame) {
  // 2026-03-29: 02:00 is 03:00, at 01:00 UTC.
  EXPECT_EQ(next("30 2 * * *", "2026-03-28T12:00:00Z", zone), "2026-03-29T01:00:00Z");
  EXPECT_EQ(next("30 2 * * *", "2026-03-29T01:00:00Z", zone), "2026-03-30T00:30:00Z");
  EXPECT_EQ(next("15,45 2 * * *", "2026-03-29T00:59:00Z", zone), "2026-03-29T01:00:00Z") << "once for both";
  EXPECT_EQ(next("*/30 * * * *", "2026-03-29T00:45:00Z", zone), "2026-03-29T01:00:00Z");
  EXPECT_EQ(next("15 * * * *", "2026-03-29T00:15:00Z", zone), "2026-03-29T01:15:00Z") << "each hour there is";
}

TEST_F(InLuxembourg, WhereClocksAreSetBackATimeThatComesTwiceRunsOnce) {
  // 2026-10-25: 03:00 is 02:00, at 01:00 UTC.
  EXPECT_EQ(next("30 2 * * *", "2026-10-24T12:00:00Z", zone), "2026-10-25T00:30:00Z");
  EXPECT_EQ(next("30 2 * * *", "2026-10-25T00:30:00Z", zone), "2026-10-26T01:30:00Z");
  EXPECT_EQ(next("30 2 * * *", "2026-10-25T01:10:00Z", zone), "2026-10-26T01:30:00Z") << "asked in between";
  EXPECT_EQ(next("15 * * * *", "2026-10-25T00:15:00Z", zone), "2026-10-25T01:15:00Z");
  EXPECT_EQ(next("0 3 * * *", "2026-10-25T00:30:00Z", zone), "2026-10-25T02:00:00Z");
}

TEST_F(InLuxembourg, EveryDailyTimeOfTenYearsRunsOnceADay) {
  for (const auto* schedule : {"30 2 * * *", "0 0 * * *", "59 23 * * *", "0 3 * * *"}) {
    const auto parsed = CronSchedule::parse(schedule);
    auto time = at("2026-01-01T00:00:00Z");
    int runs = 0;
    while (time < at("2036-01-01T00:00:00Z")) {
      const auto following = parsed->next(time, zone);
      ASSERT_TRUE(following);
      ASSERT_GT(*following, time);
      const auto between = *following - time;
      EXPECT_LE(between, std::chrono::hours(26)) << schedule << " after " << format_rfc3339(time);
      EXPECT_TRUE(runs == 0 || between >= std::chrono::hours(22)) << schedule << " after " << format_rfc3339(time);
      time = *following;
      ++runs;
    }
    EXPECT_NEAR(runs, 3652, 2) << schedule;
  }
}

}  // namespace
}  // namespace berth::model
