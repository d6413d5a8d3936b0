// base/time_zone.cpp - see time_zone.hpp.
#include "base/time_zone.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/atomic_file.hpp"

namespace berth {
namespace {

using std::chrono::seconds;

constexpr const char* kDirectory = "/usr/share/zoneinfo/";
constexpr std::size_t kLongestName = 128;
constexpr std::size_t kLargestFile = 256 * 1024;

/// Letters, digits and what names of zones are made of; no way out of the directory.
bool is_zone_name(std::string_view name) {
  const auto is_fine = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '+' || c == '/';
  };
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), is_fine) &&
         name.front() != '/' && name.back() != '/' && name.find("//") == std::string_view::npos;
}

/// Takes big-endian numbers off the front of some bytes.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}

  bool has(std::size_t count) const { return rest_.size() >= count; }
  std::string_view take(std::size_t count) {
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(std::min(count, rest_.size()));
    return taken;
  }
  std::int64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    const auto taken = take(bytes);
    for (const auto c : taken) value = (value << 8U) | static_cast<unsigned char>(c);
    if (bytes == 4) return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
    return static_cast<std::int64_t>(value);
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

struct Header {
  char version = 0;
  std::size_t utc_marks = 0;
  std::size_t standard_marks = 0;
  std::size_t leaps = 0;
  std::size_t times = 0;
  std::size_t types = 0;
  std::size_t letters = 0;

  std::size_t size(std::size_t time_bytes) const {
    return times * (time_bytes + 1) + types * 6 + letters + leaps * (time_bytes + 4) + standard_marks + utc_marks;
  }
};

std::optional<Header> read_header(Bytes& bytes) {
  constexpr std::size_t kHeader = 44;
  if (!bytes.has(kHeader) || bytes.take(4) != "TZif") return std::nullopt;
  Header header;
  header.version = bytes.take(1).front();
  bytes.take(15);
  for (auto* field :
       {&header.utc_marks, &header.standard_marks, &header.leaps, &header.times, &header.types, &header.letters}) {
    const auto count = bytes.number(4);
    if (count < 0 || static_cast<std::size_t>(count) > kLargestFile) return std::nullopt;
    *field = static_cast<std::size_t>(count);
  }
  return header;
}

Error broken(std::string_view why) {
  return {ErrorCode::InvalidArgument, fmt::format("not a time zone file: {}", why)};
}

}  // namespace

/// Reads the last line of a file: POSIX' TZ, with the extensions of RFC 9636.
class TimeZone::RuleReader {
 public:
  explicit RuleReader(std::string_view text) : rest_(text) {}

  std::optional<Rule> read() {
    Rule rule;
    const auto standard = name() ? offset() : std::nullopt;
    if (!standard) return std::nullopt;
    rule.standard = -*standard;  // POSIX counts west of Greenwich.
    if (rest_.empty()) return rule;
    if (!name()) return std::nullopt;
    rule.summer = rule.standard + seconds(3600);
    if (!rest_.empty() && rest_.front() != ',') {
      const auto summer = offset();
      if (!summer) return std::nullopt;
      rule.summer = -*summer;
    }
    const auto begins = day();
    const auto ends = begins ? day() : std::nullopt;
    if (!ends || !rest_.empty()) return std::nullopt;
    rule.begins = begins;
    rule.ends = *ends;
    return rule;
  }

 private:
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::optional<int> number() {
    constexpr int kMost = 1000;
    std::size_t at = 0;
    int value = 0;
    for (; at < rest_.size() && rest_[at] >= '0' && rest_[at] <= '9' && value < kMost; ++at) {
      value = value * 10 + (rest_[at] - '0');
    }
    if (at == 0) return std::nullopt;
    rest_.remove_prefix(at);
    return value;
  }
  /// "CET", "<+03>".
  bool name() {
    const auto quoted = take('<');
    std::size_t at = 0;
    while (at < rest_.size() && (quoted ? rest_[at] != '>' : (rest_[at] | 0x20) >= 'a' && (rest_[at] | 0x20) <= 'z'))
      ++at;
    if (at == 0) return false;
    rest_.remove_prefix(at);
    return !quoted || take('>');
  }
  /// "-1", "5:30", "+167:00:00".
  std::optional<seconds> offset() {
    const auto negative = take('-');
    if (!negative) take('+');
    seconds total{0};
    for (const auto unit : {3600, 60, 1}) {
      const auto part = number();
      if (!part) return std::nullopt;
      total += seconds(*part * unit);
      if (!take(':')) break;
    }
    return negative ? -total : total;
  }
  std::optional<YearDay> day() {
    if (!take(',')) return std::nullopt;
    YearDay day;
    if (take('M')) {
      const auto month = number();
      const auto week = month && take('.') ? number() : std::nullopt;
      const auto weekday = week && take('.') ? number() : std::nullopt;
      if (!weekday || *month < 1 || *month > 12 || *week < 1 || *week > 5 || *weekday > 6) return std::nullopt;
      day.month = *month;
      day.week = *week;
      day.day = *weekday;
    } else {
      day.form = take('J') ? 'J' : '0';
      const auto number_of_day = number();
      if (!number_of_day || *number_of_day > 365 || (day.form == 'J' && *number_of_day == 0)) return std::nullopt;
      day.day = *number_of_day;
    }
    if (!take('/')) return day;
    const auto time = offset();
    if (!time) return std::nullopt;
    day.time = *time;
    return day;
  }

  std::string_view rest_;
};

TimeZone::Time TimeZone::YearDay::in(std::chrono::year year, seconds offset) const {
  namespace ch = std::chrono;
  ch::sys_days date;
  if (form == 'M') {
    const ch::month in_month(static_cast<unsigned>(month));
    const ch::weekday wanted(static_cast<unsigned>(day));
    constexpr int kLast = 5;
    date = week == kLast ? ch::sys_days(year / in_month / wanted[ch::last])
                         : ch::sys_days(year / in_month / wanted[static_cast<unsigned>(week)]);
  } else {
    date = ch::sys_days(year / 1 / 1) + ch::days(form == 'J' ? day - 1 : day);
    constexpr int kFebruaryEnds = 59;
    if (form == 'J' && year.is_leap() && day > kFebruaryEnds) date += ch::days(1);
  }
  return ch::time_point_cast<seconds>(date) + time - offset;
}

Result<TimeZone> TimeZone::load(std::string_view name) {
  if (name == "UTC") return TimeZone();
  if (name == "Local" || name == "local") {
    return Error(ErrorCode::InvalidArgument,
                 "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
  }
  if (!is_zone_name(name)) return Error(ErrorCode::InvalidArgument, fmt::format("unknown time zone {}", name));
  const auto bytes = read_file(kDirectory + std::string(name), kLargestFile);
  if (!bytes || !bytes->starts_with("TZif")) {
    const auto none = ::access((std::string(kDirectory) + "Europe/London").c_str(), R_OK) != 0;
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("unknown time zone {}{}", name, none ? " (this host has no package tzdata)" : ""));
  }
  auto zone = parse(*bytes);
  if (!zone) return zone.error().context(fmt::format("unknown time zone {}", name));
  return zone;
}

Result<TimeZone> TimeZone::parse(std::string_view text) {
  if (text.size() > kLargestFile) return broken("it is too large");
  Bytes bytes(text);
  auto header = read_header(bytes);
  std::size_t time_bytes = 4;
  if (header && header->version >= '2') {  // The same again, with times that do not end in 2038.
    if (!bytes.has(header->size(time_bytes))) return broken("it ends early");
    bytes.take(header->size(time_bytes));
    time_bytes = 8;
    header = read_header(bytes);
  }
  if (!header) return broken("no header");
  if (!bytes.has(header->size(time_bytes)) || header->types == 0) return broken("it ends early");

  TimeZone zone;
  std::vector<Time> times;
  for (std::size_t i = 0; i < header->times; ++i) times.emplace_back(seconds(bytes.number(time_bytes)));
  const auto kinds = bytes.take(header->times);
  std::vector<seconds> offsets;
  for (std::size_t i = 0; i < header->types; ++i) {
    const auto offset = bytes.number(4);
    constexpr std::int64_t kMost = 26 * 3600;
    if (offset < -kMost || offset > kMost) return broken("an offset of more than a day");
    offsets.emplace_back(offset);
    bytes.take(2);
  }
  zone.first_ = offsets.front();
  // Times are kept so far from the ends of what is counted in that sums stay in it.
  const Time earliest = std::chrono::sys_days(std::chrono::year(-9999) / 1 / 1);
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto kind = static_cast<unsigned char>(kinds[i]);
    if (kind >= offsets.size()) return broken("a change to an unknown offset");
    if (i > 0 && times[i] <= times[i - 1]) return broken("changes out of order");
    if (times[i] < earliest) {
      zone.first_ = offsets[kind];
      continue;
    }
    zone.changes_.push_back({times[i], offsets[kind]});
  }
  if (time_bytes == 4) return zone;
  bytes.take(header->size(time_bytes) - header->times * (time_bytes + 1) - header->types * 6);
  auto line = bytes.rest();
  if (line.starts_with('\n')) line.remove_prefix(1);
  line = line.substr(0, line.find('\n'));
  if (line.empty()) return zone;
  zone.rule_ = RuleReader(line).read();
  if (!zone.rule_) return broken(fmt::format("a rule that is none: {}", line));
  return zone;
}

std::vector<TimeZone::Change> TimeZone::changes_by_rule(Time around) const {
  namespace ch = std::chrono;
  std::vector<Change> found;
  const auto year = ch::year_month_day(ch::floor<ch::days>(around)).year();
  for (auto each = year - ch::years(1); each <= year + ch::years(1); ++each) {
    found.push_back({rule_->begins->in(each, rule_->standard), rule_->summer});
    found.push_back({rule_->ends.in(each, rule_->summer), rule_->standard});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  if (!changes_.empty()) std::erase_if(found, [&](const auto& one) { return one.at <= changes_.back().at; });
  return found;
}

TimeZone::Period TimeZone::period_at(Time time) const {
  const auto in = [&](const std::vector<Change>& changes, Period period) {
    const auto after = std::upper_bound(changes.begin(), changes.end(), time,
                                        [](Time at, const Change& change) { return at < change.at; });
    if (after != changes.begin()) {
      period.begin = std::prev(after)->at;
      period.offset = std::prev(after)->offset;
    }
    if (after != changes.end()) period.end = after->at;
    return period;
  };
  auto period = in(changes_, {Time::min(), Time::max(), changes_.empty() && rule_ ? rule_->standard : first_});
  if (period.end != Time::max() || !rule_ || !rule_->begins) return period;
  // The year before and the year after are in it: both ends are found.
  return in(changes_by_rule(time), period);
}

}  // namespace berth
