// tests/agent/placement_test.cpp - pods without a node are bound here when they fit, and told why not when they do not.
#include "agent/placing/placement.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using testing::Contains;
using testing::IsEmpty;

class PlacementTest : public ControllerFixture {
 protected:
  PlacementTest() {
    put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}})");
    begin({placement.row()});
  }
  void make(const std::string& name, const std::string& spec = "", const std::string& meta = "") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"{}}},
        "spec":{{"containers":[{{"name":"c","image":"x"}}]{}}}}})",
                    name, meta, spec));
    settle();
  }
  std::string node_of(const std::string& name) const {
    return std::string(find_string(get(Kind::Pod, name)->raw.at("spec"), {"nodeName"}));
  }

  /// Of the pod's condition PodScheduled; empty: it has none.
  std::string reason(const std::string& name) const { return status_of(name).first; }
  /// The same, with its phase.
  std::pair<std::string, std::string> status_of(const std::string& name) const {
    const auto pod = model::decode_pod(*get(Kind::Pod, name));
    const auto* condition = pod->status.condition("PodScheduled");
    return {condition == nullptr ? std::string() : condition->message, pod->status.phase};
  }

  LiveNodes nodes{"n1"};
  Placement placement{clock, *store, cache,
                      [this](const model::ObjectKey&, const std::string&, std::string_view, std::string_view reason,
                             const std::string&) { events.emplace_back(reason); },
                      nodes};
};

/// Of a store that hosts share, in which n1 and n2 were there before.
class SharedPlacementTest : public ControllerFixture {
 protected:
  SharedPlacementTest() {
    for (const auto* name : {"n1", "n2"}) {
      put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}"}}}})", name));
    }
    begin({placement.row()});
    put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"default"},
        "spec":{"containers":[{"name":"c","image":"x"}]}})");
    settle();
  }
  void lives(std::initializer_list<std::string> names) {
    store::Holders holders;
    for (const auto& name : names) holders["live/" + name] = {name, "", ""};
    nodes.take(holders);
    placement.on_nodes();
    runner.wake_all();
    settle();
  }
  bool bound() const { return !find_string(get(Kind::Pod, "a")->raw.at("spec"), {"nodeName"}).empty(); }

  LiveNodes nodes{"n1", LiveNodes::Store::Shared};
  Placement placement{clock, *store, cache, [](auto&&...) {}, nodes};
};

TEST_F(SharedPlacementTest, WhoIsBackFirstWaitsForTheOthersALittle) {
  EXPECT_FALSE(bound()) << "nobody is there";
  lives({"n1"});
  pass(std::chrono::seconds(4));
  EXPECT_FALSE(bound());
  lives({"n1", "n2"});
  EXPECT_TRUE(bound());
}

TEST_F(SharedPlacementTest, WhereALocalVolumeIsMadeEveryPodOfItsClaimGoes) {
  put(R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"here"},
      "provisioner":"berth.io/directory","volumeBindingMode":"WaitForFirstConsumer"})");
  put(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"default"},
      "spec":{"storageClassName":"here","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Mi"}}}})");
  for (const auto* name : {"b", "c", "d"}) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"}},"spec":{{
        "containers":[{{"name":"c","image":"x"}}],"volumes":[{{"name":"v","persistentVolumeClaim":{{
        "claimName":"data"}}}}]}}}})",
                    name));
  }
  settle();
  lives({"n1", "n2"});
  const auto node_of = [this](const char* name) {
    return std::string(find_string(get(Kind::Pod, name)->raw.at("spec"), {"nodeName"}));
  };
  EXPECT_NE(node_of("b"), "");
  EXPECT_EQ(node_of("c"), node_of("b"));
  EXPECT_EQ(node_of("d"), node_of("b"));
}

/// Pods that want to be apart, by host.
class ApartTest : public SharedPlacementTest {
 protected:
  ApartTest() {
    for (const auto* name : {"n1", "n2"}) {
      edit({Kind::Node, "", name}, [&](json::object& raw) {
        raw["metadata"].as_object()["labels"] = {{"kubernetes.io/hostname", name}};
      });
    }
    lives({"n1", "n2"});
    pass(Placement::kComeBack);
  }
  void make(const std::string& name, const std::string& affinity) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default",
        "labels":{{"app":"db"}}}},"spec":{{"containers":[{{"name":"c","image":"x"}}],"affinity":{{"{}":{{
        "requiredDuringSchedulingIgnoredDuringExecution":[{{"topologyKey":"kubernetes.io/hostname",
        "labelSelector":{{"matchLabels":{{"app":"{}"}}}}}}]}}}}}}}})",
                    name, affinity, affinity == "podAffinity" ? "web" : "db"));
  }
  std::string node_of(const std::string& name) const {
    return std::string(find_string(get(Kind::Pod, name)->raw.at("spec"), {"nodeName"}));
  }
  std::string why(const std::string& name) const {
    return model::decode_pod(*get(Kind::Pod, name))->status.condition("PodScheduled")->message;
  }
};

TEST_F(ApartTest, TheyAreAlsoWhenAllArePlannedAtOnceAndTheLastWaitsForOneToLeave) {
  for (const auto* name : {"db-0", "db-1", "db-2"}) make(name, "podAntiAffinity");
  settle();
  EXPECT_EQ(std::set<std::string>({node_of("db-0"), node_of("db-1")}), (std::set<std::string>{"n1", "n2"}));
  EXPECT_EQ(node_of("db-2"), "");
  EXPECT_EQ(why("db-2"), "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.");
  const auto freed = node_of("db-0");
  remove({Kind::Pod, "default", "db-0"});
  settle();
  EXPECT_EQ(node_of("db-2"), freed);
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(ApartTest, OneThatWaitsForAnotherGoesWhereThatIsOnceItIsPlaced) {
  make("client", "podAffinity");
  settle();
  EXPECT_EQ(why("client"), "0/2 nodes are available: 2 node(s) didn't match pod affinity rules.");
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","labels":{"app":"web"}},
      "spec":{"nodeName":"n2","containers":[{"name":"c","image":"x"}]}})");
  settle();
  EXPECT_EQ(node_of("client"), "n2");
}

TEST_F(ApartTest, AnotherPodOfTheSameNameIsCountedAsWhatItIs) {
  make("db-0", "podAntiAffinity");
  settle();
  const auto first = node_of("db-0");
  remove({Kind::Pod, "default", "db-0"});
  put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"db-0","namespace":"default"}},
      "spec":{{"nodeName":"{}","containers":[{{"name":"c","image":"x"}}]}}}})",
                  first));
  settle();
  for (const auto* name : {"db-1", "db-2"}) make(name, "podAntiAffinity");
  settle();
  EXPECT_NE(node_of("db-1"), "");
  EXPECT_NE(node_of("db-2"), "");
}

TEST_F(ApartTest, WhoBeginsToPlaceHasCountedAllBeforeTheFirst) {
  for (int i = 0; i < 500; ++i) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p{:03}","namespace":"default",
        "labels":{{"app":"{}"}}}},"spec":{{"nodeName":"n1","containers":[{{"name":"c","image":"x"}}]}}}})",
                    i, i == 499 ? "db" : "other"));
  }
  settle();
  placement.on_snapshot();
  make("db-0", "podAntiAffinity");
  settle();
  EXPECT_EQ(node_of("db-0"), "") << "not all are counted yet";
  for (int i = 0; i < 3; ++i) pass(std::chrono::milliseconds(1));
  EXPECT_EQ(node_of("db-0"), "n2") << "the last pod that is counted wants to be apart";
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(ApartTest, WhatIsCountedHoldsWhenOthersComeAndGoAndNotWhenTheCacheWasLoadedAnew) {
  make("db-0", "podAntiAffinity");
  settle();
  const auto first = node_of("db-0");
  const std::string second = first == "n1" ? "n2" : "n1";
  lives({"n1"});
  lives({"n1", "n2"});
  pass(Placement::kComeBack);
  make("db-1", "podAntiAffinity");
  settle();
  EXPECT_EQ(node_of("db-1"), second);
  // What went meanwhile nobody tells.
  remove({Kind::Pod, "default", "db-1"});
  while (loop.poll() > 0) {
  }
  placement.on_snapshot();
  runner.wake_all();
  make("db-2", "podAntiAffinity");
  settle();
  EXPECT_EQ(node_of("db-2"), second);
}

TEST_F(SharedPlacementTest, ButNotForEver) {
  lives({"n1"});
  pass(Placement::kComeBack);
  EXPECT_TRUE(bound());
}

TEST_F(SharedPlacementTest, AnAgentThatStopsKeepsNobodyWaiting) {
  edit({Kind::Pod, "default", "a"}, [](json::object& raw) { raw["spec"].as_object()["nodeName"] = "n2"; });
  lives({"n1", "n2"});
  lives({"n1"});
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"b","namespace":"default"},
      "spec":{"containers":[{"name":"c","image":"x"}]}})");
  settle();
  pass(Placement::kComeBack);
  EXPECT_EQ(find_string(get(Kind::Pod, "b")->raw.at("spec"), {"nodeName"}), "n1");
}

TEST_F(PlacementTest, APodThatFitsIsBoundAndSaidToBe) {
  make("a");
  EXPECT_EQ(node_of("a"), "n1");
  EXPECT_THAT(events, Contains("Scheduled: Successfully assigned default/a to n1"));
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(PlacementTest, APodThatDoesNotFitWaitsForTheNodeToChange) {
  make("a", R"(,"nodeSelector":{"disk":"fast"})");
  EXPECT_EQ(node_of("a"), "");
  EXPECT_EQ(status_of("a").second, "Pending");
  const auto revision = get(Kind::Pod, "a")->meta.resource_version;
  edit({Kind::Node, "", "n1"}, [](json::object& raw) { raw["status"] = {{"beat", 1}}; });
  settle();
  EXPECT_EQ(get(Kind::Pod, "a")->meta.resource_version, revision) << "a heartbeat changes nothing";
  edit({Kind::Node, "", "n1"}, [](json::object& raw) { raw["metadata"].get_object()["labels"] = {{"disk", "fast"}}; });
  settle();
  EXPECT_EQ(node_of("a"), "n1");
}

TEST_F(PlacementTest, ADeletedPodThatWasNeverBoundIsRemoved) {
  make("a", R"(,"nodeSelector":{"disk":"fast"})", R"(,"deletionTimestamp":"2026-11-21T10:00:00Z")");
  EXPECT_FALSE(exists(Kind::Pod, "a"));
  EXPECT_THAT(events, IsEmpty());
}

TEST_F(PlacementTest, WhatAnotherNodeGotMeanwhileIsLeftToIt) {
  make("a", R"(,"nodeSelector":{"disk":"fast"})");
  const model::ObjectKey key{Kind::Pod, "default", "a"};
  edit(key, [](json::object& raw) { raw["status"].as_object().erase("conditions"); });
  settle();
  const auto waits = placement.row().plan(key);
  ASSERT_EQ(waits.writes.size(), 1U);
  put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n2","labels":{"disk":"fast"}}})");
  settle();
  const LiveNodes n2("n2");
  Placement there{clock, *store, cache, [](auto&&...) {}, n2};
  const auto binds = there.row().plan(key);
  ASSERT_EQ(binds.writes.size(), 1U);

  auto theirs = get(Kind::Pod, "a")->raw;
  theirs["spec"].as_object()["nodeName"] = "n3";
  theirs["status"] = {{"phase", "Running"}};
  for (const auto* work : {&waits, &binds}) {
    auto raw = theirs;
    EXPECT_EQ(work->writes.front().edit(raw), Edit::Refuse);
    EXPECT_EQ(raw, theirs);
  }
  auto going = get(Kind::Pod, "a")->raw;
  going["metadata"].as_object()["deletionTimestamp"] = "2026-11-21T10:00:00Z";
  EXPECT_EQ(binds.writes.front().edit(going), Edit::Refuse) << "who deletes it may have removed it by then";
}

TEST_F(PlacementTest, CordoningIsSaidOnce) {
  const auto cordon = [&](bool is) {
    edit({Kind::Node, "", "n1"}, [&](json::object& raw) { raw["spec"] = {{"unschedulable", is}}; });
    settle();
  };
  cordon(true);
  cordon(false);
  EXPECT_THAT(events, testing::ElementsAre("NodeNotSchedulable", "NodeSchedulable"));
}

TEST_F(PlacementTest, OfSeveralNodesThoseThatAreThereTakePods) {
  put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n2"}})");
  put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"was"}})");
  EXPECT_TRUE(nodes.take({{"live/n2", {.node = "n2", .version = {}, .since = {}}}}));
  EXPECT_FALSE(nodes.take({{"live/n2", {.node = "n2", .version = {}, .since = {}}}})) << "nothing new";
  runner.wake_all();
  for (int i = 0; i < 4; ++i) {
    make(
        "db-" + std::to_string(i), "",
        R"(,"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"db","uid":"u","controller":true}])");
  }
  EXPECT_EQ(node_of("db-0") + node_of("db-1") + node_of("db-2") + node_of("db-3"), "n1n2n1n2");
  EXPECT_THAT(events, Contains("Scheduled: Successfully assigned default/db-1 to n2"));
  make("picky", R"(,"nodeSelector":{"disk":"fast"})");
  EXPECT_EQ(reason("picky"), "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.");
}

TEST_F(PlacementTest, OnOneHostPodsThatWantToBeApartAreTogether) {
  for (const auto* name : {"a", "b"}) {
    make(name, R"(,"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[
        {"topologyKey":"kubernetes.io/hostname","labelSelector":{}}]}})");
    EXPECT_EQ(node_of(name), "n1");
  }
}

TEST_F(PlacementTest, AHostPortIsWaitedFor) {
  for (const auto* name : {"a", "b"}) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"}},"spec":{{
        "containers":[{{"name":"c","image":"x","ports":[{{"containerPort":80,"hostPort":80}}]}}]}}}})",
                    name));
    settle();
  }
  EXPECT_EQ(reason("b"), "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.");
  remove({Kind::Pod, "default", "a"});
  settle();
  EXPECT_EQ(node_of("b"), "n1");
}

TEST_F(PlacementTest, APodGoesWhereItsVolumeIs) {
  put(R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv"},"spec":{"capacity":{"storage":"1Gi"},
      "accessModes":["ReadWriteOnce"],"local":{"path":"/data"},"nodeAffinity":{"required":{"nodeSelectorTerms":[
      {"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["n2"]}]}]}}}})");
  put(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"default"},
      "spec":{"accessModes":["ReadWriteOnce"],"volumeName":"pv","resources":{"requests":{"storage":"1Gi"}}}})");
  const std::string volumes = R"(,"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}])";
  make("a", volumes);
  EXPECT_EQ(reason("a"), "0/1 nodes are available: 1 node(s) had volume node affinity conflict.");
  put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n2","labels":{"kubernetes.io/hostname":"n2"}}})");
  nodes.take({{"live/n2", {.node = "n2", .version = {}, .since = {}}}});
  runner.wake_all();
  settle();
  EXPECT_EQ(node_of("a"), "n2");
}

class RoomTest : public PlacementTest {
 protected:
  RoomTest() { give(2, 10); }
  void give(int cpu, int pods) {
    edit({Kind::Node, "", "n1"}, [&](json::object& raw) {
      raw["status"] = {
          {"allocatable", {{"cpu", std::to_string(cpu)}, {"memory", "1Gi"}, {"pods", std::to_string(pods)}}}};
    });
    settle();
  }
  /// A pod that asks for so much of a processor.
  void ask(const std::string& name, const std::string& cpu, int priority = 0, const std::string& more = "") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default",
        "labels":{{"app":"{}"}}}},"spec":{{"priority":{},"containers":[{{"name":"c","image":"x",
        "resources":{{"requests":{{"cpu":"{}"}}}}}}]{}}}}})",
                    name, name, priority, cpu, more));
    settle();
  }
  bool here(const std::string& name) const { return exists(Kind::Pod, name) && node_of(name) == "n1"; }
  bool leaving(const std::string& name) const {
    return exists(Kind::Pod, name) && get(Kind::Pod, name)->meta.deleting();
  }
  void leave(const std::string& name) {
    remove({Kind::Pod, "default", name});
    settle();
  }
};

TEST_F(RoomTest, APodWaitsUntilThereIsRoom) {
  ask("a", "1500m");
  ask("b", "1");
  EXPECT_TRUE(here("a"));
  EXPECT_FALSE(here("b"));
  EXPECT_EQ(reason("b"), "0/1 nodes are available: 1 Insufficient cpu.");
  EXPECT_THAT(events, Contains("FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu."));
  leave("a");
  EXPECT_TRUE(here("b"));
}

TEST_F(RoomTest, APodThatIsOverTakesNone) {
  ask("a", "2");
  ask("b", "2");
  edit({Kind::Pod, "default", "a"}, [](json::object& raw) { raw["status"] = {{"phase", "Succeeded"}}; });
  settle();
  EXPECT_TRUE(here("b"));
}

TEST_F(RoomTest, ThereAreOnlySoManyPodsAndMoreWhenTheNodeSaysSo) {
  give(2, 1);
  make("a");
  make("b");
  EXPECT_FALSE(here("b"));
  EXPECT_EQ(reason("b"), "0/1 nodes are available: 1 Too many pods.");
  give(2, 2);
  EXPECT_TRUE(here("b"));
}

TEST_F(RoomTest, WhatSomebodyAddsToTheCapacityIsThereToBeUsed) {
  const auto wants = [&](const std::string& name) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"}},"spec":{{
        "containers":[{{"name":"c","image":"x","resources":{{"requests":{{"example.com/dongle":"2"}}}}}}]}}}})",
                    name));
    settle();
  };
  wants("a");
  EXPECT_EQ(reason("a"), "0/1 nodes are available: 1 Insufficient example.com/dongle.");
  edit({Kind::Node, "", "n1"}, [&](json::object& raw) {
    raw["status"].get_object()["capacity"] = {{"example.com/dongle", "3"}};
  });
  settle();
  EXPECT_TRUE(here("a"));
  wants("b");
  EXPECT_FALSE(here("b"));
}

TEST_F(RoomTest, TwoAtOnceDoNotShareWhatIsThereForOne) {
  for (const auto* name : {"a", "b"}) {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"}},"spec":{{
        "containers":[{{"name":"c","image":"x","resources":{{"requests":{{"cpu":"1500m"}}}}}}]}}}})",
                    name));
  }
  settle();
  EXPECT_NE(here("a"), here("b"));
}

TEST_F(RoomTest, TheLessImportantGoForTheMoreImportant) {
  ask("small", "500m", 1);
  ask("big", "1500m");
  ask("vip", "1500m", 100);
  EXPECT_FALSE(leaving("small"));
  EXPECT_TRUE(leaving("big"));
  EXPECT_THAT(json::serialize(get(Kind::Pod, "big")->raw.at("status").at("conditions")),
              testing::HasSubstr(R"("type":"DisruptionTarget","status":"True")"));
  EXPECT_THAT(events, Contains("Preempted: Preempted by default/vip on node n1"));
  EXPECT_FALSE(here("vip")) << "it waits for the end of the other";
  ask("late", "1", 50);
  EXPECT_FALSE(leaving("small")) << "for one that could not have the room anyway nobody goes";
  leave("big");
  EXPECT_TRUE(here("vip"));
  EXPECT_FALSE(here("late"));
}

TEST_F(RoomTest, NobodyGoesInVainOrForOneThatDoesNotPreempt) {
  ask("a", "2");
  ask("polite", "1", 100, R"(,"preemptionPolicy":"Never")");
  ask("huge", "3", 100);
  EXPECT_FALSE(leaving("a"));
  ask("equal", "1", 0);
  EXPECT_FALSE(leaving("a"));
}

TEST_F(RoomTest, OfThoseThatWaitTheMostImportantIsFirst) {
  ask("a", "2", 1000);
  ask("early", "2", 1);
  ask("late", "2", 2);
  leave("a");
  EXPECT_TRUE(here("late"));
  EXPECT_FALSE(here("early"));
}

}  // namespace
}  // namespace berth::agent
