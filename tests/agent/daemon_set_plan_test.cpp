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

}  // namespace
}  // namespace berth::agent
