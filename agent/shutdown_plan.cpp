// agent/shutdown_plan.cpp - see shutdown_plan.hpp.
#include "agent/shutdown_plan.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace berth::agent {
namespace {

bool is_critical(std::int64_t priority) { return priority >= kCriticalPriority; }

/// Waited for no more.
bool is_past(const LeavingPod& pod, SteadyTime now) {
  return pod.left || (pod.until && now >= *pod.until + kLateLeave);
}

/// When all pods of the class have to be gone. Without critical ones nothing is kept for them.
SteadyTime end_of(bool critical, const std::vector<LeavingPod>& pods, const ShutdownBudget& budget, SteadyTime began) {
  const auto kept =
      !critical && std::any_of(pods.begin(), pods.end(), [](const auto& pod) { return is_critical(pod.priority); });
  return began + budget.whole - (kept ? std::min(budget.critical, budget.whole) : std::chrono::milliseconds(0));
}

/// One of `shares` equal parts of the time until `end`.
SteadyTime share(SteadyTime now, SteadyTime end, std::size_t shares) {
  return now +
         std::max(end - now, SteadyTime::duration(0)) / static_cast<std::int64_t>(std::max<std::size_t>(shares, 1));
}

}  // namespace

std::vector<LeaveOrder> plan_shutdown(const std::vector<LeavingPod>& pods, const ShutdownBudget& budget,
                                      SteadyTime began, SteadyTime now) {
  std::set<std::int64_t> levels;  // That still have somebody, lowest first.
  for (const auto& pod : pods) {
    if (!is_past(pod, now)) levels.insert(pod.priority);
  }
  if (levels.empty()) return {};
  const auto level = *levels.begin();
  const auto of_class =
      std::count_if(levels.begin(), levels.end(), [&](auto other) { return is_critical(other) == is_critical(level); });
  const auto end = share(now, end_of(is_critical(level), pods, budget, began), static_cast<std::size_t>(of_class));

  std::vector<LeaveOrder> orders;
  std::map<std::string, std::vector<const LeavingPod*>> sets;  // Members that still have to go.
  for (const auto& pod : pods) {
    if (pod.priority != level || is_past(pod, now)) continue;
    if (!pod.set.empty()) {
      sets[pod.set].push_back(&pod);
    } else if (!pod.until) {
      orders.push_back({pod.uid, end});
    }
  }
  for (const auto& [set, members] : sets) {
    const auto* last = *std::max_element(members.begin(), members.end(),
                                         [](const auto* a, const auto* b) { return a->ordinal < b->ordinal; });
    if (!last->until) orders.push_back({last->uid, share(now, end, members.size())});
  }
  return orders;
}

std::optional<SteadyTime> next_late(const std::vector<LeavingPod>& pods, SteadyTime now) {
  std::optional<SteadyTime> next;
  for (const auto& pod : pods) {
    if (!pod.until || is_past(pod, now)) continue;
    const auto late = *pod.until + kLateLeave;
    next = next ? std::min(*next, late) : late;
  }
  return next;
}

std::int64_t priority_of(const json::object& pod) {
  const auto* spec = pod.if_contains("spec");
  if (spec == nullptr) return 0;
  const auto* priority = find(*spec, {"priority"});
  if (priority != nullptr && priority->is_int64()) return priority->get_int64();
  // Pods that were stored before classes were resolved.
  return model::built_in_priority(find_string(*spec, {"priorityClassName"})).value_or(0);
}

}  // namespace berth::agent
