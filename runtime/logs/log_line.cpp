// runtime/logs/log_line.cpp - see log_line.hpp.
#include "runtime/logs/log_line.hpp"

#include <ctime>

#include <fmt/format.h>

namespace berth::runtime {

SplitLines split_lines(std::string_view bytes, bool ended) {
  SplitLines split;
  const auto add = [&](std::string_view text, bool partial, std::size_t taken) {
    split.consumed += taken;
    split.lines.push_back({.text = text, .partial = partial, .end = split.consumed});
  };
  while (split.consumed < bytes.size()) {
    const auto rest = bytes.substr(split.consumed);
    const auto newline = rest.substr(0, kMaxLine + 1).find('\n');
    if (newline != std::string_view::npos) {
      add(rest.substr(0, newline), /*partial=*/false, newline + 1);
    } else if (rest.size() > kMaxLine) {
      add(rest.substr(0, kMaxLine), /*partial=*/true, kMaxLine);
    } else {
      if (ended) add(rest, /*partial=*/true, rest.size());  // As containerd's own CRI logs have it.
      break;
    }
  }
  return split;
}

std::string cri_head(WallTime time, bool is_stderr) {
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(nanos / 1'000'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z {} ", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, nanos % 1'000'000'000,
                     is_stderr ? "stderr" : "stdout");
}

void append_cri_line(std::string& out, std::string_view head, const LinePiece& piece) {
  out.append(head);
  out.append(piece.partial ? "P " : "F ");
  out.append(piece.text);
  out += '\n';
}

std::optional<LogLine> parse_cri_line(std::string_view line) {
  if (line.ends_with(kTornMark)) return std::nullopt;
  const auto first = line.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = line.find(' ', first + 1);
  if (second == std::string_view::npos || second + 2 >= line.size() + 1) return std::nullopt;
  const auto stream = line.substr(first + 1, second - first - 1);
  if (stream != "stdout" && stream != "stderr") return std::nullopt;
  const auto rest = line.substr(second + 1);
  if (rest.size() < 2 || (rest[0] != 'F' && rest[0] != 'P') || rest[1] != ' ') return std::nullopt;
  const auto time = parse_rfc3339(line.substr(0, first));
  if (!time) return std::nullopt;
  return LogLine{
      .time = *time, .is_stderr = stream == "stderr", .partial = rest[0] == 'P', .text = std::string(rest.substr(2))};
}

}  // namespace berth::runtime
