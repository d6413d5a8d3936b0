// tests/agent/disruption_plan_test.cpp - how many pods a budget lets go.
#include "agent/budgets/disruption_plan.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

const WallTime kNow = *parse_rfc3339("2026-03-01T12:00:00Z");

BudgetedPod pod(const std::string& name, bool ready, std::optional<PodScale> scale = PodScale{"set", 4}) {
  auto made = std::make_shared<model::Pod>();
  made->meta.name = name;
  if (ready) {
    auto& condition = made->status.conditions.emplace_back();
    condition.type = "Ready";
    condition.status = "True";
  }
  return {made, std::move(scale), {}};
}

std::vector<BudgetedPod> pods(int ready, int others) {
  std::vector<BudgetedPod> all;
  for (int i = 0; i < ready; ++i) all.push_back(pod("r" + std::to_string(i), true));
  for (int i = 0; i < others; ++i) all.push_back(pod("o" + std::to_string(i), false));
  return all;
}

model::DisruptionBudget budget(std::optional<model::CountOrPercent> low, std::optional<model::CountOrPercent> away) {
  model::DisruptionBudget out;
  out.meta.name = "web";
  out.meta.generation = 3;
  out.min_available = low;
  out.max_unavailable = away;
  out.selector.emplace();
  return out;
}

std::string condition(const model::DisruptionBudgetStatus& status) {
  return status.conditions.empty() ? "none" : status.conditions.front().status + " " + status.conditions.front().reason;
}

struct Case {
  const char* what;
  std::optional<model::CountOrPercent> low;
  std::optional<model::CountOrPercent> away;
  int ready;
  int others;
  int expected;
  int desired;
  int allowed;
};

TEST(DisruptionPlan, CountsAsKubernetesDoes) {
  using Amount = model::CountOrPercent;
  const Case all[] = {
      {"a number of those that are there", Amount{2, false}, {}, 3, 0, 3, 2, 1},
      {"one that is not ready does not help", Amount{2, false}, {}, 2, 1, 3, 2, 0},
      {"fewer than there must be", Amount{3, false}, {}, 2, 0, 2, 3, 0},
      {"a share of what the set wants, rounded up", Amount{30, true}, {}, 4, 0, 4, 2, 2},
      {"all of them", Amount{100, true}, {}, 4, 0, 4, 4, 0},
      {"one away of four", {}, Amount{1, false}, 4, 0, 4, 3, 1},
      {"one is away already", {}, Amount{1, false}, 3, 1, 4, 3, 0},
      {"one is not made yet", {}, Amount{1, false}, 3, 0, 4, 3, 0},
      {"a share away, rounded up", {}, Amount{30, true}, 4, 0, 4, 2, 2},
      {"more away than there are", {}, Amount{9, false}, 4, 0, 4, 0, 4},
      {"nothing is said", {}, {}, 4, 0, 0, 0, 0},
      {"no pods yet", Amount{0, false}, {}, 0, 0, 0, 0, 0},
  };
  for (const auto& one : all) {
    const auto plan = plan_disruptions(budget(one.low, one.away), pods(one.ready, one.others), kNow);
    EXPECT_EQ(plan.status.expected_pods, one.expected) << one.what;
    EXPECT_EQ(plan.status.desired_healthy, one.desired) << one.what;
    EXPECT_EQ(plan.status.current_healthy, one.ready) << one.what;
    EXPECT_EQ(plan.status.disruptions_allowed, one.allowed) << one.what;
    EXPECT_EQ(plan.status.observed_generation, 3) << one.what;
    EXPECT_EQ(condition(plan.status), one.allowed > 0 ? "True SufficientPods" : "False InsufficientPods") << one.what;
  }
}

TEST(DisruptionPlan, AShareOfPodsWhoseSetHasNoSizeAllowsNothing) {
  auto all = pods(3, 0);
  all.push_back({pod("d", true).pod, std::nullopt, "daemonsets.apps does not implement the scale subresource"});
  auto shared = budget({}, model::CountOrPercent{1, false});
  shared.status.disruptions_allowed = 2;
  shared.status.current_healthy = 3;
  const auto plan = plan_disruptions(shared, all, kNow);
  EXPECT_EQ(plan.status.disruptions_allowed, 0);
  EXPECT_EQ(plan.status.current_healthy, 3) << "what was known stays";
  EXPECT_EQ(plan.failure, "daemonsets.apps does not implement the scale subresource");
  EXPECT_EQ(condition(plan.status), "False SyncFailed");
  EXPECT_EQ(plan.status.conditions.front().message, plan.failure);
  EXPECT_EQ(plan_disruptions(budget(model::CountOrPercent{2, false}, {}), all, kNow).status.disruptions_allowed, 2)
      << "a number needs no sizes";
  all.back().no_scale.clear();  // of nobody: not counted, and no error
  EXPECT_EQ(plan_disruptions(shared, all, kNow).status.expected_pods, 4);
}

TEST(DisruptionPlan, WhoIsGoingOrGivenAwayIsNotHealthy) {
  auto all = pods(4, 0);
  auto going = std::make_shared<model::Pod>(*all[0].pod);
  going->meta.deletion_timestamp = "2026-03-01T11:59:59Z";
  all[0].pod = going;
  auto with = budget(model::CountOrPercent{1, false}, {});
  with.status.disrupted_pods = {{"r0", "2026-03-01T11:59:00Z"},  // is going
                                {"r1", "2026-03-01T11:59:30Z"},  // not yet
                                {"r2", "2026-03-01T11:57:59Z"},  // was not deleted in two minutes
                                {"gone", "2026-03-01T11:59:59Z"}};
  const auto plan = plan_disruptions(with, all, kNow);
  EXPECT_EQ(plan.status.current_healthy, 2);
  EXPECT_EQ(plan.status.disruptions_allowed, 1);
  EXPECT_EQ(plan.status.disrupted_pods, (std::map<std::string, std::string>{{"r1", "2026-03-01T11:59:30Z"}}));
  EXPECT_EQ(plan.look_again, std::chrono::seconds(90));
  EXPECT_EQ(plan.not_deleted, std::vector<std::string>{"r2"});
}

TEST(DisruptionPlan, TheConditionKeepsItsTimeWhileItSaysTheSame) {
  const auto with = budget(model::CountOrPercent{1, false}, {});
  const auto first = plan_disruptions(with, pods(3, 0), kNow);
  auto later = with;
  later.status = first.status;
  const auto same = plan_disruptions(later, pods(2, 0), kNow + std::chrono::hours(1));
  EXPECT_EQ(same.status.conditions.front().last_transition_time, "2026-03-01T12:00:00Z");
  const auto other = plan_disruptions(later, pods(1, 0), kNow + std::chrono::hours(1));
  EXPECT_EQ(other.status.conditions.front().last_transition_time, "2026-03-01T13:00:00Z");
  EXPECT_EQ(plan_disruptions(later, pods(3, 0), kNow + std::chrono::hours(1)).status, first.status)
      << "nothing to write";
}

}  // namespace
}  // namespace berth::agent
