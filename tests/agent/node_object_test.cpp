// tests/agent/node_object_test.cpp - what a new configuration does to the stored Node.
#include "agent/node_object.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

class NodeObjectTest : public testing::Test {
 protected:
  json::object fresh() { return make_node_object(config, "192.0.2.1", "containerd", {}); }
  static std::string label(const json::object& node, std::string_view key) {
    return std::string(find_string(json::value(node), {"metadata", "labels", key}));
  }
  Config config;
};

TEST_F(NodeObjectTest, WhatTheConfigurationDropsGoesAndWhatPeopleAddedStays) {
  config.node_name = "worker1";
  config.node_labels = {{"dc", "luxembourg"}, {"tier", "db"}};
  config.node_taints = {{"gpu", "yes", "NoSchedule"}};
  auto stored = fresh();
  stored["metadata"].get_object()["labels"].get_object()["by-hand"] = "kept";
  stored["spec"].get_object()["taints"].get_array().push_back(
      json::object{{"key", "maintenance"}, {"effect", "NoExecute"}});
  stored["spec"].get_object()["unschedulable"] = true;

  config.node_labels = {{"tier", "web"}};
  config.node_taints = {{"disk", "slow", "NoSchedule"}};
  merge_node(stored, fresh());

  EXPECT_EQ(label(stored, "dc"), "");
  EXPECT_EQ(label(stored, "tier"), "web");
  EXPECT_EQ(label(stored, "by-hand"), "kept");
  EXPECT_EQ(label(stored, "kubernetes.io/hostname"), "worker1");
  const auto taints = json::serialize(stored.at("spec").at("taints"));
  EXPECT_EQ(taints.find("gpu"), std::string::npos);
  EXPECT_NE(taints.find("disk"), std::string::npos);
  EXPECT_NE(taints.find("maintenance"), std::string::npos);
  EXPECT_TRUE(stored.at("spec").at("unschedulable").as_bool());
}

}  // namespace
}  // namespace berth::agent
