// tests/model/selector_test.cpp - labels, nodes, taints.
#include "model/selector.hpp"

#include <gtest/gtest.h>

namespace berth::model {
namespace {

const StringMap kLabels = {{"app", "web"}, {"tier", "b"}, {"cores", "8"}};

TEST(LabelSelector, QueryFormDecidesAsKubectlDoes) {
  const std::pair<const char*, bool> cases[] = {
      {"", true},
      {"app=web", true},
      {"app==web", true},
      {" app = web , tier in ( a, b ) ", true},
      {"app!=web", false},
      {"owner!=me", true},
      {"tier in (a,c)", false},
      {"tier notin (a,c)", true},
      {"owner notin (a)", true},
      {"app", true},
      {"!app", false},
      {"!canary", true},
      {"cores>4", true},
      {"cores<4", false},
      {"app=web,app=api", false},
      {"example.com/x", false},
  };
  for (const auto& [text, expected] : cases) {
    const auto selector = parse_label_selector(text);
    ASSERT_TRUE(selector.ok()) << text << ": " << selector.error().message();
    EXPECT_EQ(matches(*selector, kLabels), expected) << text;
  }
}

TEST(LabelSelector, BadQueriesAreRefused) {
  for (const auto* text :
       {"=", "a=b,", ",a", "a b", "a in", "a in (", "a in (b", "!a=b", "a/b/c=d", "a=-", "x>y", "!"}) {
    EXPECT_FALSE(parse_label_selector(text).ok()) << text;
  }
}

TEST(NodeMatch, NeedsNodeSelectorAndOneAffinityTerm) {
  Node node;
  node.meta.name = "worker1";
  node.meta.labels = {{"dc", "luxembourg"}, {"cores", "8"}};
  PodSpec spec;
  EXPECT_TRUE(node_matches(spec, node));
  spec.node_selector = {{"dc", "luxembourg"}};
  EXPECT_TRUE(node_matches(spec, node));
  spec.required_node_affinity = {{{{"cores", "Gt", {"16"}}}, {}}, {{{"dc", "In", {"luxembourg"}}}, {}}};
  EXPECT_TRUE(node_matches(spec, node));
  spec.required_node_affinity.pop_back();
  EXPECT_FALSE(node_matches(spec, node));
  spec.required_node_affinity = {{{}, {{"metadata.name", "In", {"worker1"}}}}};
  EXPECT_TRUE(node_matches(spec, node));
  spec.required_node_affinity = {{}};
  EXPECT_FALSE(node_matches(spec, node)) << "an empty term selects nothing";
  spec.required_node_affinity.clear();
  spec.node_selector["dc"] = "paris";
  EXPECT_FALSE(node_matches(spec, node));
}

TEST(Taints, TheSeedsTolerationAdmitsTheGpuNode) {
  const std::vector<Taint> taints = {{"gpu", "yes", "NoSchedule"}, {"soft", "", "PreferNoSchedule"}};
  EXPECT_EQ(untolerated({}, taints), &taints[0]);
  EXPECT_EQ(untolerated({{"gpu", "Equal", "yes", "NoSchedule", {}}}, taints), nullptr);
  EXPECT_EQ(untolerated({{"gpu", "Equal", "no", "NoSchedule", {}}}, taints), &taints[0]);
  EXPECT_EQ(untolerated({{"gpu", "Equal", "yes", "NoExecute", {}}}, taints), &taints[0]);
  EXPECT_EQ(untolerated({{"gpu", "Exists", "", "", {}}}, taints), nullptr);
  EXPECT_EQ(untolerated({{"", "Exists", "", "", {}}}, taints), nullptr);
}

}  // namespace
}  // namespace berth::model
