// runtime/logs/log_health.cpp - see runtime/log_health.hpp.
#include "runtime/log_health.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/atomic_file.hpp"

namespace berth::runtime {
namespace {

/// The next field of a line.
std::string_view take_field(std::string_view& line) {
  const auto end = std::min(line.find('\t'), line.size());
  const auto field = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return field;
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void add_field(std::string& out, std::string_view value) {
  out += '\t';
  for (const char c : value) out += c == '\t' || c == '\n' ? ' ' : c;
}

}  // namespace

std::string encode_log_health(const LogHealth& health) {
  auto out = "stored\t" + std::to_string(health.lines) + "\t" + std::to_string(health.bytes) + "\n";
  for (const auto& trouble : health.troubles) {
    out += "container";
    for (const auto& field : {trouble.ns, trouble.pod, trouble.pod_uid, trouble.container}) add_field(out, field);
    add_field(out, std::to_string(trouble.dropped));
    add_field(out, trouble.since ? std::to_string(std::chrono::system_clock::to_time_t(*trouble.since)) : "0");
    add_field(out, trouble.error);
    out += '\n';
  }
  return out;
}

LogHealth decode_log_health(std::string_view text) {
  LogHealth health;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto what = take_field(line);
    if (what == "stored") {
      health.lines = number(take_field(line));
      health.bytes = number(take_field(line));
    } else if (what == "container") {
      auto& trouble = health.troubles.emplace_back();
      for (auto* field : {&trouble.ns, &trouble.pod, &trouble.pod_uid, &trouble.container}) *field = take_field(line);
      trouble.dropped = number(take_field(line));
      const auto since = number(take_field(line));
      if (since > 0) trouble.since = std::chrono::system_clock::from_time_t(static_cast<std::time_t>(since));
      trouble.error = take_field(line);
    }
  }
  return health;
}

std::filesystem::path log_health_path(const std::filesystem::path& run_dir) { return run_dir / kLogHealthFile; }

LogHealth read_log_health(const std::filesystem::path& run_dir) {
  const auto text = read_file(log_health_path(run_dir));
  return text ? decode_log_health(*text) : LogHealth{};
}

}  // namespace berth::runtime
