// model/decode_budgets.cpp - PodDisruptionBudget, and its status back.
#include "model/budgets.hpp"
#include "model/condition_list.hpp"
#include "model/decode_internal.hpp"
#include "model/json_edit.hpp"

namespace berth::model {
namespace {

DisruptionBudgetStatus read_status(const Reader& from) {
  DisruptionBudgetStatus status;
  status.observed_generation = from.integer("observedGeneration");
  status.disruptions_allowed = from.int32("disruptionsAllowed");
  status.current_healthy = from.int32("currentHealthy");
  status.desired_healthy = from.int32("desiredHealthy");
  status.expected_pods = from.int32("expectedPods");
  status.disrupted_pods = from.text_map("disruptedPods");
  for (const auto& one : from.children("conditions")) {
    status.conditions.push_back({one.text("type"), one.text("status"), one.text("reason"), one.text("message"),
                                 one.text("lastTransitionTime"), one.integer("observedGeneration")});
  }
  return status;
}

std::optional<CountOrPercent> read_bound(const Reader& spec, std::string_view name) {
  if (!spec.has(name)) return std::nullopt;
  return read_count_or_percent(spec, name, {});
}

void read_budget(const Reader& root, DisruptionBudget& budget) {
  const auto spec = root.child("spec");
  budget.min_available = read_bound(spec, "minAvailable");
  budget.max_unavailable = read_bound(spec, "maxUnavailable");
  if (spec.has("selector")) budget.selector = read_label_selector(spec.child("selector"));
  budget.always_allow_unhealthy = spec.text("unhealthyPodEvictionPolicy") == "AlwaysAllow";
  budget.status = read_status(root.child("status"));
}

void set_condition(DisruptionBudgetStatus& status, BudgetCondition condition, const std::string& now) {
  condition.type = kDisruptionAllowed;
  condition.observed_generation = status.observed_generation;
  put_condition(status.conditions, std::move(condition), now);
}

}  // namespace

Result<DisruptionBudget> decode_disruption_budget(const Object& object) {
  return decode<DisruptionBudget>(object, read_budget);
}

json::object encode_disruption_status(const DisruptionBudgetStatus& status) {
  json::object out{{"observedGeneration", status.observed_generation},
                   {"disruptionsAllowed", status.disruptions_allowed},
                   {"currentHealthy", status.current_healthy},
                   {"desiredHealthy", status.desired_healthy},
                   {"expectedPods", status.expected_pods}};
  if (!status.disrupted_pods.empty()) {
    auto& pods = out["disruptedPods"].emplace_object();
    for (const auto& [name, since] : status.disrupted_pods) pods[name] = since;
  }
  auto& conditions = out["conditions"].emplace_array();
  for (const auto& one : status.conditions) {
    conditions.push_back(json::object{{"type", one.type},
                                      {"status", one.status},
                                      {"observedGeneration", one.observed_generation},
                                      {"lastTransitionTime", one.last_transition_time},
                                      {"reason", one.reason},
                                      {"message", one.message}});
  }
  return out;
}

void set_disruption_condition(DisruptionBudgetStatus& status, const std::string& now) {
  const bool allowed = status.disruptions_allowed > 0;
  set_condition(status,
                {.type = {},
                 .status = allowed ? "True" : "False",
                 .reason = allowed ? "SufficientPods" : "InsufficientPods",
                 .message = {},
                 .last_transition_time = {}},
                now);
}

void fail_disruption_condition(DisruptionBudgetStatus& status, const std::string& why, const std::string& now) {
  set_condition(
      status,
      {.type = {}, .status = "False", .reason = std::string(kSyncFailed), .message = why, .last_transition_time = {}},
      now);
}

}  // namespace berth::model
