// tests/agent/node_object_test.cpp - what a new configuration does to the stored Node.
#include "agent/node/node_object.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "model/meta.hpp"

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

TEST_F(NodeObjectTest, SaysWhereOtherHostsReachTheApi) {
  const auto said = [&] {
    const auto status = json::value(fresh()).at("status");
    return fmt::format("{} {}", find_string(status.at("addresses").at(0), {"address"}),
                       status.at("daemonEndpoints").at("kubeletEndpoint").at("Port").as_int64());
  };
  EXPECT_EQ(said(), "192.0.2.1 0");
  config.cluster = ClusterConfig{.advertise = {"10.0.0.1", 6550}, .ca_file = {}, .cert_file = {}, .key_file = {}};
  EXPECT_EQ(said(), "10.0.0.1 6550");
}

std::string condition(const json::object& node, std::string_view type, std::string_view field) {
  for (const auto& each : node.at("status").at("conditions").as_array()) {
    if (find_string(each, {"type"}) == type) return std::string(find_string(each, {field}));
  }
  return {};
}

TEST_F(NodeObjectTest, AConditionKeepsItsTransitionTimeUntilItChanges) {
  auto node = fresh();
  EXPECT_EQ(condition(node, "Ready", "status"), "True");
  EXPECT_EQ(condition(node, "MemoryPressure", "status"), "False");
  const auto at = [](std::string_view text) { return *parse_rfc3339(text); };
  update_node_status(node, {}, "", at("2026-11-21T10:00:00Z"));
  const auto since = condition(node, "Ready", "lastTransitionTime");
  EXPECT_EQ(condition(node, "Ready", "lastHeartbeatTime"), "2026-11-21T10:00:00Z");
  update_node_status(node, {.runtime_error = "no socket"}, "containerd://1.6.20", at("2026-11-21T10:05:00Z"));
  EXPECT_EQ(condition(node, "Ready", "status"), "False");
  EXPECT_EQ(condition(node, "Ready", "message"),
            "containerd is not usable, containers run on, none is started or stopped: no socket");
  EXPECT_EQ(condition(node, "Ready", "lastTransitionTime"), "2026-11-21T10:05:00Z");
  EXPECT_EQ(condition(node, "DiskPressure", "lastTransitionTime"), since);
  EXPECT_EQ(find_string(json::value(node), {"status", "nodeInfo", "containerRuntimeVersion"}), "containerd://1.6.20");
  update_node_status(node, {.runtime_error = {}, .disk_pressure = true}, "", at("2026-11-21T10:06:00Z"));
  EXPECT_EQ(condition(node, "DiskPressure", "status"), "True");
  EXPECT_EQ(find_string(json::value(node), {"status", "nodeInfo", "containerRuntimeVersion"}), "containerd://1.6.20");
}

TEST_F(NodeObjectTest, AShimThatDoesNotAnswerIsOnTheReadyConditionUnlessContainerdIsAway) {
  auto node = fresh();
  const auto at = [](std::string_view text) { return *parse_rfc3339(text); };
  std::vector<model::HostProblem> silent;
  EXPECT_EQ(silent_shims_sentence(silent), "");
  for (const auto* name : {"a", "b", "c", "d", "e"}) {
    silent.push_back({.subject = std::string("Pod default/") + name, .since = at("2026-11-21T10:00:00Z")});
  }
  update_node_status(node, {.silent_shims = silent_shims_sentence(silent)}, "", at("2026-11-21T10:05:00Z"));
  EXPECT_EQ(condition(node, "Ready", "status"), "False");
  EXPECT_EQ(condition(node, "Ready", "reason"), "ShimsNotAnswering");
  EXPECT_EQ(condition(node, "Ready", "message"),
            "containerd answers, and the shims of some pods do not: Pod default/a since 2026-11-21T10:00:00Z, "
            "Pod default/b since 2026-11-21T10:00:00Z, Pod default/c since 2026-11-21T10:00:00Z, 2 more; their "
            "containers run on, none of them is started, stopped or looked at; other pods go on");
  update_node_status(node, {.runtime_error = "no socket", .silent_shims = "x"}, "", at("2026-11-21T10:06:00Z"));
  EXPECT_EQ(condition(node, "Ready", "reason"), "RuntimeNotReady");
  update_node_status(node, {}, "", at("2026-11-21T10:07:00Z"));
  EXPECT_EQ(condition(node, "Ready", "status"), "True");
}

TEST_F(NodeObjectTest, TheNetworkIsSaidToBeThereAmongOthersOnlyAndOtherTroublesVanish) {
  auto node = fresh();
  const auto at = [](std::string_view text) { return *parse_rfc3339(text); };
  update_node_status(node, {}, "", at("2026-11-21T10:00:00Z"));
  EXPECT_EQ(condition(node, "NetworkUnavailable", "status"), "");
  EXPECT_FALSE(tells_of_network(node));
  NodeHealth health{.runtime_error = {}, .among_others = true};
  update_node_status(node, health, "", at("2026-11-21T10:00:00Z"));
  EXPECT_EQ(condition(node, "NetworkUnavailable", "status"), "False");
  EXPECT_EQ(condition(node, "NetworkUnavailable", "reason"), "NoHostOutOfReach");
  EXPECT_TRUE(tells_of_network(node));
  health.troubles = {{"NetworkUnavailable", "NoPacketsBetweenHosts", "of b"}, {"ClockSkew", "ClocksApart", "behind b"}};
  update_node_status(node, health, "", at("2026-11-21T10:05:00Z"));
  EXPECT_EQ(condition(node, "NetworkUnavailable", "status"), "True");
  EXPECT_EQ(condition(node, "NetworkUnavailable", "message"), "of b");
  EXPECT_EQ(condition(node, "ClockSkew", "status"), "True");
  EXPECT_EQ(node.at("spec"), fresh().at("spec")) << "no taint: pods are placed by those, and by no condition";
  EXPECT_TRUE(tells_of_network(node));
  health.troubles.clear();
  update_node_status(node, health, "", at("2026-11-21T10:06:00Z"));
  EXPECT_EQ(condition(node, "NetworkUnavailable", "status"), "False");
  EXPECT_EQ(condition(node, "NetworkUnavailable", "lastTransitionTime"), "2026-11-21T10:06:00Z");
  EXPECT_EQ(condition(node, "ClockSkew", "status"), "");
}

TEST_F(NodeObjectTest, TheLeaseNamesItsHolder) {
  config.node_name = "worker1";
  const auto lease = make_node_lease("worker1", *parse_rfc3339("2026-11-21T10:00:00Z"));
  ASSERT_TRUE(model::make_object(lease));
  EXPECT_EQ(find_string(json::value(lease), {"metadata", "namespace"}), "kube-node-lease");
  EXPECT_EQ(find_string(json::value(lease), {"spec", "renewTime"}), "2026-11-21T10:00:00.000000Z");
}

}  // namespace
}  // namespace berth::agent
