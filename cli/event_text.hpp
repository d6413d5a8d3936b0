// cli/event_text.hpp - events as lines: for `berth events` and for the end of `berth describe`. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "cli/ages.hpp"

namespace berth::cli {

/// When it was last seen; the creation when the event does not say.
std::string event_time(const json::value& event);

/// "5m", or "5m (x3 over 10m)" when it came several times.
std::string event_interval(const json::value& event, WallClock::time_point now);

/// The oldest first.
void sort_events(std::vector<json::value>& events);

/// "LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE", with NAMESPACE before all when `namespaces`.
std::string event_header(bool namespaces);
/// One event as a line with tabs.
std::string event_line(const json::value& event, bool namespaces, WallClock::time_point now);

/// The section "Events:" of a description, with tabs; "Events:\t<none>" when there are none.
std::string event_section(std::vector<json::value> events, WallClock::time_point now);

}  // namespace berth::cli
