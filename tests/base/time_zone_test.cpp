// tests/base/time_zone_test.cpp - offsets from UTC, from the files of the time zone database.
#include "base/time_zone.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/clock.hpp"

namespace berth {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TimeZone::Time at(std::string_view text) { return std::chrono::floor<seconds>(*parse_rfc3339(text)); }

std::string big_endian(std::int64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xffU);
  return out;
}

/// A file of version 2 as zic(8) writes it: two offsets, one change, and a rule for what follows.
std::string small_file(const std::string& rule) {
  const auto block = [](int time_bytes) {
    std::string out = "TZif2" + std::string(15, '\0');
    for (const auto count : {0, 0, 0, 1, 2, 8}) out += big_endian(count, 4);
    out += big_endian(946684800, time_bytes);               // 2000-01-01
    out += std::string("\x01", 1);                          // to the second
    out += big_endian(0, 4) + std::string("\0\0", 2);       // UTC
    out += big_endian(3600, 4) + std::string("\0\x04", 2);  // an hour more
    return out + std::string("UTC\0CET\0", 8);
  };
  return block(4) + block(8) + "\n" + rule + "\n";
}

TEST(TimeZone, ReadsChangesAndTheRuleAfterThem) {
  const auto zone = TimeZone::parse(small_file("CET-1CEST,M3.5.0,M10.5.0/3"));
  ASSERT_TRUE(zone) << zone.error().message();
  EXPECT_EQ(zone->period_at(at("1999-06-01T00:00:00Z")).offset, hours(0));
  EXPECT_EQ(zone->period_at(at("1999-06-01T00:00:00Z")).end, at("2000-01-01T00:00:00Z"));
  EXPECT_EQ(zone->period_at(at("2000-01-01T00:00:00Z")).offset, hours(1));
  const auto summer = zone->period_at(at("2026-07-01T00:00:00Z"));
  EXPECT_EQ(summer.offset, hours(2));
  EXPECT_EQ(summer.begin, at("2026-03-29T01:00:00Z"));
  EXPECT_EQ(summer.end, at("2026-10-25T01:00:00Z"));
  const auto winter = zone->period_at(summer.end);
  EXPECT_EQ(winter.offset, hours(1));
  EXPECT_EQ(winter.begin, summer.end);
  EXPECT_EQ(winter.end, at("2027-03-28T01:00:00Z"));
}

TEST(TimeZone, ReadsEveryFormOfARule) {
  const auto offset = [](const std::string& rule, std::string_view time) {
    const auto zone = TimeZone::parse(small_file(rule));
    return zone ? zone->period_at(at(time)).offset : seconds(-1);
  };
  EXPECT_EQ(offset("<+0330>-3:30", "2030-01-01T00:00:00Z"), seconds(3600));  // the last change stands
  EXPECT_EQ(offset("EST5EDT,M3.2.0,M11.1.0", "2030-07-01T00:00:00Z"), hours(-4));
  EXPECT_EQ(offset("EST5EDT,M3.2.0,M11.1.0", "2030-12-01T00:00:00Z"), hours(-5));
  EXPECT_EQ(offset("NZST-12NZDT,M9.5.0,M4.1.0/3", "2030-01-01T00:00:00Z"), hours(13));  // over the new year
  EXPECT_EQ(offset("IST-1GMT0,M10.5.0,M3.5.0/1", "2030-01-01T00:00:00Z"), hours(0));    // summer is the standard
  EXPECT_EQ(offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2030-07-01T00:00:00Z"), hours(-1));
  EXPECT_EQ(offset("AAA3BBB,J60,J300", "2028-02-29T12:00:00Z"), hours(-3));  // J60 is March 1st, each year
  EXPECT_EQ(offset("AAA3BBB,J60,J300", "2028-03-01T12:00:00Z"), hours(-2));
  EXPECT_EQ(offset("AAA3BBB,59,300", "2028-02-29T12:00:00Z"), hours(-2));  // and 59 is February 29th, when there is one
  for (const auto* rule : {"CET", "CET-1CEST", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0", "-1", "CET-1,junk",
                           "CET-1CEST,M3.5.0,M10.5.0junk", "CET-1CEST,J0,J1"}) {
    EXPECT_FALSE(TimeZone::parse(small_file(rule))) << rule;
  }
}

TEST(TimeZone, AFileThatIsCutOrSpoiledIsRefusedOrRead) {
  const auto whole = small_file("CET-1CEST,M3.5.0,M10.5.0/3");
  for (std::size_t size = 0; size + 32 < whole.size(); ++size) {
    EXPECT_FALSE(TimeZone::parse(whole.substr(0, size))) << size;
  }
  std::mt19937 random(3);
  for (int run = 0; run < 5000; ++run) {
    auto spoiled = whole;
    for (int i = 0; i < 3; ++i) spoiled[random() % spoiled.size()] = static_cast<char>(random());
    if (const auto zone = TimeZone::parse(spoiled)) (void)zone->period_at(at("2026-07-01T00:00:00Z"));
  }
}

TEST(TimeZone, NamesThatAreNoneAreRefusedAndNeverLeaveTheDirectory) {
  EXPECT_TRUE(TimeZone::load("UTC"));
  EXPECT_EQ(TimeZone().period_at(at("2026-07-01T00:00:00Z")).offset, hours(0));
  for (const auto* name : {"", "Mars/Phobos", "../../../etc/passwd", "/etc/localtime", "Europe/", "Europe", "tzdata.zi",
                           "Europe//London", "Local"}) {
    EXPECT_FALSE(TimeZone::load(name)) << name;
  }
}

TEST(TimeZone, TheHostsFilesAreRead) {
  const auto zone = TimeZone::load("Europe/Luxembourg");
  if (!zone) GTEST_SKIP() << "no tzdata here: " << zone.error().message();
  EXPECT_EQ(zone->period_at(at("2026-07-01T00:00:00Z")).offset, hours(2));
  EXPECT_EQ(zone->period_at(at("2026-12-01T00:00:00Z")).offset, hours(1));
  EXPECT_EQ(zone->period_at(at("2099-07-01T00:00:00Z")).offset, hours(2)) << "by the rule";
  for (const auto* name : {"America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Africa/Casablanca", "Etc/GMT+5",
                           "Australia/Lord_Howe", "Europe/Dublin"}) {
    const auto other = TimeZone::load(name);
    ASSERT_TRUE(other) << name << ": " << other.error().message();
    // Periods follow each other without a gap.
    auto period = other->period_at(at("2020-01-01T00:00:00Z"));
    for (int i = 0; i < 60 && period.end != TimeZone::Time::max(); ++i) {
      const auto next = other->period_at(period.end);
      EXPECT_EQ(next.begin, period.end) << name;
      period = next;
    }
  }
}

}  // namespace
}  // namespace berth
