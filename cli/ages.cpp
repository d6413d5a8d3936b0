// cli/ages.cpp - times as people read them.
#include "cli/ages.hpp"

#include <charconv>
#include <ctime>

#include <fmt/format.h>

namespace berth::cli {

std::optional<WallClock::time_point> parse_time(std::string_view text) {
  std::tm parts{};
  const auto number = [&](std::size_t at, std::size_t size, int& into) {
    if (text.size() < at + size) return false;
    const auto* end = text.data() + at + size;
    const auto [stop, error] = std::from_chars(text.data() + at, end, into);
    return error == std::errc() && stop == end;
  };
  if (!number(0, 4, parts.tm_year) || !number(5, 2, parts.tm_mon) || !number(8, 2, parts.tm_mday) ||
      !number(11, 2, parts.tm_hour) || !number(14, 2, parts.tm_min) || !number(17, 2, parts.tm_sec)) {
    return std::nullopt;
  }
  if (text.back() != 'Z') return std::nullopt;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return WallClock::from_time_t(::timegm(&parts));
}

std::string human_duration(std::chrono::seconds duration) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  constexpr std::int64_t kYear = 365 * kDay;
  const auto seconds = duration.count();
  const auto two = [](std::int64_t large, char large_unit, std::int64_t small, char small_unit) {
    return small == 0 ? fmt::format("{}{}", large, large_unit)
                      : fmt::format("{}{}{}{}", large, large_unit, small, small_unit);
  };
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 2 * kMinute) return fmt::format("{}s", seconds);
  if (seconds < 10 * kMinute) return two(seconds / kMinute, 'm', seconds % kMinute, 's');
  if (seconds < 3 * kHour) return fmt::format("{}m", seconds / kMinute);
  if (seconds < 8 * kHour) return two(seconds / kHour, 'h', seconds / kMinute % 60, 'm');
  if (seconds < 2 * kDay) return fmt::format("{}h", seconds / kHour);
  if (seconds < 8 * kDay) return two(seconds / kDay, 'd', seconds / kHour % 24, 'h');
  if (seconds < 2 * kYear) return fmt::format("{}d", seconds / kDay);
  if (seconds < 8 * kYear) return two(seconds / kYear, 'y', seconds / kDay % 365, 'd');
  return fmt::format("{}y", seconds / kYear);
}

std::string age_text(std::string_view since, WallClock::time_point now) {
  const auto time = parse_time(since);
  if (!time) return "<unknown>";
  return human_duration(std::chrono::duration_cast<std::chrono::seconds>(now - *time));
}

std::string rfc1123_time(std::string_view text) {
  const auto time = parse_time(text);
  if (!time) return std::string(text);
  const auto seconds = WallClock::to_time_t(*time);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char out[64];
  const auto size = std::strftime(out, sizeof(out), "%a, %d %b %Y %H:%M:%S %z", &parts);
  return {out, size};
}

}  // namespace berth::cli
