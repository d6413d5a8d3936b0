// base/log.cpp - formats one line and hands it to the kernel in one write(2).
#include "base/log.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "base/clock.hpp"

namespace berth {
namespace {

std::atomic<LogLevel> max_level{LogLevel::Info};

/// Longer lines are cut: one write stays one journal entry (LineMax= is 48 KiB by default).
constexpr std::size_t kMaxLine = 16 * 1024;

/// Is our stderr the journal's socket? JOURNAL_STREAM holds its "device:inode", see systemd.exec(5).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): nobody calls setenv
  struct stat info {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &info) != 0) return false;
  return fmt::format("{}:{}", info.st_dev, info.st_ino) == stream;
}

char syslog_priority(LogLevel level) {
  switch (level) {
    case LogLevel::Error: return '3';
    case LogLevel::Warning: return '4';
    case LogLevel::Info: return '6';
    case LogLevel::Debug: return '7';
  }
  return '6';
}

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::Error: return "error";
    case LogLevel::Warning: return "warning";
    case LogLevel::Info: return "info";
    case LogLevel::Debug: return "debug";
  }
  return "info";
}

void append_escaped(std::string& line, std::string_view text, bool quoted) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\t') {
      line += "\\t";
    } else if (c == '\r') {
      line += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      line += fmt::format("\\x{:02x}", byte);
    } else if (quoted && (c == '"' || c == '\\')) {
      line += '\\';
      line += c;
    } else {
      line += c;
    }
  }
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
  }
  return false;
}

void write_all(std::string_view line) {
  while (!line.empty()) {
    const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody to tell
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void set_log_level(LogLevel level) { max_level.store(level, std::memory_order_relaxed); }

std::string format_log_line(std::string_view message, const std::vector<LogField>& fields) {
  std::string line;
  append_escaped(line, message, /*quoted=*/false);
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    const bool quotes = needs_quotes(value);
    if (quotes) line += '"';
    append_escaped(line, value, quotes);
    if (quotes) line += '"';
  }
  return line;
}

void log(LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
  if (level > max_level.load(std::memory_order_relaxed)) return;
  static const bool journal = stderr_is_journal();
  std::string line = journal ? fmt::format("<{}>", syslog_priority(level))
                             : fmt::format("{} {} ", format_rfc3339_micro(SystemClock().wall()), level_name(level));
  line += format_log_line(message, fields);
  if (line.size() > kMaxLine) line.replace(kMaxLine, std::string::npos, "...");
  line += '\n';
  write_all(line);
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level > max_level.load(std::memory_order_relaxed)) return;
  log(level, message, std::vector<LogField>(fields));
}

}  // namespace berth
