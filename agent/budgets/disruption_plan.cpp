// agent/budgets/disruption_plan.cpp - see disruption_plan.hpp.
#include "agent/budgets/disruption_plan.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "base/result.hpp"

namespace berth::agent {
namespace {

struct Wanted {
  std::int64_t expected = 0;
  std::int64_t healthy = 0;
};

/// How many pods the sets of these want.
Result<std::int64_t> expected_scale(const std::vector<BudgetedPod>& pods) {
  std::map<std::string, std::int64_t> scales;
  for (const auto& each : pods) {
    if (each.scale) {
      scales[each.scale->uid] = each.scale->replicas;
    } else if (!each.no_scale.empty()) {
      return Error(ErrorCode::FailedPrecondition, each.no_scale);
    }
  }
  std::int64_t all = 0;
  for (const auto& [uid, replicas] : scales) all += replicas;
  return all;
}

Result<Wanted> wanted(const model::DisruptionBudget& budget, const std::vector<BudgetedPod>& pods) {
  const auto& low = budget.min_available;
  const auto& away = budget.max_unavailable;
  if (!away && !low) return Wanted{};
  if (!away && !low->percent) return Wanted{static_cast<std::int64_t>(pods.size()), low->number};
  const auto scale = expected_scale(pods);
  if (!scale) return scale.error();
  if (away) return Wanted{*scale, std::max<std::int64_t>(*scale - away->rounded_up(*scale), 0)};
  return Wanted{*scale, low->rounded_up(*scale)};
}

std::int32_t clamped(std::int64_t number) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(number, 0, std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

DisruptionPlan plan_disruptions(const model::DisruptionBudget& budget, const std::vector<BudgetedPod>& pods,
                                WallTime now) {
  DisruptionPlan plan;
  auto& status = plan.status;
  status.conditions = budget.status.conditions;
  status.observed_generation = budget.meta.generation;
  const auto wants = wanted(budget, pods);
  if (!wants) {  // The old numbers stand, but for the one by which pods would go.
    status = budget.status;
    status.observed_generation = budget.meta.generation;
    status.disruptions_allowed = 0;
    plan.failure = wants.error().message();
    model::fail_disruption_condition(status, plan.failure, format_rfc3339(now));
    return plan;
  }
  std::int64_t healthy = 0;
  for (const auto& [pod, scale, why] : pods) {
    if (pod->meta.deleting()) continue;
    if (const auto given = budget.status.disrupted_pods.find(pod->meta.name);
        given != budget.status.disrupted_pods.end()) {
      const auto since = parse_rfc3339(given->second);
      const auto left = since ? std::chrono::ceil<std::chrono::milliseconds>(*since + kDisruptionTimeout - now)
                              : std::chrono::milliseconds(0);
      if (left.count() > 0) {
        status.disrupted_pods.insert(*given);
        plan.look_again = plan.look_again ? std::min(*plan.look_again, left) : left;
        continue;
      }
      plan.not_deleted.push_back(pod->meta.name);
    }
    if (pod->status.ready()) ++healthy;
  }
  status.expected_pods = clamped(wants->expected);
  status.desired_healthy = clamped(wants->healthy);
  status.current_healthy = clamped(healthy);
  // A budget without pods allows nothing: the first of them may be there before this is computed again.
  if (wants->expected > 0) status.disruptions_allowed = clamped(healthy - wants->healthy);
  model::set_disruption_condition(status, format_rfc3339(now));
  return plan;
}

}  // namespace berth::agent
