// tests/agent/node_choice_test.cpp - which node a pod gets: on thousands of random clusters.
#include "agent/placing/node_choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
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

/// A pod of some cluster: whom it would displace is for the test to judge.
struct World {
  ObjectCache cache;  ///< Nobody looks for others by their labels here.
  PodPlaces places{cache};
  std::deque<Tenant> tenants;
  std::vector<NodeView> nodes;
  Tenant pod;
  model::Pod object;

  void put_node(const std::string& name, Allocatable allocatable) {
    auto node = std::make_shared<model::Node>();
    node->meta.name = name;
    places.put_node(node, std::move(allocatable));
    nodes.push_back({.host = places.host(name), .why_not = {}, .ahead = {}});
  }
  void put(const Tenant& tenant, const std::string& node) {
    tenants.push_back(tenant);
    places.put(tenants.back(), std::make_shared<model::Pod>(), node);
  }
  Seeker seeker() const { return {pod, object}; }
};

std::unique_ptr<World> make_world(std::mt19937& random) {
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  auto out = std::make_unique<World>();
  auto& world = *out;
  const auto make = [&](const std::string& name) {
    auto made = tenant(name, pick(0, 8) * 250, pick(0, 1) == 0 ? "set" : "", pick(0, 3));
    made.leaving = pick(0, 5) == 0;
    made.guarded = pick(0, 3) == 0;
    return made;
  };
  for (int n = pick(0, 6); n > 0; --n) {
    const auto name = "n" + std::to_string(n);
    world.put_node(name, {{"cpu", {.milli = pick(1, 4) * 1000}}, {"pods", {.milli = pick(1, 6) * 1000}}});
    auto& view = world.nodes.back();
    if (pick(0, 4) == 0) view.why_not = pick(0, 1) == 0 ? "node(s) were unschedulable" : "node(s) had a taint";
    for (int i = pick(0, 6); i > 0; --i) {
      const auto one = make("t" + std::to_string(world.tenants.size()));
      if (pick(0, 5) == 0) {
        world.tenants.push_back(one);
        view.ahead.push_back(&world.tenants.back());
      } else {
        world.put(one, name);
      }
    }
  }
  world.pod = make("new");
  world.pod.leaving = false;
  return out;
}

std::vector<const Tenant*> everybody(const NodeView& view) {
  auto all = view.host->here.all;
  all.insert(all.end(), view.ahead.begin(), view.ahead.end());
  return all;
}

TEST(NodeChoice, IsOneThatTakesThePodWheneverThereIsOne) {
  std::mt19937 random(11);
  std::map<std::string, int> seen;
  for (int i = 0; i < 5'000; ++i) {
    const auto made = make_world(random);
    auto& world = *made;
    const auto choice = choose_node(world.seeker(), world.nodes, world.places);
    const auto takes = [&](const NodeView& view) {
      return view.why_not.empty() && shortages(world.pod, view.host->allocatable, together(everybody(view))).empty();
    };
    const auto any = std::any_of(world.nodes.begin(), world.nodes.end(), takes);
    EXPECT_EQ(!choice.node.empty(), any) << i;
    EXPECT_EQ(choice.why.empty(), any) << i;
    for (const auto& view : world.nodes) {
      if (view.host->node->meta.name == choice.node) {
        EXPECT_TRUE(takes(view)) << i;
      }
    }
    const auto victims = choose_victims(world.pod, choice.full);
    // The order in which they are looked at does not matter: every host finds the same.
    std::shuffle(world.nodes.begin(), world.nodes.end(), random);
    const auto again = choose_node(world.seeker(), world.nodes, world.places);
    EXPECT_EQ(again.node, choice.node) << i;
    EXPECT_EQ(again.why, choice.why) << i;
    EXPECT_EQ(choose_victims(world.pod, again.full).size(), victims.size()) << i;
    ++seen[any ? "placed" : victims.empty() ? "waits" : "preempts"];
  }
  for (const auto* what : {"placed", "waits", "preempts"}) EXPECT_GT(seen[what], 250) << what;
}

TEST(NodeChoice, NobodyHasToGoInVainOrFromMoreThanOneNode) {
  std::mt19937 random(13);
  int preempted = 0;
  for (int i = 0; i < 5'000; ++i) {
    const auto made = make_world(random);
    auto& world = *made;
    const auto choice = choose_node(world.seeker(), world.nodes, world.places);
    const auto victims = choose_victims(world.pod, choice.full);
    if (victims.empty()) continue;
    ++preempted;
    EXPECT_TRUE(choice.node.empty());
    int helped = 0;
    for (const auto& view : world.nodes) {
      auto left = everybody(view);
      const auto before = left.size();
      std::erase_if(left,
                    [&](const auto* each) { return std::find(victims.begin(), victims.end(), each) != victims.end(); });
      const auto gone = before - left.size();
      std::erase_if(left, [](const auto* each) { return each->leaving; });
      const auto fits = view.why_not.empty() && shortages(world.pod, view.host->allocatable, together(left)).empty();
      if (gone == 0) {
        EXPECT_FALSE(fits) << i << ": waiting would have been enough";
        continue;
      }
      EXPECT_EQ(gone, victims.size()) << i;
      EXPECT_TRUE(fits) << i;
      ++helped;
    }
    EXPECT_EQ(helped, 1) << i;
    for (const auto* victim : victims) EXPECT_LT(victim->priority, world.pod.priority);
  }
  EXPECT_GT(preempted, 250);
}

TEST(NodeChoice, ASetIsSpreadAndTheEmptierNodeComesFirst) {
  World world;
  world.put_node("n1", {{"cpu", {.milli = 8000}}});
  world.put_node("n2", {{"cpu", {.milli = 4000}}});
  world.put_node("n3", {{"cpu", {.milli = 8000}}});
  const auto place = [&](const Tenant& pod) {
    const auto choice = choose_node({pod, world.object}, world.nodes, world.places);
    world.put(pod, choice.node);
    return choice.node;
  };
  EXPECT_EQ(place(tenant("lone", 1000)), "n1");
  EXPECT_EQ(place(tenant("other", 1000)), "n3") << "a quarter of n1, a quarter of n2, an eighth of n3";
  EXPECT_EQ(place(tenant("db-0", 0, "db")), "n2") << "nobody is there";
  EXPECT_EQ(place(tenant("db-1", 0, "db")), "n1");
  EXPECT_EQ(place(tenant("db-2", 0, "db")), "n3");
}

TEST(NodeChoice, WhyNotIsSaidOfAllNodes) {
  World world;
  for (const auto* name : {"n1", "n2", "n3"}) world.put_node(name, {{"cpu", {.milli = 1000}}});
  world.put(tenant("full", 1000), "n1");
  world.put(tenant("full-too", 1000), "n2");
  world.nodes.back().why_not = "node(s) were unschedulable";
  const auto pod = tenant("new", 500);
  EXPECT_EQ(choose_node({pod, world.object}, world.nodes, world.places).why,
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.");
}

}  // namespace
}  // namespace berth::agent
