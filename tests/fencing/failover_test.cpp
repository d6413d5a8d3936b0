// tests/fencing/failover_test.cpp - what goes from a node whose session is gone: what its fence has surely killed, and
// nothing else; and who gets such a pod in the first place.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/config.hpp"
#include "agent/node/failover_plan.hpp"
#include "agent/node/silence_controller.hpp"
#include "agent/objects/fencing.hpp"
#include "agent/placing/placement.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;

class FailoverTest : public ControllerFixture {
 protected:
  FailoverTest() {
    for (const auto* name : {"n1", "n2"}) {
      put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}"}}}})", name));
    }
    nodes.take(both);
    silence.on_nodes();
    begin({silence.row()});
  }
  void word(const std::string& node, const std::string& word) {
    edit({Kind::Node, "", node}, [&](json::object& raw) {
      raw["metadata"].as_object()["annotations"] = json::object{{"berth.io/fencing", word}};
    });
    settle();
  }
  void pod(const std::string& name, const std::string& node, const std::string& owner, bool fenced = true,
           const std::string& claim = {}) {
    const auto volumes =
        claim.empty()
            ? ""
            : fmt::format(R"(,"volumes":[{{"name":"v","persistentVolumeClaim":{{"claimName":"{}"}}}}])", claim);
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{0}","namespace":"default",
        "annotations":{{"berth.io/failover":"{4}"}},
        "ownerReferences":[{{"apiVersion":"apps/v1","kind":"{2}","name":"x","uid":"u","controller":true}}]}},
        "spec":{{"nodeName":"{1}","containers":[{{"name":"c","image":"x"}}]{3}}},
        "status":{{"phase":"Running"}}}})",
                    name, node, owner, volumes, fenced ? "fenced" : "no"));
    settle();
  }
  void claim(const std::string& name) {
    put(fmt::format(
        R"({{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{{"name":"{0}","namespace":"default"}},
        "spec":{{"volumeName":"pv-{0}","accessModes":["ReadWriteOnce"],"resources":{{"requests":{{"storage":"1Mi"}}}}}}}})",
        name));
    put(fmt::format(
        R"({{"apiVersion":"storage.k8s.io/v1","kind":"VolumeAttachment","metadata":{{"name":"pv-{0}"}},"spec":{{
        "attacher":"berth.io","nodeName":"n2","source":{{"persistentVolumeName":"pv-{0}"}}}}}})",
        name));
    settle();
  }
  void lives(const store::Holders& holders) {
    nodes.take(holders);
    silence.on_nodes();
    runner.wake_all();
    settle();
  }

  const store::Holders both{{"live/n1", {"n1", {}, {}}}, {"live/n2", {"n2", {}, {}}}};
  const store::Holders one{{"live/n1", {"n1", {}, {}}}};
  LiveNodes nodes{"n1", LiveNodes::Store::Shared};
  SilenceController silence{clock, cache, *store, nodes, /*shared=*/true};
};

TEST_F(FailoverTest, FencedPodsOfAnArmedNodeGoAtOnceAndNoOthers) {
  word("n2", "armed 1");
  pod("db-0", "n2", "StatefulSet");
  pod("plain-0", "n2", "StatefulSet", /*fenced=*/false);
  pod("daemon", "n2", "DaemonSet");
  pod("db-1", "n1", "StatefulSet");
  pass(seconds(3600));
  EXPECT_TRUE(exists(Kind::Pod, "db-0")) << "its agent is there";
  lives(one);
  EXPECT_FALSE(exists(Kind::Pod, "db-0"));
  EXPECT_TRUE(exists(Kind::Pod, "plain-0"));
  EXPECT_TRUE(exists(Kind::Pod, "daemon"));
  EXPECT_TRUE(exists(Kind::Pod, "db-1"));
  EXPECT_THAT(events, Contains("DeletionByPodGC: Node n2 is gone, and its berth-fence has killed the pod before"));
  pass(seconds(36000));
  EXPECT_TRUE(exists(Kind::Pod, "plain-0")) << "the rest is as for any silent node";
  EXPECT_TRUE(exists(Kind::Pod, "db-1"));
}

TEST_F(FailoverTest, OfANodeThatIsNotArmedNothingGoes) {
  pod("db-0", "n2", "StatefulSet");
  for (const auto* said : {"off", "armed", "unarmed 1", ""}) {
    word("n2", said);
    lives(one);
    pass(seconds(36000));
    EXPECT_TRUE(exists(Kind::Pod, "db-0")) << said;
    lives(both);
  }
}

/// The agent there had its session again, and armed anew, before this host's transaction came to the store.
TEST_F(FailoverTest, AHostThatIsBackKeepsItsPods) {
  word("n2", "armed 1");
  pod("db-0", "n2", "StatefulSet");
  const auto seen = cache.nodes().at({"", "n2"})->meta.resource_version;
  // As that agent writes it; this host's cache has not heard of it when it plans.
  edit({Kind::Node, "", "n2"}, [&](json::object& raw) {
    raw["metadata"].as_object()["annotations"] = json::object{{"berth.io/fencing", "armed 2"}};
  });
  ASSERT_EQ(cache.nodes().at({"", "n2"})->meta.resource_version, seen);
  ASSERT_TRUE(plan_failover(*store->get({Kind::Node, "", "n2"}), cache).remove.size() == 1U);
  Controller late = silence.row();
  auto stale = *store->get({Kind::Node, "", "n2"});
  nodes.take(one);
  auto work = late.plan({Kind::Node, "", "n2"});
  ASSERT_EQ(work.writes.size(), 2U);
  EXPECT_EQ(work.writes.front().key.kind, Kind::Node);
  auto raw = stale.raw;
  EXPECT_EQ(work.writes.front().edit(raw), Edit::Leave) << "written only while the node is that";
  raw["metadata"].as_object()["resourceVersion"] = "999999";
  EXPECT_EQ(work.writes.front().edit(raw), Edit::Refuse);
  EXPECT_EQ(work.writes.front().group, work.writes.back().group) << "in one transaction";
  EXPECT_NE(work.writes.front().group, 0);
}

TEST_F(FailoverTest, AVolumeOfAPodThatIsDeadIsFreeAndOneThatAnotherPodThereHasIsNot) {
  word("n2", "armed 1");
  for (const auto* name : {"alone", "shared", "other", "nobody"}) claim(name);
  pod("db-0", "n2", "StatefulSet", true, "alone");
  pod("db-1", "n2", "StatefulSet", true, "shared");
  pod("reads", "n2", "ReplicaSet", false, "shared");
  pod("plain-0", "n2", "StatefulSet", false, "other");
  lives(one);
  EXPECT_FALSE(exists(Kind::VolumeAttachment, "pv-alone", ""));
  EXPECT_TRUE(exists(Kind::VolumeAttachment, "pv-shared", "")) << "a pod that may run on has it";
  EXPECT_TRUE(exists(Kind::VolumeAttachment, "pv-other", ""));
  EXPECT_TRUE(exists(Kind::VolumeAttachment, "pv-nobody", "")) << "nobody knows who has it";
  EXPECT_FALSE(exists(Kind::Pod, "db-0"));
  EXPECT_FALSE(exists(Kind::Pod, "db-1"));
}

TEST_F(FailoverTest, OneThatSomebodysFinalizerHoldsIsMarkedAndKeepsItsVolume) {
  word("n2", "armed 1");
  claim("data");
  pod("db-0", "n2", "StatefulSet", true, "data");
  edit({Kind::Pod, "default", "db-0"}, [](json::object& raw) {
    raw["metadata"].as_object()["finalizers"] = json::array{json::value("example.com/mine")};
  });
  settle();
  lives(one);
  ASSERT_TRUE(exists(Kind::Pod, "db-0"));
  EXPECT_TRUE(get(Kind::Pod, "db-0")->meta.deleting());
  EXPECT_TRUE(exists(Kind::VolumeAttachment, "pv-data", ""));
  EXPECT_FALSE(get(Kind::Node, "n2", "")->raw.at("metadata").as_object().contains("deletionTimestamp"));
}

TEST_F(FailoverTest, MoreThanATransactionTakesGoInSeveral) {
  word("n2", "armed 1");
  for (int i = 0; i < 120; ++i) pod(fmt::format("db-{}", i), "n2", "StatefulSet");
  lives(one);
  EXPECT_TRUE(cache.pods_of_node("n2").empty());
}

TEST_F(FailoverTest, AHostWithoutASessionCallsNobodyGone) {
  word("n2", "armed 1");
  pod("db-0", "n2", "StatefulSet");
  ASSERT_FALSE((LiveNodes{"n1", LiveNodes::Store::Shared}.is_warden_of("Node n2"))) << "so that it plans nothing";
}

class FencedPlacementTest : public ControllerFixture {
 protected:
  FencedPlacementTest() {
    for (const auto* name : {"n1", "n2"}) {
      put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}"}}}})", name));
    }
    nodes.take({{"live/n1", {"n1", {}, {}}}, {"live/n2", {"n2", {}, {}}}});
    begin({placement.row()});
  }
  void make(const std::string& name) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default",
        "annotations":{{"berth.io/failover":"fenced"}},
        "ownerReferences":[{{"apiVersion":"apps/v1","kind":"StatefulSet","name":"x","uid":"u","controller":true}}]}},
        "spec":{{"containers":[{{"name":"c","image":"x"}}]}}}})",
                    name));
    settle();
  }
  std::string node_of(const std::string& name) const {
    return std::string(find_string(get(Kind::Pod, name)->raw.at("spec"), {"nodeName"}));
  }

  LiveNodes nodes{"n1", LiveNodes::Store::Shared};
  Placement placement{
      clock, *store, cache,
      [](const model::ObjectKey&, const std::string&, std::string_view, std::string_view, const std::string&) {},
      nodes};
};

TEST_F(FencedPlacementTest, AFencedPodGoesOnlyWhereItsEndIsSure) {
  make("db-0");
  EXPECT_EQ(node_of("db-0"), "");
  EXPECT_THAT(json::serialize(get(Kind::Pod, "db-0")->raw),
              HasSubstr("2 node(s) cannot fence, which pod's berth.io/failover asks for"));
  edit({Kind::Node, "", "n2"}, [](json::object& raw) {
    raw["metadata"].as_object()["annotations"] = json::object{{"berth.io/fencing", "armed 1"}};
  });
  settle();
  EXPECT_EQ(node_of("db-0"), "n2") << "it is tried again when a fence is armed";
}

TEST(FencedPlacementOfOneHost, NothingIsAskedWhereThereIsNoOtherHost) {
  model::Pod pod;
  pod.meta.annotations["berth.io/failover"] = "fenced";
  EXPECT_FALSE(asks_for_fencing(pod)) << "nobody would make it elsewhere";
}

TEST(FencingConfig, StandsAloneAndNeedsAnEtcd) {
  const std::string etcd = "store: {etcd: {endpoints: ['http://10.0.0.1:2379']}}\n";
  const auto on = parse_config(etcd + "cluster: {fencing: true}", "berthd.yaml");
  ASSERT_TRUE(on) << on.error().message();
  EXPECT_TRUE(on->fencing);
  EXPECT_FALSE(on->cluster) << "no other host is asked";
  EXPECT_FALSE(parse_config(etcd + "cluster: {fencing: false}", "berthd.yaml")->fencing);
  EXPECT_FALSE(parse_config(etcd, "berthd.yaml")->fencing);
  EXPECT_EQ(parse_config("cluster: {fencing: true}", "berthd.yaml").error().message(),
            "berthd.yaml:1: cluster.fencing: needs store.etcd: it is about pods that another host takes over");
  EXPECT_EQ(parse_config(etcd + "cluster: {fencing: maybe}", "berthd.yaml").error().message(),
            "berthd.yaml:2: cluster.fencing: must be true or false");
  EXPECT_THAT(parse_config(etcd + "cluster: {}", "berthd.yaml").error().message(), HasSubstr("cluster.advertise"));
}

}  // namespace
}  // namespace berth::agent
