// base/journal_entry.cpp - see journal_entry.hpp.
#include "base/journal_entry.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "base/message_ids.hpp"

namespace berth {

char syslog_priority(LogLevel level) {
  switch (level) {
    case LogLevel::Error: return '3';
    case LogLevel::Warning: return '4';
    case LogLevel::Info: return '6';
    case LogLevel::Debug: return '7';
  }
  return '6';
}

std::string format_journal_entry(LogLevel level, std::string_view message, const std::vector<LogField>& fields,
                                 std::string_view line) {
  auto out = fmt::format("PRIORITY={}\nSYSLOG_IDENTIFIER={}\nMESSAGE={}\n", syslog_priority(level),
                         program_invocation_short_name, line);
  if (const auto id = message_id(message); !id.empty()) out += fmt::format("MESSAGE_ID={}\n", id);
  for (const auto& [key, value] : fields) {
    out += "DETAIL_";
    for (const char c : key) {
      const auto upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      out += (upper >= 'A' && upper <= 'Z') || (upper >= '0' && upper <= '9') ? upper : '_';
    }
    out += '=';
    out += format_log_line(value, {});  // Escaped: a newline would end the field.
    out += '\n';
  }
  return out;
}

}  // namespace berth
