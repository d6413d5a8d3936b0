// tests/agent/set_controller_test.cpp - sets on a memory store: which changes wake which set, what is written and said.
#include "agent/sets/set_controller.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/objects/revision.hpp"
#include "model/deletion.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class SetControllerTest : public ControllerFixture {
 protected:
  SetControllerTest() { put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}})"); }
  void start() { begin({sets.row()}); }

  void put_stateful(const std::string& name, int replicas, const std::string& image = "one",
                    const std::string& more = "") {
    put(fmt::format(R"({{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"{0}","namespace":"default"}},
        "spec":{{"replicas":{1},"serviceName":"{0}","selector":{{"matchLabels":{{"app":"{0}"}}}}{3},
        "template":{{"metadata":{{"labels":{{"app":"{0}"}}}},"spec":{{"containers":[{{"name":"c","image":"{2}"}}]}}}}}}}})",
                    name, replicas, image, more));
  }
  void put_daemon(const std::string& name, const std::string& image = "one") {
    put(fmt::format(R"({{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{{"name":"{0}","namespace":"default"}},
        "spec":{{"selector":{{"matchLabels":{{"app":"{0}"}}}},
        "template":{{"metadata":{{"labels":{{"app":"{0}"}}}},"spec":{{"containers":[{{"name":"c","image":"{1}"}}]}}}}}}}})",
                    name, image));
  }
  void ready(const std::string& name, bool is = true) {
    edit({Kind::Pod, "default", name}, [&](json::object& raw) {
      raw["status"] = {{"phase", "Running"},
                       {"conditions", json::array{{{"type", "Ready"}, {"status", is ? "True" : "False"}}}}};
    });
    settle();
  }
  /// What the agent does with pods that are being deleted.
  void tear_down() {
    for (const auto& pod : store->list(Kind::Pod).objects) {
      if (pod->meta.deleting()) remove(pod->key());
    }
    settle();
  }
  std::vector<std::string> pods() const {
    std::vector<std::string> names;
    for (const auto& pod : store->list(Kind::Pod).objects) names.push_back(pod->meta.name);
    return names;
  }
  std::string uid_of(const std::string& name) const { return get(Kind::Pod, name)->meta.uid; }
  void mark(Kind kind, const std::string& name) {
    edit({kind, "default", name}, [&](json::object& raw) { model::mark_deleted(kind, raw, 0, clock.wall()); });
    settle();
  }

  LiveNodes nodes{"n1"};
  SetController sets{clock, cache, *store, nodes};
};

TEST_F(SetControllerTest, AnOrderedSetComesUpPodByPodAndSaysSo) {
  put_stateful("db", 3);
  start();
  EXPECT_THAT(pods(), ElementsAre("db-0"));
  ready("db-0");
  EXPECT_THAT(pods(), ElementsAre("db-0", "db-1"));
  ready("db-1");
  ready("db-2");
  const auto status = get(Kind::StatefulSet, "db")->raw.at("status");
  EXPECT_EQ(status.at("readyReplicas").as_int64(), 3);
  EXPECT_EQ(find_string(get(Kind::Pod, "db-2")->raw.at("spec"), {"nodeName"}), "n1");
  EXPECT_THAT(events, Contains("SuccessfulCreate: create Pod db-2 in StatefulSet default/db successful"));
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(SetControllerTest, ADeletedSetStopsItsPodsInReverseAndGoesWithTheLast) {
  put_stateful("db", 2);
  start();
  ready("db-0");
  ready("db-1");
  mark(Kind::StatefulSet, "db");
  EXPECT_TRUE(get(Kind::Pod, "db-1")->meta.deleting());
  EXPECT_FALSE(get(Kind::Pod, "db-0")->meta.deleting());
  tear_down();
  tear_down();
  EXPECT_FALSE(exists(Kind::StatefulSet, "db"));
  EXPECT_THAT(store->list(Kind::ControllerRevision).objects, IsEmpty());
}

TEST_F(SetControllerTest, ClaimsAreMadeWithTheirPodAndOnlyTheirSetIsWokenByThem) {
  const std::string templates =
      R"(,"volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"]}}])";
  put_stateful("db", 1, "one", templates);
  put_stateful("my-db", 1, "one", templates);
  start();
  EXPECT_TRUE(exists(Kind::PersistentVolumeClaim, "data-db-0"));
  EXPECT_TRUE(exists(Kind::PersistentVolumeClaim, "data-my-db-0"));
  remove({Kind::PersistentVolumeClaim, "default", "data-my-db-0"});
  settle();
  EXPECT_TRUE(exists(Kind::PersistentVolumeClaim, "data-my-db-0")) << "it is missed, and made again";
}

TEST_F(SetControllerTest, APodIsThereWithAllItsClaimsOrNotAtAll) {
  const std::string templates =
      R"(,"podManagementPolicy":"Parallel","volumeClaimTemplates":[
      {"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}},
      {"metadata":{"name":"logs"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}])";
  put(R"({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"few","namespace":"default"},
      "spec":{"hard":{"persistentvolumeclaims":"3"}}})");
  put_stateful("db", 2, "one", templates);
  start();
  EXPECT_THAT(pods(), ElementsAre("db-0")) << "there is room for the claims of one";
  EXPECT_TRUE(exists(Kind::PersistentVolumeClaim, "data-db-0"));
  EXPECT_TRUE(exists(Kind::PersistentVolumeClaim, "logs-db-0"));
  EXPECT_FALSE(exists(Kind::PersistentVolumeClaim, "data-db-1"));
  EXPECT_THAT(events, Contains(testing::HasSubstr("FailedCreate: create Pod db-1 failed: ")));
  remove({Kind::ResourceQuota, "default", "few"});
  pass(std::chrono::minutes(10));
  EXPECT_THAT(pods(), ElementsAre("db-0", "db-1"));
  EXPECT_TRUE(exists(Kind::PersistentVolumeClaim, "logs-db-1"));
}

TEST_F(SetControllerTest, ASetOf150ClaimTemplatesGetsItsPodsAndAllTheirClaims) {
  std::string templates;
  for (int i = 0; i < 150; ++i) {
    templates += fmt::format(
        R"({}{{"metadata":{{"name":"c{}"}},"spec":{{"accessModes":["ReadWriteOnce"],"resources":{{"requests":{{"storage":"1Gi"
        }}}}}}}})",
        i == 0 ? "" : ",", i);
  }
  put_stateful("db", 1, "one", ",\"volumeClaimTemplates\":[" + templates + "]");
  start();
  EXPECT_THAT(pods(), ElementsAre("db-0"));
  EXPECT_EQ(store->list(Kind::PersistentVolumeClaim).objects.size(), 150U);
}

TEST_F(SetControllerTest, ClaimsGrowWithTheirTemplateAsSoonAsTheyMay) {
  const auto with = [&](const std::string& size) {
    put_stateful("db", 1, "one",
                 R"(,"volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],
                 "storageClassName":"slow","resources":{"requests":{"storage":")" +
                     size + R"("}}}}])");
  };
  const auto asked = [&] {
    return find_string(get(Kind::PersistentVolumeClaim, "data-db-0")->raw.at("spec"),
                       {"resources", "requests", "storage"});
  };
  put(R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"slow"},"provisioner":"x"})");
  with("1Gi");
  start();
  ready("db-0");
  const auto uid = uid_of("db-0");
  with("2Gi");
  settle();
  EXPECT_EQ(asked(), "1Gi") << "not bound yet";
  edit({Kind::PersistentVolumeClaim, "default", "data-db-0"}, [](json::object& raw) {
    raw["status"] = {{"phase", "Bound"}};
  });
  settle();
  EXPECT_EQ(asked(), "1Gi");
  EXPECT_THAT(events, Contains("FailedResize: claim data-db-0 stays at 1Gi, its template asks for 2Gi: storage class "
                               "\"slow\" does not allow that (allowVolumeExpansion)"));
  edit({Kind::StorageClass, "", "slow"}, [](json::object& raw) { raw["allowVolumeExpansion"] = true; });
  settle();
  EXPECT_EQ(asked(), "2Gi");
  EXPECT_EQ(uid_of("db-0"), uid) << "nothing was stopped";
}

TEST_F(SetControllerTest, ARolloutThatDoesNotGetOnIsUndoneInTheStoreInOneWrite) {
  put_stateful("db", 1);
  edit({Kind::StatefulSet, "default", "db"}, [](json::object& raw) {
    raw["metadata"].get_object()["annotations"] = {{"berth.io/auto-undo", "true"},
                                                   {"berth.io/progress-deadline-seconds", "30"}};
  });
  start();
  ready("db-0");
  const auto image = [&] {
    return find_string(get(Kind::StatefulSet, "db")->raw.at("spec").at("template").at("spec").at("containers").at(0),
                       {"image"});
  };
  edit({Kind::StatefulSet, "default", "db"}, [](json::object& raw) {
    raw["spec"].at("template").at("spec").at("containers").at(0).get_object()["image"] = "bad";
  });
  settle();
  tear_down();
  EXPECT_EQ(image(), "bad");
  pass(std::chrono::seconds(35));
  EXPECT_EQ(image(), "one");
  EXPECT_THAT(events, Contains(testing::StartsWith("RolloutUndone: revision \"db-")));
  bool said = false;
  for (const auto& each : get(Kind::StatefulSet, "db")->raw.at("status").at("conditions").as_array()) {
    said = said || find_string(each, {"type"}) == "Undone";
  }
  EXPECT_TRUE(said);
  for (int i = 0; i < 5; ++i) pass(std::chrono::seconds(35));
  EXPECT_EQ(image(), "one") << "and stays";
}

TEST_F(SetControllerTest, ADaemonSetAndItsPodsSayHowOftenTheTemplateChanged) {
  put_daemon("agent");
  start();
  const auto generation = [&] {
    return get(Kind::DaemonSet, "agent")->meta.annotations.at("deprecated.daemonset.template.generation");
  };
  EXPECT_EQ(generation(), "1");
  EXPECT_EQ(get(Kind::Pod, pods().front())->meta.labels.at("pod-template-generation"), "1");
  for (const auto* image : {"two", "one"}) {
    put_daemon("agent", image);
    settle();
    tear_down();
  }
  EXPECT_EQ(generation(), "3");
  EXPECT_EQ(get(Kind::Pod, pods().front())->meta.labels.at("pod-template-generation"), "3");
  EXPECT_EQ(store->list(Kind::ControllerRevision).objects.size(), 2U);
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(SetControllerTest, ARefusedCreationIsTriedWithPatienceAndSaidEachTime) {
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"db-0","namespace":"default"},"spec":{"containers":[]}})");
  put_stateful("db", 1);
  start();
  const auto tries = [&] {
    return std::count_if(events.begin(), events.end(),
                         [](const auto& line) { return line.starts_with("FailedCreate: create Pod db-0 failed: "); });
  };
  EXPECT_EQ(tries(), 1);
  for (int i = 0; i < 50; ++i) ready("db-0", i % 2 == 0);  // Somebody's pod, and no reason to try again.
  EXPECT_EQ(tries(), 1);
  for (int i = 0; i < 50; ++i) pass(milliseconds(100));
  EXPECT_LE(tries(), 8) << "five seconds: 50, 100, 200, ... ms apart";
  remove({Kind::Pod, "default", "db-0"});
  pass(std::chrono::seconds(10));
  EXPECT_NE(get(Kind::Pod, "db-0")->meta.controller(), nullptr) << "and it ends well";
}

TEST_F(SetControllerTest, APodWhoseLabelsNoLongerMatchIsReleasedAndReplaced) {
  put_daemon("agent");
  start();
  ASSERT_EQ(pods().size(), 1U);
  const auto first = pods().front();
  edit({Kind::Pod, "default", first},
       [](json::object& raw) { raw["metadata"].get_object()["labels"].get_object()["app"] = "debug"; });
  settle();
  EXPECT_EQ(get(Kind::Pod, first)->meta.controller(), nullptr);
  EXPECT_FALSE(get(Kind::Pod, first)->meta.deleting()) << "it lives on, to be looked at";
  ASSERT_EQ(pods().size(), 2U);
  edit({Kind::Pod, "default", first},
       [](json::object& raw) { raw["metadata"].get_object()["labels"].get_object()["app"] = "agent"; });
  settle();
  tear_down();
  EXPECT_EQ(pods().size(), 1U) << "taken back, and one of the two goes";
}

TEST_F(SetControllerTest, APodThatLosesItsOwnerIsTakenBackAtOnce) {
  put_stateful("db", 1);
  start();
  const auto uid = uid_of("db-0");
  edit({Kind::Pod, "default", "db-0"},
       [](json::object& raw) { raw["metadata"].get_object().erase("ownerReferences"); });
  settle();
  EXPECT_EQ(uid_of("db-0"), uid);
  ASSERT_NE(get(Kind::Pod, "db-0")->meta.controller(), nullptr);
  EXPECT_EQ(get(Kind::Pod, "db-0")->meta.controller()->name, "db");
}

TEST_F(SetControllerTest, ADaemonsPodFollowsTheNodeAndAHeartbeatWakesNobody) {
  put_daemon("agent");
  start();
  ready(pods().front());
  const auto revision = store->revision();
  edit({Kind::Node, "", "n1"}, [](json::object& raw) { raw["status"] = {{"beat", 1}}; });
  settle();
  EXPECT_EQ(store->revision(), revision + 1);
  edit({Kind::Node, "", "n1"}, [](json::object& raw) {
    raw["spec"] = {{"taints", json::array{json::object{{"key", "gpu"}, {"effect", "NoExecute"}}}}};
  });
  settle();
  tear_down();
  EXPECT_THAT(pods(), IsEmpty());
  edit({Kind::Node, "", "n1"}, [](json::object& raw) { raw.erase("spec"); });
  settle();
  EXPECT_EQ(pods().size(), 1U);
}

TEST_F(SetControllerTest, ADaemonsNextPodHasAnotherName) {
  put_daemon("agent");
  start();
  const auto first = pods().front();
  mark(Kind::Pod, first);
  tear_down();
  ASSERT_EQ(pods().size(), 1U);
  EXPECT_NE(pods().front(), first);
  EXPECT_EQ(pods().front().size(), first.size());
}

TEST_F(SetControllerTest, AnOrphanedSetLeavesItsPods) {
  put_stateful("db", 1);
  start();
  ready("db-0");
  edit({Kind::StatefulSet, "default", "db"}, [](json::object& raw) {
    raw["metadata"].get_object()["annotations"] = {{"berth.io/propagation-policy", "Orphan"}};
  });
  const auto uid = uid_of("db-0");
  mark(Kind::StatefulSet, "db");
  EXPECT_FALSE(exists(Kind::StatefulSet, "db"));
  EXPECT_EQ(uid_of("db-0"), uid);
  EXPECT_EQ(get(Kind::Pod, "db-0")->meta.controller(), nullptr);
  put_stateful("db", 1);
  settle();
  EXPECT_EQ(uid_of("db-0"), uid) << "taken over as it is";
  EXPECT_NE(get(Kind::Pod, "db-0")->meta.controller(), nullptr);
}

TEST_F(SetControllerTest, AnEditOfTheStatusIsPutRight) {
  put_stateful("db", 1);
  start();
  ready("db-0");
  edit({Kind::StatefulSet, "default", "db"}, [](json::object& raw) { raw["status"] = {{"readyReplicas", 7}}; });
  settle();
  EXPECT_EQ(get(Kind::StatefulSet, "db")->raw.at("status").at("readyReplicas").as_int64(), 1);
}

}  // namespace
}  // namespace berth::agent
