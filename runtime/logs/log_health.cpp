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

std::string encode_time(const std::optional<WallTime>& time) {
  return time ? std::to_string(std::chrono::system_clock::to_time_t(*time)) : "0";
}

std::optional<WallTime> decode_time(std::string_view text) {
  const auto seconds = number(text);
  if (seconds == 0) return std::nullopt;
  return std::chrono::system_clock::from_time_t(static_cast<std::time_t>(seconds));
}

}  // namespace

std::string encode_log_health(const LogHealth& health) {
  auto out = "stored\t" + std::to_string(health.lines) + "\t" + std::to_string(health.bytes) + "\n";
  for (const auto& trouble : health.troubles) {
    out += "container";
    for (const auto& field : {trouble.ns, trouble.pod, trouble.pod_uid, trouble.container}) add_field(out, field);
    add_field(out, std::to_string(trouble.dropped));
    add_field(out, encode_time(trouble.since));
    add_field(out, trouble.error);
    out += '\n';
  }
  if (health.files == LogFilesTrouble{}) return out;
  out += "files";
  add_field(out, std::to_string(health.files.missed));
  add_field(out, encode_time(health.files.since));
  add_field(out, health.files.error);
  out += '\n';
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
      trouble.since = decode_time(take_field(line));
      trouble.error = take_field(line);
    } else if (what == "files") {
      health.files.missed = number(take_field(line));
      health.files.since = decode_time(take_field(line));
      health.files.error = take_field(line);
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
