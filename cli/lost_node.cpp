// cli/lost_node.cpp - see lost_node.hpp.
#include "cli/lost_node.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/node_facts.hpp"

namespace berth::cli {

namespace {

constexpr const char* kKey = "node.kubernetes.io/out-of-service";
constexpr const char* kEffect = "NoExecute";

json::array taints_of(const json::value& node) {
  const auto* taints = find(node, {"spec", "taints"});
  return taints != nullptr && taints->is_array() ? taints->get_array() : json::array();
}

}  // namespace

Status may_be_lost(const json::value& node) {
  if (node.is_object() && model::is_unheard_of(node.get_object())) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("node \"{}\" is heard of: its pods would run twice. Switch the host off, and wait until the "
                           "node's status is Unknown (40 seconds), or say --force",
                           find_string(node, {"metadata", "name"})));
}

std::optional<json::array> with_lost_taint(const json::value& node) {
  auto taints = taints_of(node);
  const auto is_there = std::any_of(taints.begin(), taints.end(), [](const json::value& taint) {
    return find_string(taint, {"key"}) == kKey && find_string(taint, {"effect"}) == kEffect;
  });
  if (is_there) return std::nullopt;
  taints.push_back(json::object{{"key", kKey}, {"value", "nodeshutdown"}, {"effect", kEffect}});
  return taints;
}

std::optional<json::array> without_lost_taint(const json::value& node) {
  const auto taints = taints_of(node);
  json::array kept;
  std::copy_if(taints.begin(), taints.end(), std::back_inserter(kept),
               [](const json::value& taint) { return find_string(taint, {"key"}) != kKey; });
  if (kept.size() == taints.size()) return std::nullopt;
  return kept;
}

}  // namespace berth::cli
