// model/budgets.hpp - PodDisruptionBudget: how many pods may be taken away.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/selector.hpp"
#include "model/workloads.hpp"

namespace berth::model {

struct BudgetCondition {
  std::string type;
  std::string status;
  std::string reason;
  std::string message;
  std::string last_transition_time;
  std::int64_t observed_generation = 0;
  bool operator==(const BudgetCondition&) const = default;
};

struct DisruptionBudgetStatus {
  std::int64_t observed_generation = 0;
  std::int32_t disruptions_allowed = 0;
  std::int32_t current_healthy = 0;
  std::int32_t desired_healthy = 0;
  std::int32_t expected_pods = 0;
  std::map<std::string, std::string> disrupted_pods;  ///< Given away, and not gone yet: by name, since when.
  std::vector<BudgetCondition> conditions;
  bool operator==(const DisruptionBudgetStatus&) const = default;
};

struct DisruptionBudget {
  ObjectMeta meta;
  std::optional<CountOrPercent> min_available;
  std::optional<CountOrPercent> max_unavailable;
  std::optional<LabelSelector> selector;  ///< None takes no pod; an empty one takes all.
  bool always_allow_unhealthy = false;
  DisruptionBudgetStatus status;

  bool takes(const StringMap& labels) const { return matches(selector, labels); }
};

Result<DisruptionBudget> decode_disruption_budget(const Object& object);
json::object encode_disruption_status(const DisruptionBudgetStatus& status);

/// The condition DisruptionAllowed by the numbers of the status, as Kubernetes writes it. `now` is its time when it
/// changed.
void set_disruption_condition(DisruptionBudgetStatus& status, const std::string& now);
/// The numbers could not be computed: no pod may go.
void fail_disruption_condition(DisruptionBudgetStatus& status, const std::string& why, const std::string& now);

inline constexpr std::string_view kDisruptionAllowed = "DisruptionAllowed";
inline constexpr std::string_view kSyncFailed = "SyncFailed";

}  // namespace berth::model
