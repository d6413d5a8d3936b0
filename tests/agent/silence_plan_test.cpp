// tests/agent/silence_plan_test.cpp - a node of which nothing is heard: what is said, who goes, and who stays.
#include "agent/node/silence_plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/node/silence_controller.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class SilencePlanTest : public testing::Test {
 protected:
  PodPtr pod(const std::string& name, const std::string& owner = {}, std::vector<model::Toleration> tolerations = {}) {
    auto out = std::make_shared<model::Pod>();
    out->meta.ns = "default";
    out->meta.name = name;
    out->status.phase = "Running";
    out->status.conditions.push_back({.type = "Ready", .status = "True", .reason = {}, .message = {}});
    out->spec.tolerations = std::move(tolerations);
    if (!owner.empty()) {
      model::OwnerReference reference;
      reference.kind = owner;
      reference.controller = true;
      out->meta.owner_references.push_back(reference);
    }
    facts.pods.push_back(out);
    return out;
  }
  /// The node is marked; so long ago.
  void silent(seconds ago) {
    json::object raw{{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", "n2"}}}};
    EXPECT_TRUE(mark_silent(raw, facts.now - ago));
    facts.node = std::make_shared<const model::Object>(*model::make_object(std::move(raw)));
  }
  static std::vector<std::string> names(const std::vector<PodPtr>& pods) {
    std::vector<std::string> out;
    for (const auto& each : pods) out.push_back(each->meta.name);
    return out;
  }

  SilenceFacts facts{.node = nullptr, .pods = {}, .now = *parse_rfc3339("2026-11-30T12:00:00Z")};
};

TEST_F(SilencePlanTest, FirstItIsSaidAndTimeIsCountedFromThen) {
  pod("web");
  facts.node = std::make_shared<const model::Object>(
      *model::make_object({{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", "n2"}}}}));
  const auto plan = plan_silence(facts);
  EXPECT_TRUE(plan.mark);
  EXPECT_THAT(plan.not_ready, IsEmpty());
  EXPECT_THAT(plan.evict, IsEmpty());
}

TEST_F(SilencePlanTest, PodsGoAsTheyTolerateButForThoseWithAnIdentity) {
  const auto tolerates = [](std::optional<std::int64_t> time) {
    return model::Toleration{.key = "node.kubernetes.io/unreachable",
                             .op = "Exists",
                             .value = {},
                             .effect = "NoExecute",
                             .toleration_seconds = time};
  };
  pod("plain", "ReplicaSet");
  pod("bare");
  pod("hasty", "ReplicaSet", {tolerates(10)});
  pod("patient", "ReplicaSet", {tolerates(3600)});
  pod("both", "ReplicaSet", {tolerates(3600), tolerates(10)});
  pod("always", "ReplicaSet", {tolerates(std::nullopt)});
  pod("db-0", "StatefulSet");
  pod("node-exporter", "DaemonSet");
  silent(seconds(9));
  auto plan = plan_silence(facts);
  EXPECT_FALSE(plan.mark);
  EXPECT_EQ(plan.not_ready.size(), facts.pods.size()) << "nobody knows of any of them";
  EXPECT_THAT(plan.evict, IsEmpty());
  EXPECT_EQ(plan.look_again, seconds(1));
  silent(seconds(10));
  plan = plan_silence(facts);
  EXPECT_THAT(names(plan.evict), ElementsAre("hasty", "both"));
  EXPECT_EQ(plan.look_again, seconds(290)) << "the five minutes of who says nothing";
  silent(seconds(300));
  EXPECT_THAT(names(plan_silence(facts).evict), ElementsAre("plain", "bare", "hasty", "both"));
  silent(seconds(36000));
  plan = plan_silence(facts);
  EXPECT_THAT(names(plan.evict), ElementsAre("plain", "bare", "hasty", "patient", "both"));
  EXPECT_EQ(plan.look_again, std::nullopt);
  EXPECT_THAT(plan.remove, IsEmpty()) << "whatever time passes";
}

TEST_F(SilencePlanTest, WhatTheNodesOwnFilesMadeStaysAndInAStoreOfOneHostEverything) {
  auto filed = std::make_shared<model::Pod>(*pod("filed"));
  filed->meta.annotations["berth.io/source"] = "n2/directory:/etc/berth/manifests/a.yaml";
  auto of_the_cluster = std::make_shared<model::Pod>(*pod("of-the-cluster"));
  of_the_cluster->meta.annotations["berth.io/source"] = "cluster:shop/a.yaml";
  facts.pods = {filed, of_the_cluster};
  pod("bare");
  silent(seconds(36000));
  EXPECT_THAT(names(plan_silence(facts).evict), ElementsAre("of-the-cluster", "bare"));
  facts.shared = false;
  const auto plan = plan_silence(facts);
  EXPECT_THAT(plan.evict, IsEmpty());
  EXPECT_THAT(plan.not_ready, IsEmpty());
}

TEST_F(SilencePlanTest, ATaintThatSaysNotSinceWhenIsWrittenAnew) {
  silent(seconds(10));
  auto raw = facts.node->raw;
  for (auto& taint : raw["spec"].as_object()["taints"].as_array()) taint.as_object().erase("timeAdded");
  EXPECT_FALSE(is_marked_silent(raw));
  EXPECT_TRUE(mark_silent(raw, facts.now));
  EXPECT_EQ(raw.at("spec").at("taints").as_array().size(), 2U);
}

TEST_F(SilencePlanTest, ObjectsGoOnAPersonsWordOnly) {
  pod("web", "ReplicaSet");
  pod("db-0", "StatefulSet");
  silent(seconds(1));
  auto raw = facts.node->raw;
  raw["spec"].as_object()["taints"].as_array().push_back(
      {{"key", "node.kubernetes.io/out-of-service"}, {"value", "nodeshutdown"}, {"effect", "NoExecute"}});
  facts.node = std::make_shared<const model::Object>(*model::make_object(std::move(raw)));
  EXPECT_THAT(names(plan_silence(facts).remove), ElementsAre("web", "db-0"));
  facts.node = nullptr;
  EXPECT_THAT(names(plan_silence(facts).remove), ElementsAre("web", "db-0"));
}

TEST_F(SilencePlanTest, MarksComeAndGoAndLeaveOthersAlone) {
  json::object node{{"spec", {{"taints", json::array{json::object{{"key", "gpu"}, {"effect", "NoSchedule"}}}}}}};
  EXPECT_TRUE(mark_silent(node, facts.now));
  EXPECT_FALSE(mark_silent(node, facts.now + seconds(60))) << "since when is kept";
  EXPECT_TRUE(is_marked_silent(node));
  EXPECT_EQ(node.at("spec").at("taints").as_array().size(), 3U);
  EXPECT_TRUE(mark_heard(node));
  EXPECT_FALSE(mark_heard(node));
  EXPECT_FALSE(is_marked_silent(node));
  EXPECT_EQ(node.at("spec").at("taints").as_array().size(), 1U);
  json::object untainted{{"spec", {{"podCIDR", "10.1.0.0/24"}}}};
  EXPECT_TRUE(mark_silent(untainted, facts.now));
  EXPECT_TRUE(mark_heard(untainted));
  EXPECT_FALSE(untainted.at("spec").as_object().contains("taints"));
}

class SilenceControllerTest : public ControllerFixture {
 protected:
  SilenceControllerTest() {
    for (const auto* name : {"n1", "n2"}) {
      put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}"}},"status":{{"conditions":[
          {{"type":"Ready","status":"True"}}]}}}})",
                      name));
    }
    nodes.take(n2_lives);
    begin({silence.row()});
  }
  void pod(const std::string& name, const std::string& node, const std::string& owner = "ReplicaSet") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{0}","namespace":"default",
        "ownerReferences":[{{"apiVersion":"apps/v1","kind":"{2}","name":"x","uid":"u","controller":true}}]}},
        "spec":{{"nodeName":"{1}","containers":[{{"name":"c","image":"x"}}]}},
        "status":{{"phase":"Running","conditions":[{{"type":"Ready","status":"True"}}]}}}})",
                    name, node, owner));
    settle();
  }
  void lives(const store::Holders& holders) {
    nodes.take(holders);
    silence.on_nodes();
    runner.wake_all();
    settle();
  }
  std::string ready(Kind kind, const std::string& name, const std::string& ns) const {
    for (const auto& each : get(kind, name, ns)->raw.at("status").at("conditions").as_array()) {
      if (find_string(each, {"type"}) == "Ready") return std::string(find_string(each, {"status"}));
    }
    return "none";
  }
  bool leaving(const std::string& name) const { return get(Kind::Pod, name)->meta.deleting(); }

  const store::Holders n2_lives{{"live/n2", {.node = "n2", .version = {}, .since = {}}}};
  LiveNodes nodes{"n1"};
  SilenceController silence{clock, cache, *store, nodes, /*shared=*/true};
};

TEST_F(SilenceControllerTest, AHostThatIsGoneIsSaidItsPodsAreReplacedAndWhenItIsBackAllIsWell) {
  pod("web", "n2");
  pod("db-0", "n2", "StatefulSet");
  pod("here", "n1");
  pass(seconds(600));
  EXPECT_EQ(ready(Kind::Node, "n2", ""), "True");
  lives({});
  pass(seconds(39));
  EXPECT_EQ(ready(Kind::Node, "n2", ""), "True") << "it may be a restart";
  lives(n2_lives);
  lives({});
  pass(seconds(39));
  EXPECT_EQ(ready(Kind::Node, "n2", ""), "True") << "counted anew";
  pass(seconds(1));
  EXPECT_EQ(ready(Kind::Node, "n2", ""), "Unknown");
  EXPECT_THAT(events, Contains("NodeNotReady: Node n2 status is now: NodeNotReady"));
  EXPECT_EQ(ready(Kind::Pod, "web", "default"), "False");
  EXPECT_EQ(ready(Kind::Pod, "db-0", "default"), "False");
  EXPECT_EQ(ready(Kind::Pod, "here", "default"), "True");
  EXPECT_EQ(ready(Kind::Node, "n1", ""), "True");
  EXPECT_FALSE(leaving("web"));
  pass(seconds(301));
  EXPECT_TRUE(leaving("web"));
  EXPECT_FALSE(leaving("db-0"));
  EXPECT_FALSE(leaving("here"));
  EXPECT_THAT(events, Contains("TaintManagerEviction: Marking for deletion Pod default/web"));
  // It is back, and faster to say how it is than we are to look.
  nodes.take(n2_lives);
  edit({Kind::Node, "", "n2"}, [](json::object& raw) {
    raw["status"] = {{"conditions", json::array{json::object{{"type", "Ready"}, {"status", "True"}}}}};
  });
  settle();
  EXPECT_FALSE(has_silent_taint(get(Kind::Node, "n2", "")->raw));
  EXPECT_EQ(ready(Kind::Node, "n2", ""), "True");
}

TEST_F(SilenceControllerTest, AfterTheStoreWasOutOfSightTimeIsCountedAnew) {
  pod("web", "n2");
  lives({});
  pass(seconds(39));
  silence.on_snapshot();
  runner.wake_all();
  settle();
  pass(seconds(39));
  EXPECT_EQ(ready(Kind::Node, "n2", ""), "True");
  pass(seconds(1));
  EXPECT_EQ(ready(Kind::Node, "n2", ""), "Unknown");
}

/// Another host planned the key while the node was there, and this one plans it again.
TEST_F(SilenceControllerTest, WhoDidNotPlanItMeanwhileCountsAnewToo) {
  pod("web", "n2");
  lives({});
  pass(seconds(39));
  nodes.take(n2_lives);
  silence.on_nodes();
  nodes.take({});
  silence.on_nodes();
  pass(seconds(39));
  EXPECT_EQ(ready(Kind::Node, "n2", ""), "True");
  pass(seconds(1));
  EXPECT_EQ(ready(Kind::Node, "n2", ""), "Unknown");
}

TEST_F(SilenceControllerTest, PodsOfANodeThatSomebodyDeletedGoButNotAtOnceAndNotOfOneThatIsThere) {
  pod("web", "n2");
  pod("lost", "n9");
  remove({Kind::Node, "", "n2"});
  pass(seconds(40));
  EXPECT_TRUE(exists(Kind::Pod, "web")) << "its agent is there";
  EXPECT_FALSE(exists(Kind::Pod, "lost"));
  lives({});
  pass(seconds(39));
  EXPECT_TRUE(exists(Kind::Pod, "web"));
  pass(seconds(1));
  EXPECT_FALSE(exists(Kind::Pod, "web"));
  EXPECT_TRUE(runner.is_idle());
  pod("again", "n2");
  pass(seconds(39));
  EXPECT_TRUE(exists(Kind::Pod, "again")) << "its time is counted anew: the node may be about to come";
}

TEST_F(SilenceControllerTest, VolumesThatALostNodeHeldAreFreeAndThoseOfASilentOneAreNot) {
  const auto held = [&](const std::string& name, const std::string& node, const std::string& attacher) {
    put(fmt::format(R"({{"apiVersion":"storage.k8s.io/v1","kind":"VolumeAttachment","metadata":{{"name":"{}"}},"spec":{{
        "attacher":"{}","nodeName":"{}","source":{{"persistentVolumeName":"{}"}}}}}})",
                    name, attacher, node, name));
    settle();
  };
  held("there", "n2", "berth.io");
  held("other", "n2", "csi.example.com");
  held("here", "n1", "berth.io");
  lives({});
  pass(seconds(3600));
  EXPECT_TRUE(exists(Kind::VolumeAttachment, "there", "")) << "a kernel there may write yet";
  remove({Kind::Node, "", "n2"});
  settle();
  pass(seconds(40));
  EXPECT_FALSE(exists(Kind::VolumeAttachment, "there", ""));
  EXPECT_TRUE(exists(Kind::VolumeAttachment, "other", ""));
  EXPECT_TRUE(exists(Kind::VolumeAttachment, "here", ""));
}

/// Who planned the node's key until a moment ago is late, and another node has taken the volume since.
TEST_F(SilenceControllerTest, AnAttachmentThatAnotherNodeHasByNowStays) {
  const auto held_by = [&](const std::string& node) {
    put(fmt::format(R"({{"apiVersion":"storage.k8s.io/v1","kind":"VolumeAttachment","metadata":{{"name":"pv"}},"spec":{{
        "attacher":"berth.io","nodeName":"{}","source":{{"persistentVolumeName":"pv"}}}}}})",
                    node));
  };
  held_by("n9");
  settle();
  remove({Kind::VolumeAttachment, "", "pv"});
  held_by("n1");
  ASSERT_EQ(cache.attachments().at({"", "pv"})->node_name, "n9") << "not seen yet";
  pass(seconds(41));
  EXPECT_TRUE(exists(Kind::VolumeAttachment, "pv", ""));
}

TEST_F(SilenceControllerTest, WhatSomebodysFinalizerHoldsIsMarkedAndStays) {
  pod("held", "n9");
  edit({Kind::Pod, "default", "held"}, [](json::object& raw) {
    raw["metadata"].as_object()["finalizers"] = json::array{json::value("example.com/mine")};
  });
  settle();
  pass(seconds(41));
  ASSERT_TRUE(exists(Kind::Pod, "held"));
  EXPECT_TRUE(leaving("held"));
  EXPECT_TRUE(runner.is_idle());
}

}  // namespace
}  // namespace berth::agent
