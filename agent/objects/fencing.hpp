// agent/objects/fencing.hpp - words by which hosts know of each other's fences: which pods ask for one, and which nodes
// have one. Pure.
#pragma once

#include <string>
#include <string_view>

#include "model/model.hpp"

namespace berth::agent {

/// Annotation of a pod, by its set's template.
inline constexpr std::string_view kFailover = "berth.io/failover";
/// Annotation of a Node, its agent's own: "armed <id>", another id for each session. Anything else, or none: not armed.
inline constexpr std::string_view kFencing = "berth.io/fencing";
inline constexpr std::string_view kArmed = "armed ";

/// Does it say `berth.io/failover: fenced`, and is there a set that makes it elsewhere? A DaemonSet has no elsewhere.
inline bool asks_for_fencing(const model::Pod& pod) {
  const auto found = pod.meta.annotations.find(std::string(kFailover));
  const auto* set = pod.meta.controller();
  return found != pod.meta.annotations.end() && found->second == "fenced" && set != nullptr && set->kind != "DaemonSet";
}

/// Does that node's host kill its fenced pods before its session can end? Then they are gone when the session is.
inline bool is_armed(const model::ObjectMeta& node) {
  const auto found = node.annotations.find(std::string(kFencing));
  return found != node.annotations.end() && found->second.starts_with(kArmed);
}

}  // namespace berth::agent
