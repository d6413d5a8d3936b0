// tests/agent/start_order_test.cpp - after a boot a set's pods begin one after another, and nobody else waits.
#include "agent/sets/start_order.hpp"

#include <gtest/gtest.h>

#include "model/model.hpp"
#include "tests/fakes/manual_clock.hpp"

namespace berth::agent {
namespace {

using std::chrono::seconds;

const WallTime kNow = *parse_rfc3339("2026-11-21T10:00:00Z");

model::PodStatus ready_since(seconds ago) {
  model::PodStatus status;
  status.phase = "Running";
  status.conditions = {{"Ready", "True", "", "", format_rfc3339(kNow - ago)}};
  return status;
}

/// A set "web" of three whose pods all exist, as after a boot; none is Ready unless the test says so.
class PlanStartTest : public testing::Test {
 protected:
  PlanStartTest() {
    set.meta.name = "web";
    set.replicas = 3;
    for (std::int32_t ordinal = 0; ordinal < 3; ++ordinal) add(ordinal);
  }
  void add(std::int32_t ordinal) {
    auto pod = std::make_shared<model::Pod>();
    pod->meta.name = "web-" + std::to_string(ordinal);
    // What the store remembers from before the boot must not count.
    pod->status = ready_since(seconds(3600));
    pods[ordinal].pod = pod;
  }
  void ready(std::int32_t ordinal, seconds ago = seconds(5)) {
    statuses[ordinal] = ready_since(ago);
    pods[ordinal].status = &statuses[ordinal];
  }
  void unready(std::int32_t ordinal) {
    statuses[ordinal] = {};
    pods[ordinal].status = &statuses[ordinal];
  }
  std::string why(std::int32_t ordinal) { return plan_start(set, pods, ordinal, kNow).why; }

  model::StatefulSet set;
  std::map<std::int32_t, OrderedPod> pods;
  std::map<std::int32_t, model::PodStatus> statuses;
};

TEST_F(PlanStartTest, EachWaitsForAllBeforeIt) {
  EXPECT_EQ(why(0), "");
  EXPECT_EQ(why(1), "waits for web-0 to be Ready: pods of StatefulSet web start in order");
  EXPECT_EQ(why(2), why(1));
  unready(0);
  EXPECT_NE(why(1), "");
  ready(0);
  EXPECT_EQ(why(1), "");
  EXPECT_EQ(why(2), "waits for web-1 to be Ready: pods of StatefulSet web start in order");
  ready(1);
  EXPECT_EQ(why(2), "");
  unready(0);
  EXPECT_NE(why(2), "") << "all before it, not only the last";
}

TEST_F(PlanStartTest, OneThatIsMissingOrGoingIsWaitedFor) {
  ready(0);
  auto going = *pods[0].pod;
  going.meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  pods[0].pod = std::make_shared<const model::Pod>(going);
  EXPECT_EQ(why(1), "waits for web-0, which is being deleted");
  pods.erase(0);
  EXPECT_EQ(why(1), "waits for web-0, which is not there yet");
}

TEST_F(PlanStartTest, MinReadySecondsCountAndTellWhenToLookAgain) {
  set.min_ready_seconds = 10;
  ready(0, seconds(4));
  const auto wait = plan_start(set, pods, 1, kNow);
  EXPECT_EQ(wait.why, "waits for web-0 to be available: pods of StatefulSet web start in order");
  ASSERT_TRUE(wait.look_again);
  EXPECT_EQ(*wait.look_again, seconds(6));
  ready(0, seconds(10));
  EXPECT_EQ(why(1), "");
}

TEST_F(PlanStartTest, AParallelSetAndOneWhoseOrderIsLiftedDoNotWait) {
  set.pod_management_policy = "Parallel";
  EXPECT_EQ(why(2), "");
  set.pod_management_policy = "OrderedReady";
  EXPECT_NE(why(2), "");
  set.meta.annotations["berth.io/boot-order"] = "Parallel";
  EXPECT_EQ(why(2), "");
}

TEST_F(PlanStartTest, OrdinalsMayBeginElsewhereThanAtZero) {
  set.start_ordinal = 1;
  set.replicas = 2;
  EXPECT_EQ(why(1), "") << "web-0 is surplus: nobody waits for it";
  EXPECT_NE(why(2), "");
  ready(1);
  EXPECT_EQ(why(2), "");
}

TEST_F(PlanStartTest, ASurplusPodWaitsForThoseThatAreWantedAndForSurplusOnesBelow) {
  set.replicas = 1;
  EXPECT_EQ(why(2), "waits for web-0 to be Ready: pods of StatefulSet web start in order");
  ready(0);
  EXPECT_EQ(why(1), "");
  EXPECT_EQ(why(2), "waits for web-1 to be Ready: pods of StatefulSet web start in order");
  ready(1);
  EXPECT_EQ(why(2), "");
}

/// The objects of a set in a cache, as the agent has them.
class StartOrderTest : public testing::Test {
 protected:
  void apply(std::string_view text) {
    auto raw = parse_json(text);
    auto object = model::make_object(raw->get_object());
    ASSERT_TRUE(object) << object.error().message();
    cache.apply({store::ChangeType::Added, std::make_shared<const model::Object>(*std::move(object)), nullptr, 1});
  }
  void make(const std::string& policy) {
    apply(R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web","namespace":"default","uid":"s"},)"
          R"("spec":{"replicas":2,"podManagementPolicy":")" +
          policy +
          R"(","selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},)"
          R"("spec":{"containers":[{"name":"c","image":"i"}]}}}})");
    for (const auto* name : {"web-0", "web-1"}) pod(name, "n1");
  }
  void pod(const std::string& name, const std::string& node, const std::string& owner = "s") {
    apply(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name + R"(","namespace":"default","uid":"u-)" +
          name + R"(","ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"web","uid":")" + owner +
          R"(","controller":true}]},"spec":{"nodeName":")" + node +
          R"(","containers":[{"name":"c","image":"i"}]},"status":{"phase":"Running","conditions":)"
          R"([{"type":"Ready","status":"True","lastTransitionTime":"2026-11-21T09:00:00Z"}]}})");
  }
  std::string why(const std::string& name) { return order.ask(*cache.pod({"default", name})).why; }

  ManualClock clock;
  ObjectCache cache;
  std::map<std::string, model::PodStatus> seen;
  StartOrder order{clock, cache, "n1", [this](const std::string& uid) -> const model::PodStatus* {
                     const auto found = seen.find(uid);
                     return found == seen.end() ? nullptr : &found->second;
                   }};
};

TEST_F(StartOrderTest, WhatTheStoreRemembersFromBeforeTheBootIsNotBelieved) {
  make("OrderedReady");
  EXPECT_EQ(why("web-0"), "");
  EXPECT_NE(why("web-1"), "");
  EXPECT_EQ(order.waiting_in("s"), std::vector<std::string>{"u-web-1"});
  seen["u-web-0"] = ready_since(seconds(1));
  EXPECT_EQ(why("web-1"), "");
  EXPECT_TRUE(order.waiting_in("s").empty());
}

TEST_F(StartOrderTest, APodOfAnotherNodeIsAsTheStoreHasIt) {
  make("OrderedReady");
  pod("web-0", "n2");
  EXPECT_EQ(why("web-1"), "");
}

TEST_F(StartOrderTest, OnlyPodsOfAnOrderedSetThatIsThereWait) {
  make("Parallel");
  EXPECT_EQ(why("web-1"), "");
  pod("web-1", "n1", "of-an-earlier-set");
  EXPECT_EQ(why("web-1"), "");
  model::Pod bare;
  bare.meta.name = "web-1";
  bare.meta.ns = "default";
  EXPECT_EQ(order.ask(bare).why, "");
}

/// A quorum that grew one by one: web-0 is Ready only with web-1.
TEST_F(StartOrderTest, NobodyWaitsForTheSameOneForEver) {
  make("OrderedReady");
  const auto ask = [&] { return order.ask(*cache.pod({"default", "web-1"})); };
  EXPECT_EQ(ask().look_again, StartOrder::kPatience);
  clock.advance(StartOrder::kPatience - seconds(1));
  EXPECT_EQ(ask().look_again, seconds(1));
  clock.advance(seconds(1));
  EXPECT_EQ(ask().why, "");
  EXPECT_EQ(ask().why, "") << "nor once more when its first step failed";
  EXPECT_TRUE(order.waiting_in("s").empty());
}

TEST_F(StartOrderTest, PatienceBeginsAnewWithAnotherReason) {
  make("OrderedReady");
  EXPECT_NE(why("web-1"), "");
  clock.advance(StartOrder::kPatience - seconds(1));
  pod("web-0", "n1", "of-an-earlier-set");
  EXPECT_EQ(why("web-1"), "waits for web-0, which is not there yet");
  clock.advance(seconds(30));
  EXPECT_NE(why("web-1"), "");
}

TEST_F(StartOrderTest, OneThatIsGoneWaitsNoLonger) {
  make("OrderedReady");
  EXPECT_NE(why("web-1"), "");
  order.forget("u-web-1");
  EXPECT_TRUE(order.waiting_in("s").empty());
}

}  // namespace
}  // namespace berth::agent
