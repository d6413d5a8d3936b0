// api/tables/human_duration.hpp - "5m", "3h20m", "12d": ages as Kubernetes shows them. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace berth::api {

/// Kubernetes' duration.HumanDuration: at most two units, coarser as it grows; "<invalid>" below -1 s.
std::string human_duration(std::chrono::seconds duration);

/// The age of an RFC 3339 time; "<unknown>" when it is empty or not a time.
std::string age_since(std::string_view rfc3339, WallTime now);

}  // namespace berth::api
