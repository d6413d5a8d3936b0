// tests/agent/node_room_test.cpp - who fits, and who goes: on thousands of random nodes.
#include "agent/placing/node_room.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace berth::agent {
namespace {

struct World {
  Allocatable allocatable;
  std::vector<Tenant> tenants;
  Tenant pod;

  std::vector<const Tenant*> here() const {
    std::vector<const Tenant*> out;
    for (const auto& tenant : tenants) out.push_back(&tenant);
    return out;
  }
};

World make_world(std::mt19937& random) {
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  const auto make = [&](const std::string& name) {
    Tenant out;
    out.name = {"default", name};
    out.priority = pick(0, 3);
    out.requests["cpu"] = {.milli = pick(0, 8) * 250};
    if (pick(0, 3) == 0) out.requests["example.com/gpu"] = {.milli = pick(0, 2) * 1000};
    out.leaving = pick(0, 4) == 0;
    out.guarded = pick(0, 3) == 0;
    out.created_at = std::to_string(pick(1000, 1010));
    return out;
  };
  World world;
  world.allocatable = {{"cpu", {.milli = pick(1, 4) * 1000}}, {"pods", {.milli = pick(1, 8) * 1000}}};
  if (pick(0, 1) == 0) world.allocatable["example.com/gpu"] = {.milli = pick(0, 4) * 1000};
  for (int i = pick(0, 8); i > 0; --i) world.tenants.push_back(make("t" + std::to_string(i)));
  world.pod = make("new");
  world.pod.leaving = false;
  world.pod.preempts = pick(0, 4) != 0;
  return world;
}

TEST(NodeRoom, WhoGoesIsEnoughNeededAndLessImportant) {
  std::mt19937 random(7);
  int preempted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto world = make_world(random);
    const auto here = world.here();
    const auto gone = victims(world.pod, world.allocatable, here);
    auto staying = here;
    std::erase_if(staying, [](const auto* tenant) { return tenant->leaving; });
    if (gone.empty()) {
      auto equals = staying;
      std::erase_if(equals, [&](const auto* tenant) { return tenant->priority < world.pod.priority; });
      const auto fits_once_they_left = shortages(world.pod, world.allocatable, together(staying)).empty();
      const auto in_vain = !shortages(world.pod, world.allocatable, together(equals)).empty();
      EXPECT_TRUE(fits_once_they_left || in_vain || !world.pod.preempts) << i;
      continue;
    }
    ++preempted;
    EXPECT_TRUE(world.pod.preempts);
    auto after = staying;
    std::erase_if(after, [&](const auto* tenant) { return std::find(gone.begin(), gone.end(), tenant) != gone.end(); });
    EXPECT_EQ(after.size() + gone.size(), staying.size()) << "one that is leaving already";
    EXPECT_TRUE(shortages(world.pod, world.allocatable, together(after)).empty()) << i;
    for (const auto* victim : gone) {
      EXPECT_LT(victim->priority, world.pod.priority);
      auto spared = after;
      spared.push_back(victim);
      EXPECT_FALSE(shortages(world.pod, world.allocatable, together(spared)).empty())
          << i << ": " << victim->name.second;
    }
  }
  EXPECT_GT(preempted, 1000);
}

TEST(NodeRoom, AHostPortIsOnePodsUnlessAddressesDiffer) {
  const auto with = [](std::int32_t port, const std::string& ip, const std::string& protocol = "TCP") {
    Tenant out;
    out.ports = {{.name = {}, .container_port = 80, .host_port = port, .host_ip = ip, .protocol = protocol}};
    return out;
  };
  const std::vector<std::string> taken{"node(s) didn't have free ports for the requested pod ports"};
  const auto here = with(80, "127.0.0.1");
  EXPECT_EQ(shortages(with(80, ""), {}, together({&here})), taken);
  EXPECT_EQ(shortages(with(80, "127.0.0.1"), {}, together({&here})), taken);
  EXPECT_TRUE(shortages(with(80, "192.0.2.1"), {}, together({&here})).empty());
  EXPECT_TRUE(shortages(with(81, ""), {}, together({&here})).empty());
  EXPECT_TRUE(shortages(with(80, "", "UDP"), {}, together({&here})).empty());
}

TEST(NodeRoom, AGuardedPodGoesAfterOneThatIsNot) {
  Tenant guarded{.name = {"d", "guarded"}, .requests = {{"cpu", {.milli = 1000}}}, .guarded = true};
  Tenant other{.name = {"d", "other"}, .requests = {{"cpu", {.milli = 1000}}}, .priority = 5};
  const Tenant pod{.name = {"d", "new"}, .requests = {{"cpu", {.milli = 1000}}}, .priority = 10};
  const auto gone = victims(pod, {{"cpu", {.milli = 2000}}}, {&guarded, &other});
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(gone[0]->name.second, "other");
}

TEST(NodeRoom, WhatANodeDoesNotNameCountsUnlessEveryNodeHasIt) {
  const Tenant pod{
      .requests = {{"cpu", {.milli = 1000}}, {"example.com/gpu", {.milli = 1000}}, {"memory", {.milli = 0}}}};
  EXPECT_EQ(shortages(pod, {}, {}), std::vector<std::string>{"Insufficient example.com/gpu"});
}

}  // namespace
}  // namespace berth::agent
