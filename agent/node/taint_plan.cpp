// agent/node/taint_plan.cpp - see taint_plan.hpp.
#include "agent/node/taint_plan.hpp"

#include <algorithm>
#include <limits>

#include "agent/sources/manifest_owner.hpp"
#include "model/json_edit.hpp"
#include "model/selector.hpp"

namespace berth::agent {
namespace {

constexpr std::string_view kNoExecute = "NoExecute";

struct Dated {
  model::Taint taint;
  std::optional<WallTime> since;
};

std::vector<Dated> driving_taints(const json::object& node) {
  std::vector<Dated> out;
  const auto* spec = model::object_at(node, "spec");
  if (spec == nullptr) return out;
  model::each_object(*spec, "taints", [&](const json::object& raw) {
    if (model::text_at(raw, "effect") != kNoExecute) return;
    Dated one;
    one.taint = {.key = std::string(model::text_at(raw, "key")),
                 .value = std::string(model::text_at(raw, "value")),
                 .effect = std::string(kNoExecute)};
    if (const auto since = parse_rfc3339(model::text_at(raw, "timeAdded"))) one.since = *since;
    out.push_back(std::move(one));
  });
  return out;
}

/// What a pod has to say of one taint.
struct Patience {
  bool tolerates = false;
  std::optional<std::chrono::seconds> seconds;  ///< None: for ever.
};

Patience patience_with(const model::Taint& taint, const model::PodSpec& spec) {
  Patience out;
  for (const auto& each : spec.tolerations) {
    if (!model::tolerates(each, taint)) continue;
    out.tolerates = true;
    if (!each.toleration_seconds) continue;
    const std::chrono::seconds asked(
        std::clamp<std::int64_t>(*each.toleration_seconds, 0, std::numeric_limits<std::int32_t>::max()));
    out.seconds = std::min(out.seconds.value_or(asked), asked);
  }
  return out;
}

void look_at(const PodPtr& pod, const std::vector<Dated>& taints, WallTime now, TaintPlan& plan) {
  std::optional<std::chrono::nanoseconds> left;
  for (const auto& dated : taints) {
    const auto patience = patience_with(dated.taint, pod->spec);
    if (!patience.tolerates) {
      plan.evict.push_back(pod);
      return;
    }
    if (!patience.seconds) continue;
    plan.stamp = plan.stamp || !dated.since;
    const std::chrono::nanoseconds rest = dated.since.value_or(now) + *patience.seconds - now;
    left = std::min(left.value_or(rest), rest);
  }
  if (!left) return;
  if (*left <= std::chrono::nanoseconds::zero()) {
    plan.evict.push_back(pod);
    return;
  }
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*left);
  plan.look_again = std::min(plan.look_again.value_or(wait), wait);
}

}  // namespace

TaintPlan plan_taints(const json::object& node, const std::vector<PodPtr>& pods, WallTime now) {
  TaintPlan plan;
  const auto taints = driving_taints(node);
  if (taints.empty()) return plan;
  for (const auto& pod : pods) {
    const auto stays = pod->meta.deleting() || model::is_terminal_phase(pod->status.phase) ||
                       pod->meta.annotations.contains(std::string(kSourceAnnotation));
    if (!stays) look_at(pod, taints, now, plan);
  }
  return plan;
}

bool stamp_taints(json::object& node, WallTime now) {
  auto* spec = model::object_at(node, "spec");
  bool changed = false;
  if (spec == nullptr) return changed;
  model::each_object(*spec, "taints", [&](json::object& taint) {
    if (model::text_at(taint, "effect") != kNoExecute || parse_rfc3339(model::text_at(taint, "timeAdded")).ok()) return;
    taint["timeAdded"] = format_rfc3339(now);
    changed = true;
  });
  return changed;
}

bool drives_pods_away(const model::Node& node) {
  return std::any_of(node.taints.begin(), node.taints.end(),
                     [](const auto& taint) { return taint.effect == kNoExecute; });
}

}  // namespace berth::agent
