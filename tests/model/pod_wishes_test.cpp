// tests/model/pod_wishes_test.cpp - what a pod's JSON says of its place.
#include "model/pod_wishes.hpp"

#include <gtest/gtest.h>

#include "model/model.hpp"

namespace berth::model {
namespace {

PodWishes wishes(const std::string& spec) {
  return pod_wishes(
      parse_json(R"({"metadata":{"namespace":"shop","labels":{"app":"web","rev":"2"}},"spec":)" + spec + "}")
          ->get_object());
}

TEST(PodWishes, ATermWithoutNamespacesMeansThePodsOwn) {
  const auto near = wishes(R"({"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[
      {"labelSelector":{"matchLabels":{"app":"db"}},"topologyKey":"zone"},
      {"labelSelector":{"matchLabels":{"app":"db"}},"topologyKey":"zone","namespaces":["a"],
       "namespaceSelector":{"matchLabels":{"team":"red"}}},
      {"topologyKey":"zone","namespaceSelector":{}}]}}})")
                        .near;
  ASSERT_EQ(near.size(), 3U);
  const StringMap db{{"app", "db"}};
  EXPECT_TRUE(takes(near[0], "shop", {}, db));
  EXPECT_FALSE(takes(near[0], "a", {}, db));
  EXPECT_TRUE(takes(near[1], "a", {}, db));
  EXPECT_TRUE(takes(near[1], "b", {{"team", "red"}}, db));
  EXPECT_FALSE(takes(near[1], "shop", {}, db));
  EXPECT_FALSE(takes(near[2], "shop", {}, db)) << "no selector takes no pod";
  EXPECT_EQ(near[0].topology_key, "zone");
  EXPECT_NE(near[0].id, near[1].id);
}

TEST(PodWishes, LabelKeysStandForThePodsOwnValues) {
  const auto all = wishes(R"({"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[
      {"labelSelector":{},"topologyKey":"zone","matchLabelKeys":["app","none"],"mismatchLabelKeys":["rev"]}]}},
      "topologySpreadConstraints":[{"maxSkew":2,"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway",
      "labelSelector":{},"matchLabelKeys":["rev"],"nodeTaintsPolicy":"Honor"}]})");
  ASSERT_EQ(all.apart.size(), 1U);
  EXPECT_TRUE(takes(all.apart[0], "shop", {}, {{"app", "web"}, {"rev", "1"}}));
  EXPECT_FALSE(takes(all.apart[0], "shop", {}, {{"app", "web"}, {"rev", "2"}}));
  EXPECT_FALSE(takes(all.apart[0], "shop", {}, {{"app", "db"}, {"rev", "1"}}));
  ASSERT_EQ(all.spread.size(), 1U);
  EXPECT_TRUE(matches(all.spread[0].selector, {{"rev", "2"}}));
  EXPECT_FALSE(matches(all.spread[0].selector, {{"rev", "1"}}));
  EXPECT_EQ(all.spread[0].max_skew, 2);
  EXPECT_EQ(all.spread[0].min_domains, 1);
  EXPECT_FALSE(all.spread[0].is_required);
  EXPECT_TRUE(all.spread[0].honors_affinity);
  EXPECT_TRUE(all.spread[0].honors_taints);
}

TEST(PodWishes, WhatIsRatherToBeApartHasANegativeWeight) {
  const auto all = wishes(R"({"affinity":{
      "nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":7,"preference":{
        "matchExpressions":[{"key":"disk","operator":"Exists"}]}}]},
      "podAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":3,"podAffinityTerm":{
        "labelSelector":{},"topologyKey":"zone"}}]},
      "podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":4,"podAffinityTerm":{
        "labelSelector":{},"topologyKey":"zone"}}]}}})");
  ASSERT_EQ(all.rather.size(), 2U);
  EXPECT_EQ(all.rather[0].weight, 3);
  EXPECT_EQ(all.rather[1].weight, -4);
  ASSERT_EQ(all.nodes.size(), 1U);
  EXPECT_EQ(all.nodes[0].weight, 7);
  Node node;
  EXPECT_FALSE(selects(all.nodes[0].preference, node));
  node.meta.labels["disk"] = "fast";
  EXPECT_TRUE(selects(all.nodes[0].preference, node));
}

TEST(PodWishes, NothingIsSaidByMostPodsAndTooMuchIsCutOff) {
  EXPECT_TRUE(wishes(R"({"containers":[]})").empty());
  EXPECT_TRUE(wishes(R"({"affinity":5,"topologySpreadConstraints":[7]})").empty());
  std::string terms;
  for (std::size_t i = 0; i < kMostPodTerms + 5; ++i) terms += R"({"labelSelector":{},"topologyKey":"zone"},)";
  terms.pop_back();
  EXPECT_EQ(wishes(R"({"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[)" + terms + "]}}}")
                .near.size(),
            kMostPodTerms);
}

TEST(PodWishes, MoreThanAHundredTermsAreRefusedWhenTheyAreWritten) {
  const auto problems = [](std::size_t terms) {
    json::array all;
    for (std::size_t i = 0; i < terms; ++i) {
      all.push_back({{"labelSelector", json::object()}, {"topologyKey", "zone"}});
    }
    const json::object pod{
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata", {{"name", "p"}, {"namespace", "default"}}},
        {"spec",
         {{"containers", json::array{{{"name", "c"}, {"image", "x"}}}},
          {"affinity", {{"podAntiAffinity", {{"requiredDuringSchedulingIgnoredDuringExecution", std::move(all)}}}}}}}};
    auto raw = pod;
    apply_defaults(Kind::Pod, raw);
    std::string text;
    for (const auto& problem : validate(Kind::Pod, raw, nullptr)) text += problem.field + ": " + problem.message;
    return text;
  };
  EXPECT_EQ(problems(kMostPodTerms), "");
  EXPECT_EQ(problems(kMostPodTerms + 1),
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution: too many: 101: must have at "
            "most 100");
}

}  // namespace
}  // namespace berth::model
