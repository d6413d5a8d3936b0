// tests/agent/node_choice_test.cpp - which node a pod gets: on thousands of random clusters.
#include "agent/node_choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>

namespace berth::agent {
namespace {

Tenant tenant(const std::string& name, std::int64_t cpu, const std::string& set = {}, std::int64_t priority = 0) {
  Tenant out;
  out.name = {"default", name};
  out.requests = {{"cpu", {.milli = cpu}}};
  out.set = set;
  out.priority = priority;
  return out;
}

NodeView node(const std::string& name, std::int64_t cpu, std::vector<const Tenant*> here = {}) {
  return {.name = name, .why_not = {}, .allocatable = {{"cpu", {.milli = cpu}}}, .here = std::move(here), .ahead = {}};
}

/// A pod of some cluster: whom it would displace is for the test to judge.
struct World {
  std::deque<Tenant> tenants;
  std::vector<NodeView> nodes;
  Tenant pod;
};

World make_world(std::mt19937& random) {
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  World world;
  const auto make = [&](const std::string& name) {
    auto out = tenant(name, pick(0, 8) * 250, pick(0, 1) == 0 ? "set" : "", pick(0, 3));
    out.leaving = pick(0, 5) == 0;
    out.guarded = pick(0, 3) == 0;
    return out;
  };
  for (int n = pick(0, 6); n > 0; --n) {
    auto view = node("n" + std::to_string(n), pick(1, 4) * 1000);
    view.allocatable["pods"] = {.milli = pick(1, 6) * 1000};
    if (pick(0, 4) == 0) view.why_not = pick(0, 1) == 0 ? "node(s) were unschedulable" : "node(s) had a taint";
    for (int i = pick(0, 6); i > 0; --i) {
      world.tenants.push_back(make("t" + std::to_string(world.tenants.size())));
      (pick(0, 5) == 0 ? view.ahead : view.here).push_back(&world.tenants.back());
    }
    world.nodes.push_back(std::move(view));
  }
  world.pod = make("new");
  world.pod.leaving = false;
  return world;
}

std::vector<const Tenant*> everybody(const NodeView& view) {
  auto all = view.here;
  all.insert(all.end(), view.ahead.begin(), view.ahead.end());
  return all;
}

TEST(NodeChoice, IsOneThatTakesThePodWheneverThereIsOne) {
  std::mt19937 random(11);
  std::map<std::string, int> seen;
  for (int i = 0; i < 5'000; ++i) {
    auto world = make_world(random);
    const auto choice = choose_node(world.pod, world.nodes);
    const auto takes = [&](const NodeView& view) {
      return view.why_not.empty() && shortages(world.pod, view.allocatable, everybody(view)).empty();
    };
    const auto any = std::any_of(world.nodes.begin(), world.nodes.end(), takes);
    EXPECT_EQ(!choice.node.empty(), any) << i;
    EXPECT_EQ(choice.why.empty(), any) << i;
    for (const auto& view : world.nodes) {
      if (view.name == choice.node) {
        EXPECT_TRUE(takes(view)) << i;
      }
    }
    // The order in which they are looked at does not matter: every host finds the same.
    std::shuffle(world.nodes.begin(), world.nodes.end(), random);
    const auto again = choose_node(world.pod, world.nodes);
    EXPECT_EQ(again.node, choice.node) << i;
    EXPECT_EQ(again.why, choice.why) << i;
    EXPECT_EQ(again.victims.size(), choice.victims.size()) << i;
    ++seen[any ? "placed" : choice.victims.empty() ? "waits" : "preempts"];
  }
  for (const auto* what : {"placed", "waits", "preempts"}) EXPECT_GT(seen[what], 250) << what;
}

TEST(NodeChoice, NobodyHasToGoInVainOrFromMoreThanOneNode) {
  std::mt19937 random(13);
  int preempted = 0;
  for (int i = 0; i < 5'000; ++i) {
    const auto world = make_world(random);
    const auto choice = choose_node(world.pod, world.nodes);
    if (choice.victims.empty()) continue;
    ++preempted;
    EXPECT_TRUE(choice.node.empty());
    int helped = 0;
    for (const auto& view : world.nodes) {
      auto left = everybody(view);
      const auto before = left.size();
      std::erase_if(left, [&](const auto* each) {
        return std::find(choice.victims.begin(), choice.victims.end(), each) != choice.victims.end();
      });
      const auto gone = before - left.size();
      std::erase_if(left, [](const auto* each) { return each->leaving; });
      const auto fits = view.why_not.empty() && shortages(world.pod, view.allocatable, left).empty();
      if (gone == 0) {
        EXPECT_FALSE(fits) << i << ": waiting would have been enough";
        continue;
      }
      EXPECT_EQ(gone, choice.victims.size()) << i;
      EXPECT_TRUE(fits) << i;
      ++helped;
    }
    EXPECT_EQ(helped, 1) << i;
    for (const auto* victim : choice.victims) EXPECT_LT(victim->priority, world.pod.priority);
  }
  EXPECT_GT(preempted, 250);
}

TEST(NodeChoice, ASetIsSpreadAndTheEmptierNodeComesFirst) {
  std::deque<Tenant> pods;
  std::map<std::string, std::vector<const Tenant*>> placed;
  const auto place = [&](const Tenant& pod) {
    const auto choice = choose_node(
        pod, {node("n1", 8000, placed["n1"]), node("n2", 4000, placed["n2"]), node("n3", 8000, placed["n3"])});
    pods.push_back(pod);
    placed[choice.node].push_back(&pods.back());
    return choice.node;
  };
  EXPECT_EQ(place(tenant("lone", 1000)), "n1");
  EXPECT_EQ(place(tenant("other", 1000)), "n3") << "a quarter of n1, a quarter of n2, an eighth of n3";
  EXPECT_EQ(place(tenant("db-0", 0, "db")), "n2") << "nobody is there";
  EXPECT_EQ(place(tenant("db-1", 0, "db")), "n1");
  EXPECT_EQ(place(tenant("db-2", 0, "db")), "n3");
}

TEST(NodeChoice, WhyNotIsSaidOfAllNodes) {
  const Tenant full = tenant("full", 1000);
  auto cordoned = node("n3", 1000);
  cordoned.why_not = "node(s) were unschedulable";
  const auto choice = choose_node(tenant("new", 500), {node("n1", 1000, {&full}), node("n2", 1000, {&full}), cordoned});
  EXPECT_EQ(choice.why, "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.");
}

}  // namespace
}  // namespace berth::agent
