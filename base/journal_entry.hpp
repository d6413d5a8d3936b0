// base/journal_entry.hpp - one event as journald takes it: with its number and its fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"

namespace berth {

/// As of syslog(3): '3' for an error.
char syslog_priority(LogLevel level);

/// A datagram of the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): `line` as MESSAGE, MESSAGE_ID of
/// `message` where it has one, and each field as DETAIL_KEY, so that none passes for journald's or a container's. Pure.
std::string format_journal_entry(LogLevel level, std::string_view message, const std::vector<LogField>& fields,
                                 std::string_view line);

}  // namespace berth
