// base/time_zone.hpp - what the clocks on the wall say in a place: the time zone database, read from its files.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth {

/// One zone of the IANA database (tzfile(5), RFC 9636). A value; any thread.
class TimeZone {
 public:
  using Time = std::chrono::sys_seconds;

  /// A time during which the offset from UTC is one.
  struct Period {
    Time begin;  ///< Time::min(): since ever.
    Time end;    ///< Not included. Time::max(): for ever.
    std::chrono::seconds offset{0};
  };

  TimeZone() = default;  ///< UTC.

  /// "Europe/Luxembourg", from /usr/share/zoneinfo; "UTC" needs no file. InvalidArgument: there is no such zone.
  static Result<TimeZone> load(std::string_view name);
  /// The bytes of such a file. InvalidArgument: they are not one.
  static Result<TimeZone> parse(std::string_view bytes);

  Period period_at(Time time) const;

 private:
  struct Change {
    Time at;
    std::chrono::seconds offset;
  };
  /// "M3.5.0/2", "J60", "59": a day of each year and a time on it.
  struct YearDay {
    char form = 'M';  ///< 'M', 'J', or '0' for a day that counts from 0 and knows leap days.
    int month = 0;
    int week = 0;
    int day = 0;
    std::chrono::seconds time{7200};

    Time in(std::chrono::year year, std::chrono::seconds offset) const;
  };
  /// The rule for the time after the last change: "CET-1CEST,M3.5.0,M10.5.0/3".
  struct Rule {
    std::chrono::seconds standard{0};
    std::chrono::seconds summer{0};
    std::optional<YearDay> begins;  ///< Of summer time; unset: there is none.
    YearDay ends;
  };
  class RuleReader;

  std::vector<Change> changes_by_rule(Time around) const;

  std::chrono::seconds first_{0};  ///< Before the first change.
  std::vector<Change> changes_;
  std::optional<Rule> rule_;
};

}  // namespace berth
