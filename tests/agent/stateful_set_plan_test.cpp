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
        facts.claims[name].request = *model::Quantity::parse("1Gi");
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

TEST_F(StatefulSetPlanTest, SurplusPodsThatAreOverDoNotWaitForEachOther) {
  bring_up();
  for (const auto* name : {"web-1", "web-2"}) {
    ready(name, false);
    edit(name, [](model::Pod& pod) { pod.status.phase = "Failed"; });
  }
  set.replicas = 0;
  for (const auto* name : {"web-2", "web-1", "web-0"}) {
    const auto step = plan();
    EXPECT_EQ(deleted(step), std::vector<std::string>{name});
    apply(step);
    gone(name);
  }
}

TEST_F(StatefulSetPlanTest, APodThatAsksForSomethingIsPlacedByWhoKnowsOfAllPods) {
  const auto node_of = [&] {
    const auto step = plan();
    EXPECT_EQ(created(step), std::vector<std::string>{"web-0"});
    return std::string(find_string(json::value(step.create.back()), {"spec", "nodeName"}));
  };
  EXPECT_EQ(node_of(), "n1");
  set.pod_template.raw["spec"].as_object()["containers"].as_array()[0].as_object()["resources"] = {
      {"requests", {{"cpu", "100m"}}}};
  EXPECT_EQ(node_of(), "");
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
  facts.claims["data-web-x"] = {};
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
  EXPECT_EQ(why_not_on({}, node), "node(s) were unschedulable");
}

TEST_F(StatefulSetPlanTest, OnlyAPodThatASetLeftCanBeTakenOver) {
  model::Pod pod;
  pod.meta.labels = {{"app", "web"}, {"controller-revision-hash", "web-1"}};
  EXPECT_TRUE(is_adoptable(pod, set.selector));
  auto owned = pod;
  owned.meta.owner_references.own().resize(1);
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

/// Plays a rollout: what is stopped at a time, in order; each time all comes back and is well.
class RollingTest : public StatefulSetPlanTest {
 protected:
  std::vector<std::vector<std::string>> roll() {
    std::vector<std::vector<std::string>> waves;
    for (int i = 0; i < 40; ++i) {
      const auto step = plan();
      apply(step);
      if (const auto names = deleted(step); !names.empty()) waves.push_back(names);
      for (const auto& name : deleted(step)) gone(name);
      apply(plan());
      for (const auto& pod : std::vector(facts.pods)) ready(pod->meta.name);
    }
    const auto status = plan().status;
    EXPECT_EQ(status.at("currentRevision"), status.at("updateRevision"));
    return waves;
  }
  using Waves = std::vector<std::vector<std::string>>;
};

TEST_F(RollingTest, MaxUnavailableReplacesSoManyAtATimeAndAShareIsRoundedUp) {
  set.replicas = 5;
  set.pod_management_policy = "Parallel";
  bring_up();
  use_template("two");
  facts.max_unavailable = CountOrShare{30, true};  // 1.5 of 5
  EXPECT_EQ(roll(), (Waves{{"web-4", "web-3"}, {"web-2", "web-1"}, {"web-0"}}));
  use_template("three");
  facts.max_unavailable = CountOrShare{3, false};
  EXPECT_EQ(roll(), (Waves{{"web-4", "web-3", "web-2"}, {"web-1", "web-0"}}));
}

TEST_F(RollingTest, MaxUnavailableOfAnOrderedSetComesBackInOrder) {
  bring_up();
  use_template("two");
  facts.max_unavailable = CountOrShare{2, false};
  auto step = plan();
  EXPECT_EQ(deleted(step), (std::vector<std::string>{"web-2", "web-1"}));
  apply(step);
  gone("web-2");
  EXPECT_TRUE(created(plan()).empty()) << "web-1 comes first, and still stops";
  gone("web-1");
  step = plan();
  EXPECT_EQ(created(step), std::vector<std::string>{"web-1"});
  apply(step);
  EXPECT_TRUE(created(plan()).empty());
  EXPECT_TRUE(deleted(plan()).empty()) << "two are away";
  ready("web-1");
  step = plan();
  EXPECT_EQ(created(step), std::vector<std::string>{"web-2"});
}

TEST_F(RollingTest, WhatIsNotAvailableCountsWhereverItIs) {
  set.replicas = 4;
  set.pod_management_policy = "Parallel";
  set.min_ready_seconds = 10;
  set.partition = 1;
  facts.now = *parse_rfc3339("2026-11-21T11:00:00Z");
  bring_up();
  use_template("two");
  facts.max_unavailable = CountOrShare{2, false};
  edit("web-0", [](model::Pod& pod) { pod.status.conditions[0].last_transition_time = "2026-11-21T10:59:55Z"; });
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-3"}) << "web-0 is Ready, and not for ten seconds";
  ready("web-1", false);
  EXPECT_EQ(deleted(plan()), std::vector<std::string>{"web-1"}) << "it is no loss";
}

TEST_F(RollingTest, BrokenPodsGetTheMendedTemplateHoweverManyTheyAre) {
  set.replicas = 4;
  set.pod_management_policy = "Parallel";
  bring_up();
  facts.max_unavailable = CountOrShare{1, false};
  ready("web-0", false);
  ready("web-1", false);
  use_template("two");
  EXPECT_EQ(deleted(plan()), (std::vector<std::string>{"web-1", "web-0"})) << "and none that is well";
}

TEST_F(RollingTest, UpdateOrderAscendingRollsFromThePartitionUp) {
  set.meta.annotations[kUpdateOrder] = "Ascending";
  bring_up();
  use_template("two");
  EXPECT_EQ(roll(), (Waves{{"web-0"}, {"web-1"}, {"web-2"}}));
  use_template("three");
  set.partition = 1;
  const auto step = plan();
  EXPECT_EQ(deleted(step), std::vector<std::string>{"web-1"});
  apply(step);
  EXPECT_TRUE(deleted(plan()).empty()) << "one at a time";
  set.partition = 0;
  gone("web-1");
  set.meta.annotations[kUpdateOrder] = "Descending";
  apply(plan());
  ready("web-1");
  EXPECT_EQ(roll(), (Waves{{"web-2"}, {"web-0"}}));
}

TEST_F(StatefulSetPlanTest, APartitionKeepsItsRevisionThroughAScalingToNoneAndBack) {
  bring_up();
  const auto old = current;
  use_template("two");
  set.partition = 3;
  apply(plan());
  set.replicas = 0;
  for (int i = 0; i < 5; ++i) {
    const auto step = plan();
    apply(step);
    for (const auto& name : deleted(step)) gone(name);
  }
  ASSERT_TRUE(facts.pods.empty());
  EXPECT_EQ(current, old);
  set.replicas = 3;
  apply(plan());
  ASSERT_EQ(facts.pods.size(), 1U);
  EXPECT_EQ(revision_of(*facts.pods[0]), old);
}

class ClaimTemplateTest : public StatefulSetPlanTest {
 protected:
  ClaimTemplateTest() {
    add_template("data", "1Gi");
    bring_up();
    for (auto& [name, claim] : facts.claims) claim.may_grow = true;
    for (const auto& pod : std::vector(facts.pods)) use_claim(pod->meta.name, "data");
  }
  void add_template(const std::string& name, const std::string& size) {
    model::ClaimTemplate made;
    made.meta.name = name;
    made.raw = {{"metadata", {{"name", name}}}, {"spec", {{"resources", {{"requests", {{"storage", size}}}}}}}};
    set.claim_templates.push_back(std::move(made));
  }
  void use_claim(const std::string& pod, const std::string& claim) {
    edit(pod, [&](model::Pod& changed) {
      model::Volume volume;
      volume.name = claim;
      volume.source = model::ClaimSource{.claim_name = claim + "-" + pod};
      changed.spec.volumes.push_back(volume);
    });
  }
};

TEST_F(ClaimTemplateTest, ASizeThatGrowsIsFollowedByTheClaimsAtOnceAndStopsNothing) {
  // kubernetes/kubernetes#68737: there, each claim has to be edited and the set made again.
  set.claim_templates.clear();
  add_template("data", "2Gi");
  auto step = plan();
  ASSERT_EQ(step.grow.size(), 3U);
  EXPECT_EQ(step.grow[0].claim.name, "data-web-0");
  EXPECT_EQ(step.grow[0].from, "1Gi");
  EXPECT_EQ(step.grow[0].to, "2Gi");
  EXPECT_TRUE(deleted(step).empty());
  facts.claims["data-web-1"].may_grow = false;
  facts.claims["data-web-1"].why_not = "storage class \"old\" does not allow that";
  facts.claims["data-web-2"].request = *model::Quantity::parse("3Gi");  // Somebody gave it more.
  step = plan();
  EXPECT_EQ(step.grow.size(), 1U);
  EXPECT_EQ(step.ungrown, std::vector<std::string>{"claim data-web-1 stays at 1Gi, its template asks for 2Gi: storage "
                                                   "class \"old\" does not allow that"});
}

TEST_F(ClaimTemplateTest, ATemplateThatIsAddedReachesEachPodByTheRoll) {
  // kubernetes/kubernetes#69041: there, the set has to be made again.
  add_template("log", "1Gi");
  auto step = plan();
  EXPECT_TRUE(created(step, "PersistentVolumeClaim").empty()) << "no pod of before uses it";
  EXPECT_TRUE(deleted(step).empty()) << "and none is stopped for what no container mounts";
  use_template("two");  // It does now.
  step = plan();
  EXPECT_EQ(deleted(step), std::vector<std::string>{"web-2"});
  apply(step);
  gone("web-2");
  step = plan();
  EXPECT_EQ(created(step, "PersistentVolumeClaim"), std::vector<std::string>{"log-web-2"});
  ASSERT_EQ(created(step), std::vector<std::string>{"web-2"});
  const auto& volumes = step.create.back().at("spec").at("volumes").as_array();
  EXPECT_EQ(volumes.size(), 2U);
}

TEST_F(ClaimTemplateTest, AClaimThatIsGoneUnderItsPodIsMadeAgain) {
  facts.claims.erase("data-web-1");
  EXPECT_EQ(created(plan(), "PersistentVolumeClaim"), std::vector<std::string>{"data-web-1"});
}

TEST_F(ClaimTemplateTest, MoreClaimsThanATransactionTakesComeBeforeTheirPod) {
  for (int i = 0; i < 150; ++i) add_template("extra" + std::to_string(i), "1Gi");
  gone("web-2");
  for (int i = 0; i < 2; ++i) {
    const auto step = plan();
    EXPECT_EQ(created(step, "PersistentVolumeClaim").size(), 64U);
    EXPECT_TRUE(created(step).empty()) << "it comes with the last of them";
    apply(step);
  }
  const auto last = plan();
  EXPECT_EQ(created(last, "PersistentVolumeClaim").size(), 22U) << "data-web-2 was there";
  EXPECT_EQ(created(last), std::vector<std::string>{"web-2"});
}

class AutoUndoTest : public StatefulSetPlanTest {
 protected:
  AutoUndoTest() {
    set.meta.annotations[kAutoUndo] = "true";
    set.meta.annotations["berth.io/progress-deadline-seconds"] = "60";
    facts.now = *parse_rfc3339("2026-11-21T10:00:00Z");
    bring_up();
    good = set.pod_template.raw;
    use_template("bad");
    step();
    gone("web-2");
    step();
    ready("web-2", false);
    step();
  }
  SetPlan step() {
    auto made = plan();
    apply(made);
    facts.status = made.status;
    return made;
  }
  std::string reason() {
    for (const auto& each : facts.status.at("conditions").as_array()) {
      if (find_string(each, {"type"}) == "Progressing") return std::string(find_string(each, {"reason"}));
    }
    return {};
  }
  bool is_undone() {
    const auto& all = facts.status.at("conditions").as_array();
    return std::any_of(all.begin(), all.end(),
                       [](const auto& each) { return find_string(each, {"type"}) == "Undone"; });
  }
  /// As the controller writes it.
  void carry_out(const Undo& undo) {
    set.pod_template.raw = undo.pod_template;
    set.meta.annotations[kUndoneTo] = undo.to;
    ++set.meta.generation;
  }
  json::object good;
};

TEST_F(AutoUndoTest, WhenTheDeadlineIsOverTheTemplateBeforeIsPutBackOnce) {
  EXPECT_EQ(reason(), "RolloutProgressing");
  EXPECT_EQ(plan().look_again, std::chrono::seconds(61));
  facts.now += std::chrono::seconds(59);
  EXPECT_FALSE(step().undo);
  facts.now += std::chrono::seconds(2);
  auto over = step();
  ASSERT_TRUE(over.undo);
  EXPECT_EQ(over.undo->pod_template, good);
  EXPECT_EQ(over.undo->to, current);
  EXPECT_EQ(reason(), "ProgressDeadlineExceeded");
  EXPECT_TRUE(is_undone());
  EXPECT_NE(over.undo->why.find("made no progress for 60 s: the template of revision 1"), std::string::npos)
      << over.undo->why;
  carry_out(*over.undo);
  edit("web-2", [](model::Pod& pod) {
    pod.status.container_statuses.resize(1);
    pod.status.container_statuses[0].state = model::ContainerStateWaiting{"ImagePullBackOff", ""};
  });
  over = step();
  EXPECT_EQ(deleted(over), std::vector<std::string>{"web-2"}) << "the broken one goes";
  gone("web-2");
  step();
  ready("web-2");
  step();
  step();
  EXPECT_EQ(reason(), "RolloutComplete");
  EXPECT_TRUE(is_undone()) << "for as long as that template stays";
  use_template("bad");
  step();
  EXPECT_FALSE(is_undone());
  EXPECT_EQ(reason(), "RolloutProgressing");
}

TEST_F(AutoUndoTest, ATemplateThatWasPutBackIsNotUndoneInItsTurn) {
  facts.now += std::chrono::seconds(61);
  const auto first = step();
  ASSERT_TRUE(first.undo);
  carry_out(*first.undo);
  ready("web-0", false);  // Now nothing is well.
  for (int i = 0; i < 5; ++i) {
    facts.now += std::chrono::seconds(61);
    EXPECT_FALSE(step().undo);
  }
  use_template("third");  // Somebody tries again: that is another rollout.
  step();
  facts.now += std::chrono::seconds(61);
  EXPECT_TRUE(step().undo);
}

TEST_F(AutoUndoTest, NothingIsUndoneWithoutTheWishOrWithoutAnythingBefore) {
  set.meta.annotations.erase(kAutoUndo);
  facts.now += std::chrono::hours(1);
  EXPECT_FALSE(plan().undo);
  set.meta.annotations[kAutoUndo] = "true";
  facts.pods.clear();
  facts.revisions.clear();
  facts.status.clear();
  current.clear();
  step();
  step();
  facts.now += std::chrono::hours(1);
  EXPECT_FALSE(step().undo) << "the first template of all";
  EXPECT_EQ(reason(), "ProgressDeadlineExceeded");
}

TEST(AutoUndo, WhatSomebodyWroteMeanwhileStays) {
  const Undo undo{.to = "web-1", .pod_template = {{"spec", json::object()}}, .why = {}, .generation = 4};
  json::object raw{{"metadata", {{"generation", 5}}}, {"spec", {{"template", {{"newer", true}}}}}};
  EXPECT_EQ(put_back(undo, raw), Edit::Refuse);
  EXPECT_TRUE(raw.at("spec").at("template").as_object().contains("newer"));
  raw["metadata"].as_object()["generation"] = 4;
  EXPECT_EQ(put_back(undo, raw), Edit::Done);
  EXPECT_EQ(raw.at("spec").at("template"), json::value(undo.pod_template));
  EXPECT_EQ(find_string(raw.at("metadata"), {"annotations", kUndoneTo}), "web-1");
}

TEST(StatefulRollout, MaxUnavailableIsReadAsItIsWritten) {
  const auto of = [](const std::string& rolling) {
    const auto raw =
        parse_json(R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a","namespace":"default"},
        "spec":{"updateStrategy":{"rollingUpdate":)" +
                   rolling + "}}}");
    return read_max_unavailable(*model::make_object(raw->get_object()));
  };
  EXPECT_FALSE(of("{}"));
  EXPECT_EQ(of(R"({"maxUnavailable":2})")->of(10), 2);
  EXPECT_EQ(of(R"({"maxUnavailable":"25%"})")->of(10), 3);
}

TEST(RevisionObject, ItsDataIsToTheByteWhatKubernetesControllersWrite) {
  model::ObjectMeta owner;
  owner.name = "agent";
  owner.ns = "default";
  owner.annotations = {{"kubernetes.io/change-cause", "because"},
                       {"berth.io/auto-undo", "true"},
                       {"kubectl.kubernetes.io/last-applied-configuration", "{}"}};
  const json::object pod_template{
      {"spec", {{"restartPolicy", "Always"}, {"containers", json::array{{{"name", "a"}, {"image", "i"}}}}}},
      {"metadata", {{"labels", {{"b", "1"}, {"a", "2"}}}}}};
  const auto made = make_revision_object(owner, "DaemonSet", "hash", 1, pod_template);
  EXPECT_EQ(
      json::serialize(made.at("data")),
      R"({"spec":{"template":{"$patch":"replace","metadata":{"creationTimestamp":null,"labels":{"a":"2","b":"1"}},)"
      R"("spec":{"containers":[{"image":"i","name":"a"}],"restartPolicy":"Always"}}}})");
  EXPECT_EQ(json::serialize(made.at("metadata").at("annotations")), R"({"kubernetes.io/change-cause":"because"})");
  EXPECT_EQ(decode_revision(*model::make_object(made))->pod_template(), pod_template);
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
