// base/clock.cpp - RFC 3339 text to time points and back.
#include "base/clock.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace berth {
namespace {

using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// "2026-11-21T09:25:13", from whole seconds since the epoch.
std::string format_seconds(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

/// Reads fixed-width fields from the front of a text; any mismatch makes it bad for good.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int digits(std::size_t count) {
    if (rest_.size() < count) return fail();
    int value = 0;
    for (const char c : rest_.substr(0, count)) {
      if (c < '0' || c > '9') return fail();
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  /// The next character if it is one of `allowed`, else 0.
  char take(std::string_view allowed) {
    if (rest_.empty() || allowed.find(rest_.front()) == std::string_view::npos) return 0;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  void expect(std::string_view allowed) {
    if (take(allowed) == 0) fail();
  }

  /// ".123456" as nanoseconds; digits below a nanosecond are dropped.
  nanoseconds fraction() {
    if (take(".,") == 0) return {};
    std::int64_t value = 0;
    std::int64_t scale = 1'000'000'000;
    if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') fail();
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      scale /= 10;
      value += scale * (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return nanoseconds{value};
  }

  bool done() const { return good_ && rest_.empty(); }

 private:
  int fail() {
    good_ = false;
    return 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

std::optional<WallTime> scan_rfc3339(std::string_view text) {
  Scanner scan(text);
  const int year = scan.digits(4);
  scan.expect("-");
  const int month = scan.digits(2);
  scan.expect("-");
  const int day = scan.digits(2);
  scan.expect("Tt");
  const int hour = scan.digits(2);
  scan.expect(":");
  const int minute = scan.digits(2);
  scan.expect(":");
  const int second = scan.digits(2);  // 60 is a leap second, RFC 3339 section 5.6
  const nanoseconds fraction = scan.fraction();
  std::chrono::minutes offset{};
  if (const char sign = scan.take("Zz+-"); sign == '+' || sign == '-') {
    const int hours = scan.digits(2);
    scan.expect(":");
    const int minutes = scan.digits(2);
    if (hours > 23 || minutes > 59) return std::nullopt;
    offset = std::chrono::minutes{(hours * 60 + minutes) * (sign == '-' ? -1 : 1)};
  } else if (sign == 0) {
    return std::nullopt;
  }
  if (!scan.done() || hour > 23 || minute > 59 || second > 60) return std::nullopt;

  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  const std::chrono::sys_seconds whole =
      std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} + seconds{second} - offset;
  // system_clock counts nanoseconds in 64 bits: it ends in 1677 and 2262. Times beyond are times all the same (the zero
  // time of Go's programs is the year 1), and as far away as can be.
  constexpr auto kLimit = std::chrono::duration_cast<seconds>(WallTime::duration::max()) - seconds{1};
  const auto within = std::clamp<seconds>(whole.time_since_epoch(), -kLimit, kLimit);
  return WallTime{within} + std::chrono::duration_cast<WallTime::duration>(fraction);
}

}  // namespace

std::string format_rfc3339(WallTime time) { return format_seconds(std::chrono::floor<seconds>(time)) + "Z"; }

std::string format_rfc3339_micro(WallTime time) {
  const auto whole = std::chrono::floor<seconds>(time);
  const auto micros = std::chrono::floor<microseconds>(time - whole);
  return fmt::format("{}.{:06}Z", format_seconds(whole), micros.count());
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  if (const auto time = scan_rfc3339(text)) return *time;
  return Error(ErrorCode::InvalidArgument,
               fmt::format("\"{}\" is not an RFC 3339 time such as 2026-11-21T09:25:13Z", text.substr(0, 64)));
}

}  // namespace berth
