// model/priority.hpp - which number a priority class stands for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace berth::model {

/// Above it are the system's own classes.
inline constexpr std::int64_t kHighestUserPriority = 1'000'000'000;
/// system-cluster-critical, the lowest of them.
inline constexpr std::int64_t kCriticalPriority = 2 * kHighestUserPriority;

/// Of the two classes that Kubernetes has itself.
constexpr std::optional<std::int64_t> built_in_priority(std::string_view class_name) {
  if (class_name == "system-cluster-critical") return kCriticalPriority;
  if (class_name == "system-node-critical") return kCriticalPriority + 1000;
  return std::nullopt;
}

}  // namespace berth::model
