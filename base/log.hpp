// base/log.hpp - one line per event, key=value, to the journal when there is one, else to stderr.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth {

/// Who must act decides the level: Error, an operator now; Warning, an operator some day;
/// Info, nobody (a change of state worth a line); Debug, a developer.
enum class LogLevel { Error, Warning, Info, Debug };

using LogField = std::pair<std::string_view, std::string>;

/// Writes one event: `message key=value key="two words"`. Under systemd (JOURNAL_STREAM names our
/// stderr) each line carries its `<N>` priority prefix, see sd-daemon(3). Any thread; one write(2)
/// per line, so lines never tear. Rooms return errors and log nothing above Debug; the loop logs once.
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
void log(LogLevel level, std::string_view message, const std::vector<LogField>& fields);

/// Lines below `level` are dropped. Default Info.
void set_log_level(LogLevel level);

/// The line as written, without priority prefix and newline: control characters escaped, values
/// quoted when they need it. Pure.
std::string format_log_line(std::string_view message, const std::vector<LogField>& fields);

}  // namespace berth
