// tests/agent/stateful_set_plan_test.cpp - ordinals: order, gates, rolling, claims. Named after what Kubernetes' suite
// asserts.
#include "agent/sets/stateful_set_plan.hpp"

#include <gtest/gtest.h>

#include "model/model.hpp"

namespace berth::agent {
namespace {

/// A set "web" and the pods that exist, played forward by the test.
class StatefulSetPlanTest : public testing::Test {
 protected:
  StatefulSetPlanTest() {
    set.meta.name = "web";
    set.meta.ns = "default";
    set.meta.uid = "set-uid";
    set.meta.generation = 1;
    set.replicas = 3;
    set.service_name = "web";
    set.selector.match_labels = {{"app", "web"}};
    use_template("one");
    node.meta.name = "n1";
    facts.nodes = {&node};
  }

  void use_template(const std::string& version) {
    set.pod_template.raw = {{"metadata", {{"labels", {{"app", "web"}}}}},
                            {"spec", {{"containers", json::array{json::object{{"name", "c"}, {"image", version}}}}}}};
  }

  SetPlan plan() {
    auto made = plan_stateful_set(set, current, facts);
    current = std::string(find_string(json::value(made.status), {"currentRevision"}));
    return made;
  }

  /// Names of the pods that a plan creates.
  static std::vector<std::string> created(const SetPlan& plan, std::string_view kind = "Pod") {
    std::vector<std::string> names;
    for (const auto& raw : plan.create) {
      const json::value value(raw);
      if (find_string(value, {"kind"}) == kind) names.emplace_back(find_string(value, {"metadata", "name"}));
    }
    return names;
  }
  static std::vector<std::string> deleted(const SetPlan& plan) {
    std::vector<std::string> names;
    for (const auto& key : plan.delete_pods) names.push_back(key.name);
    return names;
  }

  /// Carries out a plan as the store and the driver would; created pods are not ready yet.
  void apply(const SetPlan& plan) {
    for (const auto& raw : plan.create) {
      const json::value value(raw);
      const auto kind = find_string(value, {"kind"});
      const auto name = std::string(find_string(value, {"metadata", "name"}));
      if (kind == "ControllerRevision") {
        facts.revisions.push_back(std::make_shared<const Revision>(*decode_revision(*model::make_object(raw))));
      } else if (kind == "PersistentVolumeClaim") {
        facts.claims.insert(name);
      } else {
        auto pod = std::make_shared<model::Pod>();
        pod->meta.name = name;
        pod->meta.ns = "default";
        pod->meta.labels["controller-revision-hash"] =
            find_string(value, {"metadata", "labels", "controller-revision-hash"});
        facts.pods.push_back(pod);
      }
    }
    for (const auto& key : plan.delete_pods) {
      edit(key.name, [](model::Pod& pod) { pod.meta.deletion_timestamp = "2026-11-21T10:00:00Z"; });
    }
  }

  void edit(const std::string& name, const std::function<void(model::Pod&)>& change) {
    for (auto& pod : facts.pods) {
      if (pod->meta.name != name) continue;
      auto copy = std::make_shared<model::Pod>(*pod);
      change(*copy);
      pod = copy;
    }
  }
  void ready(const std::string& name, bool is = true) {
    edit(name, [&](model::Pod& pod) {
      pod.status.phase = "Running";
      pod.status.conditions = {{"Ready", is ? "True" : "False", "", "", "2026-11-21T10:00:00Z"}};
    });
  }
  void gone(const std::string& name) {
    std::erase_if(facts.pods, [&](const auto& pod) { return pod->meta.name == name; });
  }
  /// All replicas made and ready.
  void bring_up() {
    for (int i = 0; i < 20; ++i) {
      apply(plan());
      for (const auto& pod : std::vector(facts.pods)) ready(pod->meta.name);
    }
    ASSERT_EQ(facts.pods.size(), static_cast<std::size_t>(set.replicas));
  }

  model::StatefulSet set;
  model::Node node;
  SetFacts facts;
  std::string current;
};

TEST_F(StatefulSetPlanTest, CreatesInOrderAndOnlyWhenThePredecessorIsReady) {
  auto step = plan();
  EXPECT_EQ(created(step), std::vector<std::string>{"web-0"});
  apply(step);
  EXPECT_TRUE(created(plan()).empty()) << "web-0 is not ready";
  ready("web-0");
  step = plan();
  EXPECT_EQ(created(step), std::vector<std::string>{"web-1"});
  apply(step);
  ready("web-1");
  EXPECT_EQ(created(plan()), std::vector<std::string>{"web-2"});
}

TEST_F(StatefulSetPlanTest, AnUnhealthyPodHaltsScalingBothWays) {
  bring_up();
  ready("web-1", false);
  set.replicas = 4;
  EXPECT_TRUE(created(plan()).empty());
  set.replicas = 1;
  ready("web-0", false);
  EXPECT_TRUE(deleted(plan()).empty());
  ready("web-0");
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-2"});
}

TEST_F(StatefulSetPlanTest, AfterABootTheFixedTemplateReachesThePodThatTheOthersWaitFor) {
  bring_up();
  use_template("two");  // web-0 will never be well as it is, and the others do not begin before it is.
  edit("web-0", [](model::Pod& pod) {
    pod.status.conditions = {{"Ready", "False", "", "", "2026-11-21T10:00:00Z"}};
    pod.status.container_statuses.resize(1);
    pod.status.container_statuses[0].state = model::ContainerStateWaiting{"CrashLoopBackOff", ""};
  });
  for (const auto* name : {"web-1", "web-2"}) ready(name, false);
  EXPECT_TRUE(deleted(plan()).empty()) << "they run, and are not well";
  for (const auto* name : {"web-1", "web-2"}) {
    edit(name, [](model::Pod& pod) {
      pod.status.conditions.push_back({"PodReadyToStartContainers", "False", "", "", ""});
    });
  }
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-0"});
}

TEST_F(StatefulSetPlanTest, ScalesDownFromTheHighestOrdinalOneAtATime) {
  bring_up();
  set.replicas = 1;
  auto step = plan();
  EXPECT_EQ(deleted(step), std::vector<std::string>{"web-2"});
  apply(step);
  EXPECT_TRUE(deleted(plan()).empty()) << "web-2 is still stopping";
  gone("web-2");
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-1"});
}

TEST_F(StatefulSetPlanTest, ParallelMakesAndDeletesAllAtOnceEvenWithUnhealthyPods) {
  set.pod_management_policy = "Parallel";
  auto step = plan();
  EXPECT_EQ(created(step), (std::vector<std::string>{"web-0", "web-1", "web-2"}));
  apply(step);
  set.replicas = 0;
  EXPECT_EQ(deleted(plan()).size(), 3U);
}

TEST_F(StatefulSetPlanTest, AChangedTemplateRollsFromTheHighestOrdinalWaitingForEach) {
  bring_up();
  use_template("two");
  std::vector<std::string> order;
  for (int i = 0; i < 20; ++i) {
    const auto step = plan();
    for (const auto& name : deleted(step)) {
      order.push_back(name);
      apply(step);
      EXPECT_TRUE(deleted(plan()).empty()) << "one at a time";
      gone(name);
    }
    apply(plan());
    for (const auto& pod : std::vector(facts.pods)) ready(pod->meta.name);
  }
  EXPECT_EQ(order, (std::vector<std::string>{"web-2", "web-1", "web-0"}));
  const auto status = plan().status;
  EXPECT_EQ(status.at("currentRevision"), status.at("updateRevision"));
  EXPECT_EQ(status.at("updatedReplicas").as_int64(), 3);
}

TEST_F(StatefulSetPlanTest, GoingBackToAnOldTemplateMakesNoNewRevisionButNumbersTheOldOneAnew) {
  bring_up();
  const auto first = std::string(plan().status.at("updateRevision").as_string());
  use_template("two");
  apply(plan());
  EXPECT_EQ(facts.revisions.size(), 2U);
  use_template("one");
  const auto step = plan();
  EXPECT_TRUE(created(step, "ControllerRevision").empty());
  EXPECT_EQ(view(step.status.at("updateRevision").as_string()), first);
  ASSERT_TRUE(step.edit_revision);
  EXPECT_EQ(step.edit_revision->name, first);
  EXPECT_EQ(step.edit_revision->number, 3);
  for (auto& revision : facts.revisions) {
    if (revision->name != first) continue;
    auto newest = std::make_shared<Revision>(*revision);
    newest->number = step.edit_revision->number;
    revision = newest;
  }
  EXPECT_FALSE(plan().edit_revision);  // it is the newest now
}

TEST_F(StatefulSetPlanTest, PartitionKeepsLowerOrdinalsEvenWhenTheyAreMadeAgain) {
  bring_up();
  const auto old = current;
  use_template("two");
  set.partition = 2;
  auto step = plan();
  EXPECT_EQ(deleted(step), std::vector<std::string>{"web-2"});
  apply(step);
  gone("web-2");
  apply(plan());
  ready("web-2");
  EXPECT_TRUE(deleted(plan()).empty());
  gone("web-0");  // Deleted by hand below the partition: comes back at the old revision.
  apply(plan());
  for (const auto& pod : facts.pods) {
    if (pod->meta.name == "web-0") {
      EXPECT_EQ(revision_of(*pod), old);
    }
  }
}

TEST_F(StatefulSetPlanTest, OnDeleteWaitsForTheUser) {
  bring_up();
  use_template("two");
  set.update_strategy = "OnDelete";
  EXPECT_TRUE(deleted(plan()).empty());
  gone("web-1");
  const auto step = plan();
  EXPECT_EQ(created(step), std::vector<std::string>{"web-1"});
  apply(step);
  const auto update = std::string(step.status.at("updateRevision").as_string());
  for (const auto& pod : facts.pods) {
    if (pod->meta.name == "web-1") {
      EXPECT_EQ(revision_of(*pod), update);
    }
  }
}

TEST_F(StatefulSetPlanTest, ATemplateThatANewerVersionWritesOtherwiseReplacesNoPods) {
  set.pod_template.raw["spec"].as_object()["serviceAccount"] = "robot";
  set.pod_template.raw["spec"].as_object()["containers"].as_array()[0].as_object()["resources"] = {
      {"limits", {{"cpu", 0.5}, {"memory", "1024Mi"}}}};
  bring_up();
  const auto before = std::string(plan().status.at("updateRevision").as_string());
  model::apply_template_defaults(set.pod_template.raw);  // as it is stored once it was written again
  EXPECT_EQ(set.pod_template.raw["spec"].as_object()["serviceAccountName"], "robot");
  const auto step = plan();
  EXPECT_EQ(view(step.status.at("updateRevision").as_string()), before);
  EXPECT_TRUE(step.create.empty());
  EXPECT_TRUE(deleted(step).empty());
  use_template("two");
  EXPECT_NE(view(plan().status.at("updateRevision").as_string()), before);
}

TEST_F(StatefulSetPlanTest, ABrokenRevisionDoesNotHoldUpItsFix) {
  // kubernetes/kubernetes#67250: there, web-2 of the broken revision has to be deleted by hand.
  bring_up();
  use_template("broken");
  apply(plan());
  gone("web-2");
  apply(plan());
  ready("web-2", false);
  EXPECT_TRUE(deleted(plan()).empty());
  use_template("fixed");
  EXPECT_TRUE(deleted(plan()).empty()) << "it runs: perhaps it is only electing a leader";
  edit("web-2", [](model::Pod& pod) {
    pod.status.container_statuses.resize(1);
    pod.status.container_statuses[0].state = model::ContainerStateWaiting{"CrashLoopBackOff", ""};
  });
  ready("web-0", false);
  EXPECT_TRUE(deleted(plan()).empty()) << "never a second one";
  ready("web-0");
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-2"});
}

TEST_F(StatefulSetPlanTest, AFailedPodIsMadeAgain) {
  bring_up();
  edit("web-1", [](model::Pod& pod) {
    pod.status = {};
    pod.status.phase = "Failed";
  });
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-1"});
}

TEST_F(StatefulSetPlanTest, ADeletedSetStopsInReverseOrderAndKeepsItsClaims) {
  set.claim_templates.resize(1);
  set.claim_templates[0].meta.name = "data";
  bring_up();
  EXPECT_TRUE(facts.claims.contains("data-web-2"));
  set.meta.deletion_timestamp = "2026-11-21T11:00:00Z";
  std::vector<std::string> order;
  for (int i = 0; i < 10; ++i) {
    const auto step = plan();
    apply(step);
    for (const auto& name : deleted(step)) {
      order.push_back(name);
      EXPECT_TRUE(deleted(plan()).empty());
      gone(name);
    }
  }
  EXPECT_EQ(order, (std::vector<std::string>{"web-2", "web-1", "web-0"}));
  const auto end = plan();
  EXPECT_TRUE(end.forget);
  for (const auto& key : end.remove) EXPECT_NE(key.kind, model::Kind::PersistentVolumeClaim);
}

TEST_F(StatefulSetPlanTest, WhenScaledDeleteReleasesTheClaimsOfSurplusOrdinals) {
  set.claim_templates.resize(1);
  set.claim_templates[0].meta.name = "data";
  set.retention_when_scaled = "Delete";
  bring_up();
  facts.claims.insert("data-web-x");
  set.replicas = 2;
  apply(plan());
  gone("web-2");
  const auto step = plan();
  ASSERT_EQ(step.remove.size(), 1U);
  EXPECT_EQ(step.remove[0].name, "data-web-2");
}

TEST_F(StatefulSetPlanTest, PodsCarryTheirIdentity) {
  set.claim_templates.resize(1);
  set.claim_templates[0].meta.name = "data";
  const auto step = plan();
  json::value pod;
  for (const auto& raw : step.create) {
    if (find_string(json::value(raw), {"kind"}) == "Pod") pod = raw;
  }
  EXPECT_EQ(find_string(pod, {"spec", "hostname"}), "web-0");
  EXPECT_EQ(find_string(pod, {"spec", "subdomain"}), "web");
  EXPECT_EQ(find_string(pod, {"spec", "nodeName"}), "n1");
  EXPECT_EQ(find_string(pod, {"metadata", "labels", "statefulset.kubernetes.io/pod-name"}), "web-0");
  EXPECT_EQ(find_string(pod, {"metadata", "labels", "apps.kubernetes.io/pod-index"}), "0");
  const auto& volume = find(pod, {"spec", "volumes"})->get_array().at(0);
  EXPECT_EQ(find_string(volume, {"persistentVolumeClaim", "claimName"}), "data-web-0");
}

TEST_F(StatefulSetPlanTest, StartOrdinalShiftsTheNumbers) {
  set.start_ordinal = 5;
  set.pod_management_policy = "Parallel";
  EXPECT_EQ(created(plan()), (std::vector<std::string>{"web-5", "web-6", "web-7"}));
}

TEST_F(StatefulSetPlanTest, MinReadySecondsHoldsUpTheSuccessor) {
  set.min_ready_seconds = 10;
  facts.now = *parse_rfc3339("2026-11-21T10:00:04Z");
  apply(plan());
  ready("web-0");
  const auto step = plan();
  EXPECT_TRUE(created(step).empty());
  EXPECT_EQ(step.look_again, std::chrono::milliseconds(6000));
  facts.now = *parse_rfc3339("2026-11-21T10:00:11Z");
  EXPECT_EQ(created(plan()), std::vector<std::string>{"web-1"});
}

TEST(OrdinalTest, ReadsOnlyItsOwnSetsNames) {
  EXPECT_EQ(ordinal_of("web", "web-12"), 12);
  for (const auto* other : {"web-", "web-01", "web-x", "web", "web-1-2", "webb-1", "web--1", "web-99999999999"}) {
    EXPECT_EQ(ordinal_of("web", other), std::nullopt) << other;
  }
}

TEST(TemplateHashTest, DependsOnContentNotOnOrder) {
  const json::object a{{"x", 1}, {"y", json::array{1, 2}}};
  const json::object b{{"y", json::array{1, 2}}, {"x", 1}};
  const json::object c{{"x", 1}, {"y", json::array{2, 1}}};
  EXPECT_EQ(template_hash(a), template_hash(b));
  EXPECT_NE(template_hash(a), template_hash(c));
}

TEST_F(StatefulSetPlanTest, ACordonedNodeKeepsItsPodsAndGetsNoNewOnes) {
  apply(plan());
  node.unschedulable = true;
  EXPECT_TRUE(plan().delete_pods.empty());
  facts.pods.clear();
  const auto made = plan();
  for (const auto& raw : made.create) {
    if (find_string(json::value(raw), {"kind"}) != "Pod") continue;
    EXPECT_FALSE(raw.at("spec").as_object().contains("nodeName"));
  }
  EXPECT_EQ(created(made).size(), 1U);
  EXPECT_EQ(why_not_here({}, node), "0/1 nodes are available: 1 node(s) were unschedulable.");
}

TEST_F(StatefulSetPlanTest, OnlyAPodThatASetLeftCanBeTakenOver) {
  model::Pod pod;
  pod.meta.labels = {{"app", "web"}, {"controller-revision-hash", "web-1"}};
  EXPECT_TRUE(is_adoptable(pod, set.selector));
  auto owned = pod;
  owned.meta.owner_references.resize(1);
  owned.meta.owner_references[0].controller = true;
  EXPECT_FALSE(is_adoptable(owned, set.selector));
  auto going = pod;
  going.meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  EXPECT_FALSE(is_adoptable(going, set.selector));
  pod.meta.labels.erase("controller-revision-hash");  // Somebody's own.
  EXPECT_FALSE(is_adoptable(pod, set.selector));
}

TEST_F(StatefulSetPlanTest, ScalingDownHaltsWhileAPodIsNotWell) {
  bring_up();
  set.replicas = 0;
  ready("web-2", false);
  ready("web-1", false);
  EXPECT_TRUE(deleted(plan()).empty()) << "web-1 has to be well before web-2 goes";
  ready("web-1");
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-2"}) << "the only one that is not well may go";
  ready("web-1", false);
  ready("web-2");
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-2"}) << "a healthy one is not held by those below it";
}

TEST_F(StatefulSetPlanTest, ScalingDownHaltsWhileAPodThatStaysIsNotWell) {
  bring_up();
  set.replicas = 2;
  ready("web-0", false);
  EXPECT_TRUE(deleted(plan()).empty());
  ready("web-0");
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-2"});
}

TEST_F(StatefulSetPlanTest, AParallelSetScalesDownHoweverItsPodsAre) {
  set.pod_management_policy = "Parallel";
  bring_up();
  set.replicas = 1;
  ready("web-1", false);
  ready("web-2", false);
  EXPECT_EQ(deleted(plan()), (std::vector<std::string>{"web-2", "web-1"}));
}

TEST_F(StatefulSetPlanTest, APodGoesWhereTheRevisionThatItIsMadeFromFits) {
  bring_up();
  set.partition = 3;  // All stay at the old revision, which fits everywhere.
  use_template("two");
  set.pod_template.raw["spec"].get_object()["nodeSelector"] = {{"disk", "fast"}};
  set.pod_template.spec.node_selector = {{"disk", "fast"}};
  gone("web-1");
  auto step = plan();
  const auto node_of = [](const SetPlan& made) {
    for (const auto& raw : made.create) {
      const json::value value(raw);
      if (find_string(value, {"kind"}) == "Pod") return std::string(find_string(value, {"spec", "nodeName"}));
    }
    return std::string("(no pod)");
  };
  EXPECT_EQ(node_of(step), "n1") << "the old template asks for nothing";
  set.partition = 0;
  EXPECT_EQ(node_of(plan()), "") << "the new one does not fit";
  node.meta.labels = {{"disk", "fast"}};
  EXPECT_EQ(node_of(plan()), "n1");
}

TEST(ReleaseStrangers, APodWhoseLabelsNoLongerMatchIsNotTheSetsUnlessItIsGoing) {
  model::LabelSelector selector;
  selector.match_labels = {{"app", "web"}};
  SetFacts facts;
  for (const auto* name : {"mine", "changed", "going"}) {
    auto pod = std::make_shared<model::Pod>();
    pod->meta.name = name;
    pod->meta.labels = {{"app", std::string_view(name) == "mine" ? "web" : "debug"}};
    if (std::string_view(name) == "going") pod->meta.deletion_timestamp = "2026-11-21T10:00:00Z";
    facts.pods.push_back(pod);
  }
  const auto left = release_strangers(selector, facts);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].name, "changed");
  EXPECT_EQ(facts.pods.size(), 2U);
}

}  // namespace
}  // namespace berth::agent
