// base/log.cpp - formats one line and hands it to the kernel in one write(2).
#include "base/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "base/clock.hpp"
#include "base/journal_entry.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_address.hpp"

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

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

/// A connected datagram socket; none when nobody listens. Left open for good: threads may log until the very end.
int journal_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = unix_address(kJournalSocket);
  const auto connected =
      address && fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0;
  return connected ? fd.release() : -1;
}

/// By journald's native protocol, with the number and the fields that a line on stderr cannot carry. False: not sent
/// (it was restarted, say), the line goes to stderr.
bool send_to_journal(std::string_view entry) {
  static const int fd = journal_socket();
  if (fd < 0) return false;
  for (;;) {
    if (::send(fd, entry.data(), entry.size(), MSG_NOSIGNAL) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno != ECONNREFUSED && errno != ENOTCONN) return false;
    // A journald that was started again listens on a new socket of that name.
    const UniqueFd fresh(journal_socket());
    if (!fresh || ::dup3(fresh.get(), fd, O_CLOEXEC) < 0) return false;
    return ::send(fd, entry.data(), entry.size(), MSG_NOSIGNAL) >= 0;
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
  auto text = format_log_line(message, fields);
  if (text.size() > kMaxLine) text.replace(kMaxLine, std::string::npos, "...");
  if (journal && send_to_journal(format_journal_entry(level, message, fields, text))) return;
  std::string line = journal ? fmt::format("<{}>", syslog_priority(level))
                             : fmt::format("{} {} ", format_rfc3339_micro(SystemClock().wall()), level_name(level));
  line += text;
  line += '\n';
  write_all(line);
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level > max_level.load(std::memory_order_relaxed)) return;
  log(level, message, std::vector<LogField>(fields));
}

}  // namespace berth
