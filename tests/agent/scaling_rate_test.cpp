// tests/agent/scaling_rate_test.cpp - windows, policies and bounds of an autoscaler; and what holds whatever happens.
#include "agent/scaling/scaling_rate.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace berth::agent {
namespace {

using std::chrono::seconds;

model::ScalingRules rules(seconds window, std::vector<model::ScalingPolicy> policies,
                          model::SelectPolicy select = model::SelectPolicy::Max) {
  return {.window = window, .select = select, .policies = std::move(policies), .tolerance = 0.1};
}

class ScalingRate : public testing::Test {
 protected:
  ScalingRate() {
    scaler.min_replicas = 1;
    scaler.max_replicas = 100;
    scaler.up = rules(seconds(0), {{false, 4, seconds(15)}, {true, 100, seconds(15)}});
    scaler.down = rules(seconds(300), {{true, 100, seconds(15)}});
  }

  /// One round, written.
  std::int32_t round(std::int32_t wanted) {
    auto rated = rate_replicas(scaler, current, wanted, std::move(memory), now);
    able = rated.able.reason;
    limited = rated.limited.reason;
    is_limited = rated.limited.status == "True";
    memory = with_step(scaler, std::move(rated.memory), current, rated.replicas, now);
    current = rated.replicas;
    return current;
  }
  std::int32_t later(seconds time, std::int32_t wanted) {
    now += time;
    return round(wanted);
  }

  model::Autoscaler scaler;
  ScalingMemory memory;
  std::int32_t current = 1;
  SteadyTime now = SteadyTime(std::chrono::hours(1));
  std::string able;
  std::string limited;
  bool is_limited = false;
};

TEST_F(ScalingRate, ItGrowsByFourOrTwiceInFifteenSeconds) {
  EXPECT_EQ(round(50), 5);
  EXPECT_EQ(limited, "ScaleUpLimit");
  EXPECT_TRUE(is_limited);
  EXPECT_EQ(later(seconds(5), 50), 5) << "these four were in this period";
  EXPECT_EQ(later(seconds(10), 50), 10);
  EXPECT_EQ(later(seconds(15), 50), 20);
  EXPECT_EQ(later(seconds(15), 50), 40);
  EXPECT_EQ(later(seconds(15), 50), 50);
  EXPECT_EQ(limited, "DesiredWithinRange");
  EXPECT_FALSE(is_limited);
}

TEST_F(ScalingRate, ItShrinksToTheMostOfFiveMinutes) {
  current = 10;
  EXPECT_EQ(round(10), 10);
  EXPECT_EQ(able, "ReadyForNewScale");
  EXPECT_EQ(later(seconds(15), 2), 10);
  EXPECT_EQ(able, "ScaleDownStabilized");
  EXPECT_EQ(later(seconds(15), 6), 10);
  EXPECT_EQ(later(seconds(285), 2), 6) << "the ten is over, the six is not";
  EXPECT_EQ(later(seconds(15), 2), 2);
}

TEST_F(ScalingRate, AWindowUpwardsTakesTheLeastOfIt) {
  scaler.up.window = seconds(60);
  EXPECT_EQ(round(1), 1);
  EXPECT_EQ(later(seconds(15), 4), 1);
  EXPECT_EQ(able, "ScaleUpStabilized");
  EXPECT_EQ(later(seconds(30), 3), 1);
  EXPECT_EQ(later(seconds(15), 5), 3);
}

TEST_F(ScalingRate, TheBoundsHold) {
  scaler.min_replicas = 2;
  scaler.max_replicas = 3;
  scaler.down.window = seconds(0);
  current = 2;
  EXPECT_EQ(round(50), 3);
  EXPECT_EQ(limited, "TooManyReplicas");
  EXPECT_EQ(later(seconds(15), 0), 2);
  EXPECT_EQ(limited, "TooFewReplicas");
}

TEST_F(ScalingRate, PoliciesAreChosenAsAskedAndDisabledStopsADirection) {
  scaler.up = rules(seconds(0), {{false, 1, seconds(60)}, {true, 50, seconds(60)}}, model::SelectPolicy::Min);
  scaler.down = rules(seconds(0), {{false, 1, seconds(60)}, {true, 50, seconds(60)}}, model::SelectPolicy::Min);
  current = 10;
  EXPECT_EQ(round(50), 11);
  EXPECT_EQ(later(seconds(60), 1), 10);
  EXPECT_EQ(limited, "ScaleDownLimit");
  EXPECT_EQ(later(seconds(30), 1), 10) << "one in a minute";
  scaler.down.select = model::SelectPolicy::Max;
  EXPECT_EQ(later(seconds(30), 1), 5);
  scaler.down.select = model::SelectPolicy::Disabled;
  EXPECT_EQ(later(seconds(600), 1), 5);
  scaler.up.select = model::SelectPolicy::Disabled;
  EXPECT_EQ(later(seconds(600), 50), 5);
}

TEST_F(ScalingRate, WhatBelongsToNoWindowIsForgotten) {
  for (int i = 0; i < 1000; ++i) later(seconds(15), i % 7 + 1);
  EXPECT_LE(memory.recommendations.size(), 22U);
  EXPECT_LE(memory.ups.size() + memory.downs.size(), 3U);
}

/// Rules, wishes and times at random: never out of bounds, never against the wish, never faster than a policy allows,
/// and what is wished for long enough comes.
TEST_F(ScalingRate, WhateverIsWishedTheRulesHold) {
  for (unsigned seed = 1; seed <= 100 && !HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    const auto pick = [&](int low, int high) {
      return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
    };
    const auto any = [&] {
      std::vector<model::ScalingPolicy> policies;
      for (int i = pick(1, 3); i > 0; --i) {
        const bool percent = pick(0, 1) == 1;
        policies.push_back({percent, percent ? pick(1, 150) : pick(1, 10), seconds(pick(1, 120))});
      }
      return rules(seconds(pick(0, 2) * pick(0, 200)), std::move(policies),
                   pick(0, 1) == 1 ? model::SelectPolicy::Max : model::SelectPolicy::Min);
    };
    scaler.up = any();
    scaler.down = any();
    scaler.min_replicas = pick(1, 20);
    scaler.max_replicas = scaler.min_replicas + pick(0, 80);
    current = pick(scaler.min_replicas, scaler.max_replicas);
    memory = {};
    std::map<SteadyTime, std::int32_t> past{{now, current}};
    for (int step = 0; step < 200; ++step) {
      const auto before = current;
      const auto wanted = pick(0, 150);
      later(seconds(pick(1, 40)), wanted);
      ASSERT_GE(current, scaler.min_replicas);
      ASSERT_LE(current, scaler.max_replicas);
      ASSERT_TRUE(current <= before || wanted > before) << before << " became " << current << " for " << wanted;
      ASSERT_TRUE(current >= before || wanted < before) << before << " became " << current << " for " << wanted;
      past[now] = current;
      // Were there no steps the other way, a policy bounds what was added within its period; the most generous bounds
      // all.
      if (current > before && scaler.up.select == model::SelectPolicy::Min && memory.downs.empty()) {
        for (const auto& policy : scaler.up.policies) {
          const auto after = past.upper_bound(now - policy.period);
          const auto begin = (after == past.begin() ? after : std::prev(after))->second;
          const auto most = policy.percent ? begin + (begin * policy.value + 99) / 100 : begin + policy.value;
          ASSERT_LE(current, most) << "from " << begin;
        }
      }
    }
    const auto goal = pick(scaler.min_replicas, scaler.max_replicas);
    for (int step = 0; step < 400 && current != goal; ++step) later(seconds(121), goal);
    EXPECT_EQ(current, goal);
  }
}

}  // namespace
}  // namespace berth::agent
