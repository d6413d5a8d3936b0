// tests/agent/shutdown_plan_test.cpp - who goes when the host goes down, and who has how long.
#include "agent/shutdown_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace berth::agent {
namespace {

using std::chrono::seconds;

const SteadyTime kBegan{seconds(1000)};

class ShutdownPlanTest : public testing::Test {
 protected:
  LeavingPod& add(const std::string& uid, std::int64_t priority = 0) {
    auto& pod = pods.emplace_back();
    pod.uid = uid;
    pod.priority = priority;
    return pod;
  }
  void add_set(const std::string& name, std::int32_t replicas, std::int64_t priority = 0) {
    for (std::int32_t i = 0; i < replicas; ++i) {
      auto& pod = add(name + "-" + std::to_string(i), priority);
      pod.set = name;
      pod.ordinal = i;
    }
  }
  LeavingPod& pod(const std::string& uid) {
    return *std::find_if(pods.begin(), pods.end(), [&](const auto& one) { return one.uid == uid; });
  }
  void left(const std::string& uid) { pod(uid).left = true; }
  /// What is told now: seconds that it has, by uid. It is remembered, as the agent does.
  std::map<std::string, double> tell() {
    std::map<std::string, double> told;
    for (const auto& order : plan_shutdown(pods, budget, kBegan, now)) {
      EXPECT_FALSE(pod(order.uid).until) << order.uid << " is told twice";
      pod(order.uid).until = order.until;
      told[order.uid] = std::chrono::duration<double>(order.until - now).count();
    }
    return told;
  }
  using Told = std::map<std::string, double>;

  std::vector<LeavingPod> pods;
  ShutdownBudget budget{.whole = seconds(60), .critical = seconds(10)};
  SteadyTime now = kBegan;
};

TEST_F(ShutdownPlanTest, PodsWithoutOrderGoAtOnceAndHaveAllOfTheTime) {
  EXPECT_TRUE(tell().empty());
  add("a");
  add("b");
  EXPECT_EQ(tell(), (Told{{"a", 60}, {"b", 60}}));
  EXPECT_TRUE(tell().empty());
}

TEST_F(ShutdownPlanTest, ASetGoesFromItsHighestOrdinalEachWithItsShare) {
  add_set("web", 3);
  add_set("db", 1);
  EXPECT_EQ(tell(), (Told{{"web-2", 20}, {"db-0", 60}}));
  now += seconds(5);
  EXPECT_TRUE(tell().empty()) << "web-2 is there";
  left("web-2");
  EXPECT_EQ(tell(), (Told{{"web-1", 27.5}})) << "what web-2 did not need is shared by the others";
  now += seconds(1);
  left("web-1");
  EXPECT_EQ(tell(), (Told{{"web-0", 54}}));
}

TEST_F(ShutdownPlanTest, LowerPrioritiesGoFirst) {
  add("batch", -10);
  add("plain");
  add("dear", 1000);
  EXPECT_EQ(tell(), (Told{{"batch", 20}}));
  left("batch");
  EXPECT_EQ(tell(), (Told{{"plain", 30}}));
  left("plain");
  EXPECT_EQ(tell(), (Told{{"dear", 60}}));
}

TEST_F(ShutdownPlanTest, CriticalPodsGoLastAndTheirTimeIsKept) {
  add("plain");
  add("critical", kCriticalPriority);
  EXPECT_EQ(tell(), (Told{{"plain", 50}}));
  now += seconds(50);
  EXPECT_TRUE(tell().empty()) << "it is just being killed";
  now += kLateLeave;
  EXPECT_EQ(tell(), (Told{{"critical", 8}}));
}

TEST_F(ShutdownPlanTest, OneThatCannotBeEndedHoldsUpNobody) {
  add_set("web", 2);
  EXPECT_EQ(tell(), (Told{{"web-1", 30}}));
  now += seconds(32);
  EXPECT_EQ(tell(), (Told{{"web-0", 28}})) << "web-1 hangs in an unmount";
}

TEST_F(ShutdownPlanTest, ByTimeAloneSomethingIsToBeSaidWhenAPodOutstaysIts) {
  add_set("web", 2);
  EXPECT_FALSE(next_late(pods, now)) << "nobody was told yet";
  tell();
  EXPECT_EQ(next_late(pods, now), kBegan + seconds(30) + kLateLeave);
  now += seconds(32);
  EXPECT_FALSE(next_late(pods, now)) << "that is now";
  tell();
  EXPECT_EQ(next_late(pods, now), kBegan + seconds(60) + kLateLeave);
  left("web-0");
  EXPECT_FALSE(next_late(pods, now));
}

TEST_F(ShutdownPlanTest, NobodyHasLessThanNothingWhenTheTimeIsOver) {
  add_set("web", 1);
  now += seconds(600);
  EXPECT_EQ(tell(), (Told{{"web-0", 0}}));
  budget = {.whole = seconds(0), .critical = seconds(10)};
  pods.clear();
  add("critical", kCriticalPriority);
  EXPECT_EQ(tell(), (Told{{"critical", 0}}));
}

/// Pods that take whatever time they are given, and some that are never gone: all are told, in order, and nobody's time
/// ends after the budget.
TEST_F(ShutdownPlanTest, WhateverPodsThereAreAllAreToldAndNoTimeEndsAfterTheBudget) {
  std::mt19937 random(7);
  const auto one_of = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    pods.clear();
    now = kBegan;
    for (unsigned i = 0; i < one_of(6); ++i) add("pod" + std::to_string(i), one_of(3));
    for (unsigned i = 0; i < one_of(4); ++i) {
      add_set("set" + std::to_string(i), static_cast<std::int32_t>(1 + one_of(4)),
              one_of(3) == 0 ? kCriticalPriority : one_of(3));
    }
    std::optional<SteadyTime> next = now;
    for (; now < kBegan + seconds(120); now += seconds(1)) {
      const auto told = tell();
      EXPECT_TRUE(told.empty() || (next && now >= *next)) << "nobody was asked to look at this time";
      next = next_late(pods, now);
      for (auto& one : pods) {
        if (!one.until) continue;
        EXPECT_LE(*one.until, kBegan + std::max<SteadyTime::duration>(budget.whole, now - kBegan));
        for (const auto& other : pods) {
          const auto before = other.priority < one.priority ||
                              (other.set == one.set && !one.set.empty() && other.ordinal > one.ordinal);
          EXPECT_TRUE(!before || other.until) << one.uid << " before " << other.uid;
        }
        if (one_of(5) == 0) {
          one.left = true;
          next = now;
        }
      }
    }
    EXPECT_TRUE(std::all_of(pods.begin(), pods.end(), [](const auto& one) { return one.until.has_value(); }));
  }
}

TEST(PriorityTest, IsTheNumberOrTheSystemsClass) {
  const auto of = [](std::string_view text) { return priority_of(parse_json(text)->get_object()); };
  EXPECT_EQ(of(R"({})"), 0);
  EXPECT_EQ(of(R"({"spec":{}})"), 0);
  EXPECT_EQ(of(R"({"spec":{"priority":-7}})"), -7);
  EXPECT_EQ(of(R"({"spec":{"priorityClassName":"system-cluster-critical"}})"), 2'000'000'000);
  EXPECT_EQ(of(R"({"spec":{"priorityClassName":"system-node-critical"}})"), 2'000'001'000);
  EXPECT_EQ(of(R"({"spec":{"priorityClassName":"mine"}})"), 0);
  EXPECT_EQ(of(R"({"spec":{"priority":"high"}})"), 0);
}

}  // namespace
}  // namespace berth::agent
