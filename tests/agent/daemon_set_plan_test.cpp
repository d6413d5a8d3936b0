// tests/agent/daemon_set_plan_test.cpp - one pod here, or none.
#include "agent/sets/daemon_set_plan.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

class DaemonSetPlanTest : public testing::Test {
 protected:
  DaemonSetPlanTest() {
    set.meta.name = "agent";
    set.meta.ns = "default";
    set.meta.uid = "ds-uid";
    use_template("one");
    node.meta.name = "worker1";
    node.meta.labels = {{"dc", "luxembourg"}};
    facts.nodes = {&node};
    facts.salt = "salt";
  }

  void use_template(const std::string& image) {
    set.pod_template.raw = {{"spec", {{"containers", json::array{json::object{{"image", image}}}}}}};
  }
  SetPlan plan() const { return plan_daemon_set(set, facts); }

  static std::vector<json::value> pods(const SetPlan& plan) {
    std::vector<json::value> made;
    for (const auto& raw : plan.create) {
      if (find_string(json::value(raw), {"kind"}) == "Pod") made.emplace_back(raw);
    }
    return made;
  }

  std::shared_ptr<model::Pod> add_pod(const std::string& name, bool ready = true) {
    auto pod = std::make_shared<model::Pod>();
    pod->meta.name = name;
    pod->meta.ns = "default";
    pod->meta.labels["controller-revision-hash"] = template_hash(set.pod_template.raw);
    pod->spec.node_name = "worker1";
    pod->status.phase = "Running";
    pod->status.conditions = {{"Ready", ready ? "True" : "False", "", "", "2026-11-21T10:00:00Z"}};
    facts.pods.push_back(pod);
    return pod;
  }

  model::DaemonSet set;
  model::Node node;
  SetFacts facts;
};

TEST_F(DaemonSetPlanTest, WhatOnlyKeepsPodsFromComingDrivesNoneAway) {
  add_pod("agent-1");
  // As a node that was silent and is back has it for a moment.
  node.taints = {{"node.kubernetes.io/unreachable", "", "NoSchedule"},
                 {"node.kubernetes.io/unreachable", "", "NoExecute"}};
  EXPECT_TRUE(plan().delete_pods.empty());
  EXPECT_EQ(plan().status.at("numberMisscheduled").as_int64(), 1);
  facts.pods.clear();
  EXPECT_TRUE(pods(plan()).empty());
  add_pod("agent-1");
  node.taints = {{"gpu", "yes", "NoExecute"}};
  EXPECT_EQ(plan().delete_pods.size(), 1U);
}

TEST_F(DaemonSetPlanTest, MakesOnePodHere) {
  const auto made = pods(plan());
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(find_string(made[0], {"metadata", "generateName"}), "agent-");
  EXPECT_EQ(find_string(made[0], {"spec", "nodeName"}), "worker1");
  add_pod("agent-1");
  EXPECT_TRUE(pods(plan()).empty());
  EXPECT_EQ(plan().status.at("numberReady").as_int64(), 1);
}

TEST_F(DaemonSetPlanTest, FollowsTheNodesLabels) {
  set.pod_template.spec.node_selector = {{"dc", "luxembourg"}};
  EXPECT_EQ(pods(plan()).size(), 1U);
  add_pod("agent-1");
  node.meta.labels.clear();
  EXPECT_EQ(plan().delete_pods.size(), 1U);
  EXPECT_EQ(plan().status.at("desiredNumberScheduled").as_int64(), 0);
  EXPECT_EQ(plan().status.at("numberMisscheduled").as_int64(), 1);
}

TEST_F(DaemonSetPlanTest, ATaintKeepsItAwayUnlessItIsTolerated) {
  node.taints = {{"gpu", "yes", "NoSchedule"}};
  EXPECT_TRUE(pods(plan()).empty());
  model::Toleration toleration;
  toleration.key = "gpu";
  toleration.value = "yes";
  toleration.effect = "NoSchedule";
  set.pod_template.spec.tolerations = {toleration};
  EXPECT_EQ(pods(plan()).size(), 1U);
}

TEST_F(DaemonSetPlanTest, AChangedTemplateReplacesThePodNeverRunningTwo) {
  auto pod = add_pod("agent-1");
  use_template("two");
  auto step = plan();
  EXPECT_EQ(step.delete_pods.size(), 1U);
  EXPECT_TRUE(pods(step).empty());
  pod->meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  EXPECT_TRUE(pods(plan()).empty()) << "the old one is still stopping";
  facts.pods.clear();
  EXPECT_EQ(pods(plan()).size(), 1U);
}

TEST_F(DaemonSetPlanTest, OnDeleteLeavesTheOldPodAlone) {
  add_pod("agent-1");
  set.update_strategy = "OnDelete";
  use_template("two");
  EXPECT_TRUE(plan().delete_pods.empty());
}

TEST_F(DaemonSetPlanTest, AFailedPodIsMadeAgainAndOfTwoOneStays) {
  add_pod("agent-1")->status.phase = "Failed";
  EXPECT_EQ(plan().delete_pods.size(), 1U);
  facts.pods.clear();
  add_pod("agent-2", /*ready=*/false);
  add_pod("agent-3");
  ASSERT_EQ(plan().delete_pods.size(), 1U);
  EXPECT_EQ(plan().delete_pods[0].name, "agent-2");
}

TEST_F(DaemonSetPlanTest, ADeletedSetIsForgottenOnceItsPodsAreGone) {
  add_pod("agent-1");
  set.meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  EXPECT_FALSE(plan().forget);
  EXPECT_EQ(plan().delete_pods.size(), 1U);
  facts.pods.clear();
  EXPECT_TRUE(plan().forget);
}

TEST_F(DaemonSetPlanTest, ACordonedNodeKeepsItsDaemon) {
  add_pod("agent-1");
  node.unschedulable = true;
  EXPECT_TRUE(plan().delete_pods.empty());
  facts.pods.clear();
  const auto made = pods(plan());
  ASSERT_EQ(made.size(), 1U);
  EXPECT_NE(json::serialize(made[0].at("spec").at("tolerations")).find("node.kubernetes.io/unschedulable"),
            std::string::npos);
}

TEST_F(DaemonSetPlanTest, TheLabelIsTheBareHashAndTheRevisionCarriesItToo) {
  const auto hash = template_hash(set.pod_template.raw);
  const auto step = plan();
  EXPECT_EQ(find_string(pods(step).at(0), {"metadata", "labels", "controller-revision-hash"}), hash);
  const json::value revision(step.create.at(0));
  EXPECT_EQ(find_string(revision, {"kind"}), "ControllerRevision");
  EXPECT_EQ(find_string(revision, {"metadata", "name"}), "agent-" + hash);
  EXPECT_EQ(find_string(revision, {"metadata", "labels", "controller-revision-hash"}), hash);
}

TEST_F(DaemonSetPlanTest, PodsAndRevisionsOfAnOlderAgentAreTakenAsTheyAre) {
  const auto hash = template_hash(set.pod_template.raw);
  add_pod("agent-1")->meta.labels["controller-revision-hash"] = "agent-" + hash;  // What older agents wrote.
  auto old = std::make_shared<Revision>();
  old->name = "agent-" + hash;
  old->number = 3;
  facts.revisions = {old};
  const auto step = plan();
  EXPECT_TRUE(step.delete_pods.empty()) << "an upgrade restarts nothing";
  EXPECT_TRUE(step.create.empty());
  EXPECT_EQ(step.status.at("updatedNumberScheduled").as_int64(), 1);
  ASSERT_TRUE(step.edit_revision);
  EXPECT_EQ(step.edit_revision->hash_label, hash);
  EXPECT_EQ(step.edit_revision->number, 3);
  auto labelled = std::make_shared<Revision>(*old);
  labelled->hash_label = hash;
  facts.revisions = {labelled};
  EXPECT_FALSE(plan().edit_revision) << "once";
}

TEST_F(DaemonSetPlanTest, GoingBackToTheTemplateThatRunsRestartsNothing) {
  add_pod("agent-1");
  const auto keep = [&](std::int64_t number) {
    auto revision = std::make_shared<Revision>();
    revision->hash_label = template_hash(set.pod_template.raw);
    revision->name = "agent-" + revision->hash_label;
    revision->number = number;
    facts.revisions.push_back(revision);
  };
  keep(1);
  use_template("two");
  keep(2);
  use_template("one");  // Before anything was replaced.
  const auto step = plan();
  EXPECT_TRUE(step.delete_pods.empty());
  EXPECT_TRUE(step.create.empty());
  ASSERT_TRUE(step.edit_revision);
  EXPECT_EQ(step.edit_revision->number, 3);
}

TEST_F(DaemonSetPlanTest, EveryNodeHasItsOwnAndOtherNodesPodsAreNotCounted) {
  model::Node second;
  second.meta.name = "worker2";
  facts.nodes = {&node, &second};
  add_pod("agent-1");
  auto made = pods(plan());
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(find_string(made[0], {"spec", "nodeName"}), "worker2");
  add_pod("agent-2")->spec.node_name = "worker2";
  EXPECT_TRUE(pods(plan()).empty());
  EXPECT_EQ(plan().status.at("numberReady").as_int64(), 2);
  facts.nodes = {&node};  // The other is planned by nobody here.
  EXPECT_TRUE(plan().delete_pods.empty());
  EXPECT_EQ(plan().status.at("currentNumberScheduled").as_int64(), 1);
}

TEST_F(DaemonSetPlanTest, ASecondTryOfACreationHasTheSameNameAndTheNextPodAnother) {
  const auto name = [&] { return std::string(find_string(pods(plan()).at(0), {"metadata", "name"})); };
  const auto first = name();
  EXPECT_TRUE(first.starts_with("agent-"));
  EXPECT_EQ(name(), first);
  facts.salt = "another";
  EXPECT_NE(name(), first);
}

// --- rollingUpdate ----------------------------------------------------------------------------------

class DaemonSetSurgeTest : public DaemonSetPlanTest {
 protected:
  DaemonSetSurgeTest() {
    facts.rollout = {.max_unavailable = {0, false}, .max_surge = {1, false}};
    facts.now = *parse_rfc3339("2026-11-21T12:00:00Z");
  }
  static void set_ready(model::Pod& pod, bool ready) {
    pod.status.conditions = {{"Ready", ready ? "True" : "False", "", "", "2026-11-21T11:59:50Z"}};
  }
};

TEST_F(DaemonSetSurgeTest, TheNewPodIsThereAndWellBeforeTheOldOneIsStopped) {
  const auto old = add_pod("agent-1");
  use_template("two");
  auto step = plan();
  ASSERT_EQ(pods(step).size(), 1U);
  EXPECT_TRUE(step.delete_pods.empty());

  const auto fresh = add_pod("agent-2", /*ready=*/false);
  step = plan();
  EXPECT_TRUE(pods(step).empty()) << "one beside the other, not a third";
  EXPECT_TRUE(step.delete_pods.empty()) << "it is not ready yet";
  EXPECT_EQ(step.status.at("updatedNumberScheduled").as_int64(), 0) << "`rollout status` has to wait for the end";
  EXPECT_EQ(step.status.at("numberAvailable").as_int64(), 1);

  set_ready(*fresh, true);
  step = plan();
  ASSERT_EQ(step.delete_pods.size(), 1U);
  EXPECT_EQ(step.delete_pods[0].name, "agent-1");

  old->meta.deletion_timestamp = "2026-11-21T12:00:00Z";
  step = plan();
  EXPECT_TRUE(step.delete_pods.empty());
  EXPECT_TRUE(pods(step).empty());
  facts.pods = {fresh};
  step = plan();
  EXPECT_TRUE(pods(step).empty());
  EXPECT_EQ(step.status.at("updatedNumberScheduled").as_int64(), 1);
}

TEST_F(DaemonSetSurgeTest, MinReadySecondsHaveToPassFirst) {
  set.min_ready_seconds = 30;
  add_pod("agent-1");
  use_template("two");
  set_ready(*add_pod("agent-2"), true);
  const auto step = plan();
  EXPECT_TRUE(step.delete_pods.empty());
  ASSERT_TRUE(step.look_again);
  EXPECT_EQ(*step.look_again, std::chrono::seconds(20));
  facts.now += std::chrono::seconds(20);
  EXPECT_EQ(plan().delete_pods.size(), 1U);
}

TEST_F(DaemonSetSurgeTest, AnOldPodThatIsNotWellGoesAsSoonAsItsSuccessorIsThere) {
  add_pod("agent-1", /*ready=*/false);
  use_template("two");
  EXPECT_EQ(pods(plan()).size(), 1U);
  add_pod("agent-2", /*ready=*/false);
  ASSERT_EQ(plan().delete_pods.size(), 1U);
  EXPECT_EQ(plan().delete_pods[0].name, "agent-1");
}

TEST_F(DaemonSetSurgeTest, AThirdTemplateReplacesTheSecondAndNotTheRunningOne) {
  add_pod("agent-1")->meta.creation_timestamp = "2026-11-21T10:00:00Z";
  use_template("two");
  add_pod("agent-2", /*ready=*/false)->meta.creation_timestamp = "2026-11-21T11:00:00Z";
  use_template("three");
  const auto step = plan();
  ASSERT_EQ(step.delete_pods.size(), 1U) << "of two old ones the one that is well stays";
  EXPECT_EQ(step.delete_pods[0].name, "agent-2");
  EXPECT_TRUE(pods(step).empty()) << "never three";
  facts.pods.pop_back();
  EXPECT_EQ(pods(plan()).size(), 1U);
}

/// Two cannot listen on one port of the node: the old one runs on, and it is said why.
TEST_F(DaemonSetSurgeTest, APortOfTheNodeThatTheOldPodHoldsIsInTheWay) {
  const auto ports = [](std::int32_t port, const std::string& ip) {
    model::Container container;
    container.ports = {{.name = {}, .container_port = 80, .host_port = port, .host_ip = ip, .protocol = "TCP"}};
    return std::vector{container};
  };
  const auto old = add_pod("agent-1");
  use_template("two");
  set.pod_template.spec.containers = ports(8080, "");
  old->spec.containers = ports(8080, "10.0.0.1");
  auto step = plan();
  EXPECT_TRUE(pods(step).empty());
  EXPECT_TRUE(step.delete_pods.empty());
  ASSERT_EQ(step.unplaced.size(), 1U);
  EXPECT_NE(step.unplaced[0].find("didn't have free ports for the requested pod ports"), std::string::npos);

  for (const auto& [port, ip, mine] :
       {std::tuple(8081, "", ""), std::tuple(8080, "10.0.0.1", "10.0.0.2"), std::tuple(0, "", "")}) {
    set.pod_template.spec.containers = ports(port, mine);
    old->spec.containers = ports(port == 8081 ? 8080 : port, ip);
    EXPECT_EQ(pods(plan()).size(), 1U) << port << ip << mine;
  }
}

TEST_F(DaemonSetSurgeTest, WithoutASurgeAnUnavailableOldPodGoesAndSoDoesAWellOneWithinTheBound) {
  facts.rollout = {.max_unavailable = {50, true}, .max_surge = {0, false}};
  std::vector<model::Node> nodes(4, node);
  facts.nodes.clear();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].meta.name = "worker" + std::to_string(i);
    facts.nodes.push_back(&nodes[i]);
    add_pod("agent-" + std::to_string(i), /*ready=*/i != 3)->spec.node_name = nodes[i].meta.name;
  }
  use_template("two");
  // Half of four may be away; worker3's is, and is replaced at once.
  const auto step = plan();
  ASSERT_EQ(step.delete_pods.size(), 2U);
  EXPECT_EQ(step.delete_pods[0].name, "agent-0");
  EXPECT_EQ(step.delete_pods[1].name, "agent-3");
}

TEST_F(DaemonSetSurgeTest, ASurgeIsOfSoManyNodesAtOnce) {
  facts.rollout = {.max_unavailable = {0, false}, .max_surge = {34, true}};
  std::vector<model::Node> nodes(3, node);
  facts.nodes.clear();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].meta.name = "worker" + std::to_string(i);
    facts.nodes.push_back(&nodes[i]);
    add_pod("agent-" + std::to_string(i))->spec.node_name = nodes[i].meta.name;
  }
  use_template("two");
  EXPECT_EQ(pods(plan()).size(), 2U) << "34 % of three nodes, rounded up";
  add_pod("agent-x", /*ready=*/false)->spec.node_name = "worker0";
  EXPECT_EQ(pods(plan()).size(), 1U);
}

TEST(DaemonRollout, IsReadAsItIsWrittenAndDefaultsAsKubernetesDoes) {
  const auto read = [](const std::string& rolling) {
    auto raw = parse_json(R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"a","namespace":"default"},
        "spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":)" +
                          rolling + "}}}");
    const auto rollout = read_daemon_rollout(*model::make_object(raw->get_object()));
    return std::pair(rollout.max_unavailable.of(10), rollout.max_surge.of(10));
  };
  EXPECT_EQ(read("{}"), std::pair(1, 0));
  EXPECT_EQ(read("null"), std::pair(1, 0));
  EXPECT_EQ(read(R"({"maxUnavailable":3})"), std::pair(3, 0));
  EXPECT_EQ(read(R"({"maxUnavailable":0,"maxSurge":"15%"})"), std::pair(0, 2));
  EXPECT_EQ(read(R"({"maxUnavailable":"100%","maxSurge":"0%"})"), std::pair(10, 0));
  for (const auto* odd :
       {R"("x")", R"("%")", R"("-1%")", R"("101%")", R"("1")", "1.5", "[]", "true", R"("9999999999999%")"}) {
    EXPECT_EQ(read(std::string(R"({"maxUnavailable":)") + odd + "}"), std::pair(1, 0)) << odd;
  }
}

}  // namespace
}  // namespace berth::agent
