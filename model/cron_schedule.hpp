// model/cron_schedule.hpp - the times of a CronJob: "*/5 8-17 * * mon-fri", "@daily", "@every 90m". Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/time_zone.hpp"

namespace berth::model {

/// As Kubernetes reads a schedule: five fields, with names, lists, ranges and steps. When day of the month and day of
/// the week are both said, either will do.
class CronSchedule {
 public:
  /// InvalidArgument in the words of Kubernetes' parser.
  static Result<CronSchedule> parse(std::string_view text);

  /// The first time after `after`, by the clocks of `zone`; nullopt: there is none ("0 0 30 2 *").
  ///
  /// Where clocks are set forward, a schedule with hours of its own runs at that moment for the times that do not
  /// exist; where they are set back, it runs once for those that come twice. One that runs every hour goes on every
  /// hour.
  std::optional<WallTime> next(WallTime after, const TimeZone& zone) const;

  /// The time between two, when that is all it says ("@every 90m").
  std::optional<std::chrono::seconds> every() const { return every_; }

 private:
  bool matches_day(std::chrono::sys_days day) const;
  std::optional<std::chrono::sys_time<std::chrono::minutes>> next_local(
      std::chrono::sys_time<std::chrono::minutes> from) const;

  // A bit for each value.
  std::uint64_t minutes_ = 0;
  std::uint64_t hours_ = 0;
  std::uint64_t days_ = 0;
  std::uint64_t months_ = 0;
  std::uint64_t weekdays_ = 0;
  bool any_day_ = false;
  bool any_weekday_ = false;
  std::optional<std::chrono::seconds> every_;  ///< "@every 90m": instead of all that.
};

}  // namespace berth::model
