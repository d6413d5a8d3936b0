// tests/agent/disruption_plan_test.cpp - how many pods a budget lets go.
#include "agent/budgets/disruption_plan.hpp"

#include <gtest/gtest.h>

#include "tests/agent/random_days.hpp"

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

/// Somebody evicts whenever it is allowed, as the API does it; pods fall ill, get well, go and come back. As long as
/// nobody falls ill, as many stay healthy as the budget wants.
TEST(DisruptionDays, EvictionsAloneNeverTakeMoreThanTheBudgetLeaves) {
  constexpr int kSteps = 80;
  std::uint64_t evicted = 0;
  const auto days = live_days(300, [&](Dice& dice) {
    const auto replicas = 1 + dice.below(8);
    auto all = pods(replicas, 0);
    for (auto& each : all) each.scale->replicas = replicas;
    const model::CountOrPercent amount{dice.below(4), false};
    const model::CountOrPercent share{dice.below(101), true};
    const auto some = dice.one_in(2) ? amount : share;
    auto wanted = dice.one_in(2) ? budget(some, {}) : budget({}, some);
    auto now = kNow;
    int made = 0;
    const auto floor = [&] {
      const auto part = some.percent ? (some.number * replicas + 99) / 100 : some.number;
      return wanted.min_available ? part : std::max(replicas - part, 0);
    };
    const auto healthy = [&] {
      return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const auto& each) {
        return each.pod->status.ready() && !each.pod->meta.deleting() &&
               !wanted.status.disrupted_pods.contains(each.pod->meta.name);
      }));
    };
    const auto change = [&](std::size_t which, const std::function<void(model::Pod&)>& edit) {
      auto copy = std::make_shared<model::Pod>(*all[which].pod);
      edit(*copy);
      all[which].pod = copy;
    };
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) {
      now += std::chrono::seconds(dice.below(20));
      const auto which = static_cast<std::size_t>(dice.below(static_cast<int>(all.size())));
      switch (dice.below(8)) {
        case 0: change(which, [](model::Pod& pod) { pod.status.conditions.at(0).status = "False"; }); break;
        case 1:
        case 2: change(which, [](model::Pod& pod) { pod.status.conditions.at(0).status = "True"; }); break;
        case 3:  // Those that were marked are gone, and their set makes others.
          for (auto& each : all) {
            if (!each.pod->meta.deleting()) continue;
            wanted.status.disrupted_pods.erase(each.pod->meta.name);
            each = pod("new-" + std::to_string(++made), dice.one_in(2), PodScale{"set", replicas});
            if (each.pod->status.conditions.empty()) {
              auto copy = std::make_shared<model::Pod>(*each.pod);
              copy->status.conditions.push_back({"Ready", "False", "", "", ""});
              each.pod = copy;
            }
          }
          break;
        case 4: {
          // As the eviction does it: only on numbers that are of now, and noted before the pod is marked.
          const auto plan = plan_disruptions(wanted, all, now);
          wanted.status = plan.status;
          EXPECT_LE(plan.status.disruptions_allowed, std::max(healthy() - floor(), 0));
          while (wanted.status.disruptions_allowed > 0) {
            const auto victim = std::find_if(all.begin(), all.end(), [&](const auto& each) {
              return each.pod->status.ready() && !each.pod->meta.deleting() &&
                     !wanted.status.disrupted_pods.contains(each.pod->meta.name);
            });
            ASSERT_NE(victim, all.end()) << "more is allowed than there is";
            --wanted.status.disruptions_allowed;
            wanted.status.disrupted_pods[victim->pod->meta.name] = format_rfc3339(now);
            ++evicted;
            EXPECT_GE(healthy(), floor()) << "below what the budget wants";
            if (dice.one_in(2))
              change(static_cast<std::size_t>(victim - all.begin()),
                     [](model::Pod& pod) { pod.meta.deletion_timestamp = "2026-03-01T12:00:00Z"; });
          }
          break;
        }
        default: {
          const auto plan = plan_disruptions(wanted, all, now);
          wanted.status = plan.status;
          EXPECT_EQ(plan.status.desired_healthy, floor());
          EXPECT_EQ(plan.status.current_healthy, healthy());
          EXPECT_GE(plan.status.disruptions_allowed, 0);
          EXPECT_EQ(plan.look_again.has_value(), std::any_of(all.begin(), all.end(), [&](const auto& each) {
                      return !each.pod->meta.deleting() && plan.status.disrupted_pods.contains(each.pod->meta.name);
                    }));
          break;
        }
      }
    }
  });
  EXPECT_GE(evicted, days);
}

}  // namespace
}  // namespace berth::agent
