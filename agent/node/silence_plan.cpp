// agent/node/silence_plan.cpp - see silence_plan.hpp.
#include "agent/node/silence_plan.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "agent/sources/manifest_owner.hpp"
#include "agent/sources/source_snapshot.hpp"
#include "model/json_edit.hpp"
#include "model/node_facts.hpp"
#include "model/selector.hpp"

namespace berth::agent {
namespace {

constexpr std::string_view kUnreachable = "node.kubernetes.io/unreachable";
constexpr std::string_view kOutOfService = "node.kubernetes.io/out-of-service";
constexpr std::array<std::string_view, 2> kEffects{"NoSchedule", "NoExecute"};
constexpr std::array<std::string_view, 4> kConditions{"MemoryPressure", "DiskPressure", "PIDPressure", "Ready"};
/// What Kubernetes gives each pod that says nothing (admission plugin DefaultTolerationSeconds).
constexpr std::chrono::seconds kTolerated{300};

const json::array* list_in(const json::object& object, std::string_view outer, std::string_view inner) {
  const auto* parent = object.if_contains(outer);
  const auto* list = parent == nullptr ? nullptr : find(*parent, {inner});
  return list != nullptr && list->is_array() ? &list->get_array() : nullptr;
}

const json::value* taint_of(const json::object& node, std::string_view key, std::string_view effect = {}) {
  const auto* taints = list_in(node, "spec", "taints");
  if (taints == nullptr) return nullptr;
  const auto* found = std::find_if(taints->begin(), taints->end(), [&](const json::value& taint) {
    return find_string(taint, {"key"}) == key && (effect.empty() || find_string(taint, {"effect"}) == effect);
  });
  return found == taints->end() ? nullptr : found;
}

/// How long it stays on a node that is silent; nullopt: for ever.
std::optional<std::chrono::seconds> tolerated(const model::PodSpec& spec) {
  const model::Taint taint{.key = std::string(kUnreachable), .value = {}, .effect = "NoExecute"};
  std::optional<std::chrono::seconds> shortest;
  bool tolerates = false;
  for (const auto& each : spec.tolerations) {
    if (!model::tolerates(each, taint)) continue;
    tolerates = true;
    if (!each.toleration_seconds) continue;
    const std::chrono::seconds asked(std::clamp<std::int64_t>(*each.toleration_seconds, 0, INT32_MAX));
    shortest = std::min(shortest.value_or(asked), asked);
  }
  return tolerates ? shortest : kTolerated;
}

bool stays(const model::Pod& pod) {
  const auto source = pod.meta.annotations.find(std::string(kSourceAnnotation));
  if (source != pod.meta.annotations.end() && !is_cluster_source(source->second)) return true;
  const auto* set = pod.meta.controller();
  return set != nullptr && (set->kind == "StatefulSet" || set->kind == "DaemonSet");
}

void look_at(const PodPtr& pod, WallTime since, const SilenceFacts& facts, SilencePlan& plan) {
  if (const auto* ready = pod->status.condition("Ready"); ready != nullptr && ready->status == "True") {
    plan.not_ready.push_back(pod);
  }
  if (pod->meta.deleting() || stays(*pod)) return;
  const auto patience = tolerated(pod->spec);
  if (!patience) return;
  const auto left = std::max<std::chrono::nanoseconds>(since + *patience - facts.now, *patience - facts.missed);
  if (left <= std::chrono::nanoseconds::zero()) {
    plan.evict.push_back(pod);
    return;
  }
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left);
  plan.look_again = std::min(plan.look_again.value_or(wait), wait);
}

}  // namespace

SilencePlan plan_silence(const SilenceFacts& facts) {
  SilencePlan plan;
  if (facts.node == nullptr || taint_of(facts.node->raw, kOutOfService) != nullptr) {
    plan.is_lost = true;
    plan.remove = facts.pods;
    plan.mark = facts.node != nullptr && !is_marked_silent(facts.node->raw);
    return plan;
  }
  if (!is_marked_silent(facts.node->raw)) {
    plan.mark = true;  // From then on time is counted.
    return plan;
  }
  if (!facts.shared) return plan;
  // It is marked, so the taint says since when.
  const auto since = *parse_rfc3339(find_string(*taint_of(facts.node->raw, kUnreachable, "NoExecute"), {"timeAdded"}));
  for (const auto& pod : facts.pods) {
    if (!model::is_terminal_phase(pod->status.phase)) look_at(pod, since, facts, plan);
  }
  return plan;
}

bool is_marked_silent(const json::object& node) {
  return model::is_unheard_of(node) && std::all_of(kEffects.begin(), kEffects.end(), [&](std::string_view effect) {
           const auto* taint = taint_of(node, kUnreachable, effect);
           return taint != nullptr && parse_rfc3339(find_string(*taint, {"timeAdded"})).ok();
         });
}

bool has_silent_taint(const json::object& node) { return taint_of(node, kUnreachable) != nullptr; }

bool mark_silent(json::object& node, WallTime now) {
  if (is_marked_silent(node)) return false;
  const auto stamp = format_rfc3339(now);
  json::array conditions;
  for (const auto type : kConditions) {
    conditions.push_back(json::object{{"type", type},
                                      {"status", "Unknown"},
                                      {"lastHeartbeatTime", stamp},
                                      {"lastTransitionTime", stamp},
                                      {"reason", "NodeStatusUnknown"},
                                      {"message", "nothing is heard of berthd there: the node is down, or cut off"}});
  }
  model::object_in(node, "status")["conditions"] = std::move(conditions);
  mark_heard(node);
  auto& spec = model::object_in(node, "spec");
  if (auto& taints = spec["taints"]; !taints.is_array()) taints.emplace_array();
  for (const auto effect : kEffects) {
    spec["taints"].get_array().push_back(json::object{{"key", kUnreachable}, {"effect", effect}, {"timeAdded", stamp}});
  }
  return true;
}

bool mark_heard(json::object& node) {
  if (!has_silent_taint(node)) return false;
  auto& spec = model::object_in(node, "spec");
  json::array kept;
  for (auto& taint : spec["taints"].get_array()) {
    if (find_string(taint, {"key"}) != kUnreachable) kept.push_back(std::move(taint));
  }
  if (kept.empty()) {
    spec.erase("taints");
  } else {
    spec["taints"] = std::move(kept);
  }
  return true;
}

bool mark_pod_unknown(json::object& pod, WallTime now) {
  auto& conditions = model::object_in(pod, "status")["conditions"];
  if (!conditions.is_array()) return false;
  for (auto& each : conditions.get_array()) {
    if (find_string(each, {"type"}) != "Ready" || find_string(each, {"status"}) != "True") continue;
    auto& condition = each.get_object();
    condition["status"] = "False";
    condition["lastTransitionTime"] = format_rfc3339(now);
    condition["reason"] = "NodeStatusUnknown";
    condition["message"] = "nothing is heard of its node";
    return true;
  }
  return false;
}

}  // namespace berth::agent
