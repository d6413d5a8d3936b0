// tests/store/object_move_test.cpp - which objects go along when a host's store becomes another one.
#include "store/object_move.hpp"

#include <gmock/gmock.h>

namespace berth::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

model::Object object(std::string_view kind, std::string_view ns, std::string_view name, std::string_view uid,
                     json::object spec = {}) {
  const auto* info = model::kind_named(kind);
  json::object meta{{"name", name}, {"uid", uid}};
  if (!ns.empty()) meta["namespace"] = ns;
  const auto version =
      info->group.empty() ? std::string(info->version) : std::string(info->group) + "/" + std::string(info->version);
  return *model::make_object(
      {{"apiVersion", version}, {"kind", kind}, {"metadata", std::move(meta)}, {"spec", std::move(spec)}});
}

std::vector<std::string> names(const MovePlan& plan) {
  std::vector<std::string> out;
  for (const auto& each : plan.write) out.push_back(each.key().display());
  return out;
}

TEST(PlanMove, AllOfItGoesIntoAnEmptyStoreButEvents) {
  const auto plan = plan_move({object("Node", "", "h1", "n"), object("Namespace", "", "default", "d"),
                               object("Pod", "default", "web-0", "p"), object("Event", "default", "e", "e")},
                              {});
  EXPECT_THAT(names(plan), ElementsAre("Node h1", "Namespace default", "Pod default/web-0"));
  EXPECT_THAT(plan.collisions, IsEmpty());
}

TEST(PlanMove, WhatAnEarlierTryBroughtIsThere) {
  const auto plan = plan_move({object("Pod", "default", "a", "1"), object("Pod", "default", "b", "2")},
                              {object("Pod", "default", "a", "1")});
  EXPECT_THAT(names(plan), ElementsAre("Pod default/b"));
  EXPECT_EQ(plan.there, 1U);
  EXPECT_THAT(plan.collisions, IsEmpty());
}

TEST(PlanMove, AnotherObjectOfThatNameCollidesUnlessEveryHostMakesIt) {
  const auto plan = plan_move(
      {object("ConfigMap", "default", "mine", "1"), object("Namespace", "", "default", "2"),
       object("Service", "default", "kubernetes", "3"), object("ConfigMap", "default", "kube-root-ca.crt", "4")},
      {object("ConfigMap", "default", "mine", "x"), object("Namespace", "", "default", "y"),
       object("Service", "default", "kubernetes", "z"), object("ConfigMap", "default", "kube-root-ca.crt", "w")});
  EXPECT_THAT(names(plan), IsEmpty());
  EXPECT_THAT(plan.collisions, ElementsAre("ConfigMap default/mine: another one has that name"));
}

TEST(PlanMove, ANodeThatComesToOthersHasNoBlockOfAddressesYet) {
  const json::object spec{
      {"podCIDR", "10.98.0.0/24"}, {"podCIDRs", json::array{"10.98.0.0/24"}}, {"unschedulable", true}};
  const auto first = plan_move({object("Node", "", "h1", "1", spec)}, {});
  ASSERT_EQ(first.write.size(), 1U);
  EXPECT_EQ(first.write[0].raw.at("spec"), json::value(spec)) << "the first one keeps it, and its pods their addresses";
  const auto second = plan_move({object("Node", "", "h2", "2", spec)}, {object("Node", "", "h1", "1", spec)});
  ASSERT_EQ(second.write.size(), 1U);
  EXPECT_EQ(second.write[0].raw.at("spec"), json::value(json::object{{"unschedulable", true}}));
}

TEST(PlanMove, AServiceWhoseAddressOrPortIsTakenCollides) {
  const auto there = object("Service", "default", "theirs", "x",
                            {{"clusterIP", "10.96.0.7"}, {"ports", {{{"nodePort", 30001}, {"protocol", "UDP"}}}}});
  const auto plan = plan_move(
      {object("Service", "default", "a", "1", {{"clusterIP", "10.96.0.7"}}),
       object("Service", "default", "b", "2", {{"clusterIP", "None"}}),
       object("Service", "default", "c", "3",
              {{"clusterIP", "10.96.0.8"}, {"ports", {{{"nodePort", 30001}, {"protocol", "UDP"}}}}}),
       object("Service", "default", "d", "4", {{"clusterIP", "10.96.0.9"}, {"ports", {{{"nodePort", 30001}}}}})},
      {there});
  EXPECT_THAT(plan.collisions,
              ElementsAre("Service default/a: 10.96.0.7 is Service default/theirs's there",
                          "Service default/c: UDP port 30001 of the node is Service default/theirs's there"));
}

}  // namespace
}  // namespace berth::store
