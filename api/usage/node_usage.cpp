// api/usage/node_usage.cpp - see node_usage.hpp.
#include "api/usage/node_usage.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/atomic_file.hpp"

namespace berth::api {
namespace {

/// The number at the head of `text`, which then begins behind it.
std::uint64_t take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc{} ? value : 0;
}

/// Of "Key:   123 kB".
std::uint64_t kilobytes(std::string_view meminfo, std::string_view key) {
  for (auto rest = meminfo; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    if (line.starts_with(key)) {
      line.remove_prefix(key.size());
      return take_number(line);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return 0;
}

}  // namespace

NodeUsage parse_node_usage(std::string_view stat, std::string_view meminfo, long ticks_per_second) {
  constexpr std::uint64_t kNanos = 1'000'000'000;
  NodeUsage usage;
  if (stat.starts_with("cpu ") && ticks_per_second > 0) {
    auto line = stat.substr(0, stat.find('\n'));
    line.remove_prefix(4);
    // user nice system idle iowait irq softirq steal; guest time is part of user.
    std::array<std::uint64_t, 8> times{};
    for (auto& time : times) time = take_number(line);
    const auto ticks = times[0] + times[1] + times[2] + times[5] + times[6] + times[7];
    usage.cpu_nanoseconds = ticks * (kNanos / static_cast<std::uint64_t>(ticks_per_second));
  }
  const auto total = kilobytes(meminfo, "MemTotal:");
  const auto idle = kilobytes(meminfo, "MemFree:") + kilobytes(meminfo, "Inactive(file):");
  usage.memory_bytes = total > idle ? (total - idle) * 1024 : 0;
  return usage;
}

NodeUsage read_node_usage() {
  const auto stat = read_file("/proc/stat");
  const auto meminfo = read_file("/proc/meminfo");
  return parse_node_usage(stat.value_or({}), meminfo.value_or({}), ::sysconf(_SC_CLK_TCK));
}

}  // namespace berth::api
