// model/cron_schedule.cpp - see cron_schedule.hpp.
#include "model/cron_schedule.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace berth::model {
namespace {

namespace ch = std::chrono;
using LocalMinutes = ch::sys_time<ch::minutes>;  ///< What the clocks say, as if it were UTC.

Error wrong(std::string message) { return {ErrorCode::InvalidArgument, std::move(message)}; }

struct Bounds {
  unsigned low;
  unsigned high;
  std::vector<std::string_view> names;  ///< Of low, low + 1, ...
};

const std::array<Bounds, 5>& bounds() {
  static const std::array<Bounds, 5> all{
      Bounds{0, 59, {}},
      {0, 23, {}},
      {1, 31, {}},
      {1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      {0, 6, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
  };
  return all;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = std::min(text.find(at), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  for (auto begin = text.find_first_not_of(kBlanks); begin != std::string_view::npos;
       begin = text.find_first_not_of(kBlanks, begin)) {
    const auto end = std::min(text.find_first_of(kBlanks, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

Result<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (text.starts_with('-')) return wrong(fmt::format("negative number ({}) not allowed: {}", text, text));
  if (error != std::errc() || rest != end) return wrong(fmt::format("failed to parse int from {}", text));
  return value;
}

Result<unsigned> number_or_name(std::string_view text, const Bounds& bound) {
  const auto found = std::find(bound.names.begin(), bound.names.end(), lower(text));
  if (found != bound.names.end()) return bound.low + static_cast<unsigned>(found - bound.names.begin());
  return number(text);
}

struct Range {
  std::uint64_t bits = 0;
  bool any = false;  ///< "*" or "?".
};

/// "*", "5", "1-5", "*/2", "1-30/5", "10/5": from 10 on.
Result<Range> read_range(std::string_view text, const Bounds& bound) {
  const auto by_step = split(text, '/');
  const auto ends = split(by_step[0], '-');
  if (by_step.size() > 2) return wrong(fmt::format("too many slashes: {}", text));
  Range range;
  auto low = bound.low;
  auto high = bound.high;
  if (ends[0] == "*" || ends[0] == "?") {
    if (ends.size() > 1) return wrong(fmt::format("failed to parse range: {}", text));
    range.any = true;
  } else {
    if (ends.size() > 2) return wrong(fmt::format("too many hyphens: {}", text));
    const auto first = number_or_name(ends[0], bound);
    if (!first) return first.error();
    low = high = *first;
    if (ends.size() == 2) {
      const auto last = number_or_name(ends[1], bound);
      if (!last) return last.error();
      high = *last;
    } else if (by_step.size() == 2) {
      high = bound.high;
    }
  }
  unsigned step = 1;
  if (by_step.size() == 2) {
    const auto said = number(by_step[1]);
    if (!said) return said.error();
    step = *said;
    if (step > 1) range.any = false;  // "*/2" is a choice.
  }
  if (low < bound.low)
    return wrong(fmt::format("beginning of range ({}) below minimum ({}): {}", low, bound.low, text));
  if (high > bound.high) return wrong(fmt::format("end of range ({}) above maximum ({}): {}", high, bound.high, text));
  if (low > high) return wrong(fmt::format("beginning of range ({}) beyond end of range ({}): {}", low, high, text));
  if (step == 0) return wrong(fmt::format("step of range should be a positive number: {}", text));
  for (auto value = low; value <= high; value += std::min(step, 64U)) range.bits |= std::uint64_t{1} << value;
  return range;
}

Result<Range> read_field(std::string_view text, const Bounds& bound) {
  Range all;
  for (const auto part : split(text, ',')) {
    if (part.empty()) continue;
    const auto range = read_range(part, bound);
    if (!range) return range.error();
    all.bits |= range->bits;
    all.any = all.any || range->any;
  }
  if (all.bits == 0) return wrong(fmt::format("failed to parse int from {}", text));
  return all;
}

/// "1h30m", "90s": whole seconds.
Result<ch::seconds> read_duration(std::string_view text) {
  ch::seconds total{0};
  const auto whole = text;
  while (!text.empty()) {
    const auto unit_at = text.find_first_not_of("0123456789");
    if (unit_at == 0 || unit_at == std::string_view::npos || unit_at > 9) break;
    const auto amount = number(text.substr(0, unit_at));
    const auto unit = text[unit_at];
    if (!amount || (unit != 'h' && unit != 'm' && unit != 's')) break;
    total += ch::seconds(std::int64_t{*amount} * (unit == 'h' ? 3600 : unit == 'm' ? 60 : 1));
    text.remove_prefix(unit_at + 1);
  }
  if (!text.empty() || whole.empty()) return wrong(fmt::format("failed to parse duration @every {}", whole));
  return std::max(total, ch::seconds(1));
}

constexpr std::pair<std::string_view, std::string_view> kDescriptors[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
};

bool has(std::uint64_t bits, unsigned value) { return (bits >> value & 1U) != 0; }

constexpr std::uint64_t kEveryHour = (std::uint64_t{1} << 24U) - 1;

}  // namespace

Result<CronSchedule> CronSchedule::parse(std::string_view text) {
  CronSchedule schedule;
  if (text.empty()) return wrong("empty spec string");
  if (text.front() == '@') {
    constexpr std::string_view kEvery = "@every ";
    if (text.starts_with(kEvery)) {
      const auto every = read_duration(text.substr(kEvery.size()));
      if (!every) return every.error();
      schedule.every_ = *every;
      return schedule;
    }
    const auto* const found = std::find_if(std::begin(kDescriptors), std::end(kDescriptors),
                                           [&](const auto& each) { return each.first == text; });
    if (found == std::end(kDescriptors)) return wrong(fmt::format("unrecognized descriptor: {}", text));
    text = found->second;
  }
  const auto words = words_of(text);
  if (words.size() != bounds().size()) {
    return wrong(fmt::format("expected exactly 5 fields, found {}: [{}]", words.size(), fmt::join(words, " ")));
  }
  std::array<Range, 5> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto field = read_field(words[i], bounds().at(i));
    if (!field) return field.error();
    fields.at(i) = *field;
  }
  schedule.minutes_ = fields[0].bits;
  schedule.hours_ = fields[1].bits;
  schedule.days_ = fields[2].bits;
  schedule.months_ = fields[3].bits;
  schedule.weekdays_ = fields[4].bits;
  schedule.any_day_ = fields[2].any;
  schedule.any_weekday_ = fields[4].any;
  return schedule;
}

bool CronSchedule::matches_day(ch::sys_days day) const {
  const auto of_month = has(days_, unsigned{ch::year_month_day(day).day()});
  const auto of_week = has(weekdays_, ch::weekday(day).c_encoding());
  return any_day_ || any_weekday_ ? of_month && of_week : of_month || of_week;
}

/// The first minute from `from` on that matches.
std::optional<LocalMinutes> CronSchedule::next_local(LocalMinutes from) const {
  // February 29th may be eight years away, and on one day of the week forty.
  constexpr auto kFarthest = ch::days(41 * 366);
  const auto today = ch::floor<ch::days>(from);
  for (auto day = today; day < today + kFarthest;) {
    const ch::year_month_day date(day);
    if (!has(months_, unsigned{date.month()})) {
      day = ch::sys_days((date.year() / date.month() + ch::months(1)) / 1);
      continue;
    }
    if (matches_day(day)) {
      const auto begin = std::max(LocalMinutes(day), from) - LocalMinutes(day);
      for (auto minute = static_cast<unsigned>(begin.count()); minute < 24 * 60;) {
        if (!has(hours_, minute / 60)) {
          minute = (minute / 60 + 1) * 60;
        } else if (!has(minutes_, minute % 60)) {
          ++minute;
        } else {
          return LocalMinutes(day) + ch::minutes(minute);
        }
      }
    }
    day += ch::days(1);
  }
  return std::nullopt;
}

std::optional<WallTime> CronSchedule::next(WallTime after, const TimeZone& zone) const {
  if (every_) return WallTime(ch::floor<ch::seconds>(after) + *every_);
  const auto own_hours = hours_ != kEveryHour;
  TimeZone::Time at = ch::floor<ch::minutes>(after) + ch::minutes(1);
  constexpr int kPeriods = 200;
  for (int i = 0; i < kPeriods; ++i) {
    const auto period = zone.period_at(at);
    auto from = at + period.offset;
    if (own_hours && period.begin != TimeZone::Time::min()) {
      const auto shown_before = period.begin + zone.period_at(period.begin - ch::seconds(1)).offset;
      if (at == period.begin && shown_before < from) {
        const auto left_out = next_local(ch::ceil<ch::minutes>(shown_before));
        if (left_out && *left_out < from) return WallTime(at);
      }
      // What the clocks showed before they were set back has been.
      from = std::max(from, shown_before);
    }
    const auto found = next_local(ch::ceil<ch::minutes>(from));
    if (!found) return std::nullopt;
    if (*found - period.offset < period.end) return WallTime(*found - period.offset);
    at = period.end;
  }
  return std::nullopt;
}

}  // namespace berth::model
