// cli/ages.hpp - times as people read them: "5m", "3d4h". Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace berth::cli {

using WallClock = std::chrono::system_clock;

/// RFC 3339 in UTC, with or without fractions of a second; unset when it is none.
std::optional<WallClock::time_point> parse_time(std::string_view text);

/// As Kubernetes' HumanDuration: "38s", "5m30s", "2h5m", "3d4h", "400d", "2y35d"; "0s" for what lies ahead by a blink,
/// "<invalid>" for more.
std::string human_duration(std::chrono::seconds duration);

/// The time from `since` until `now`; "<unknown>" when `since` is no time.
std::string age_text(std::string_view since, WallClock::time_point now);

/// "Sat, 21 Nov 2026 13:00:06 +0000", as kubectl describe shows times; the text itself when it is none.
std::string rfc1123_time(std::string_view text);

}  // namespace berth::cli
