// tests/agent/deployment_controller_test.cpp - Deployments, ReplicaSets and ReplicationControllers on a store: what
// they write, what they say, whom they wake.
#include "agent/sets/deployment_controller.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/sets/replica_controller.hpp"
#include "model/deletion.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::milliseconds;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class DeploymentControllerTest : public ControllerFixture {
 protected:
  void start() { begin({replicas.row(), deployments.row(), garbage.row()}); }

  void put_deployment(int wanted, const std::string& image = "one") {
    put(fmt::format(R"({{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web","namespace":"default"}},
        "spec":{{"replicas":{},"selector":{{"matchLabels":{{"app":"web"}}}},
        "template":{{"metadata":{{"labels":{{"app":"web"}}}},"spec":{{"containers":[{{"name":"c","image":"{}"}}]}}}}}}}})",
                    wanted, image));
  }
  void put_controller(int wanted) {
    put(fmt::format(
        R"({{"apiVersion":"v1","kind":"ReplicationController","metadata":{{"name":"rc","namespace":"default"}},
        "spec":{{"replicas":{},"selector":{{"app":"rc"}},
        "template":{{"metadata":{{"labels":{{"app":"rc"}}}},"spec":{{"containers":[{{"name":"c","image":"x"}}]}}}}}}}})",
        wanted));
  }
  void change_image(const std::string& image) {
    edit({Kind::Deployment, "default", "web"}, [&](json::object& raw) {
      raw["spec"]
          .get_object()["template"]
          .get_object()["spec"]
          .get_object()["containers"]
          .get_array()[0]
          .get_object()["image"] = image;
    });
    settle();
  }
  void ready_all() {
    for (const auto& pod : store->list(Kind::Pod).objects) {
      if (pod->meta.deleting()) continue;
      edit(pod->key(), [](json::object& raw) {
        raw["status"] = {{"phase", "Running"}, {"conditions", json::array{{{"type", "Ready"}, {"status", "True"}}}}};
      });
    }
    settle();
  }
  /// What the agent does with pods that are being deleted.
  void tear_down() {
    for (const auto& pod : store->list(Kind::Pod).objects) {
      if (pod->meta.deleting()) remove(pod->key());
    }
    settle();
  }
  std::vector<model::ObjectPtr> all(Kind kind) const { return store->list(kind).objects; }
  json::value status(Kind kind, const std::string& name) const { return get(kind, name)->raw.at("status"); }

  ReplicaController replicas{clock, cache, *store};
  DeploymentController deployments{clock, cache, *store};
};

TEST_F(DeploymentControllerTest, ADeploymentComesUpAndSaysItAsKubernetesDoes) {
  put_deployment(3);
  start();
  ASSERT_THAT(all(Kind::ReplicaSet), SizeIs(1));
  const auto set = all(Kind::ReplicaSet)[0];
  ASSERT_THAT(all(Kind::Pod), SizeIs(3));
  const auto pod = all(Kind::Pod)[0];
  EXPECT_THAT(pod->meta.name, StartsWith(set->meta.name + "-"));
  EXPECT_EQ(pod->meta.labels.at("pod-template-hash"), set->meta.labels.at("pod-template-hash"));
  EXPECT_FALSE(pod->meta.labels.contains("controller-revision-hash"));
  EXPECT_EQ(pod->meta.generate_name, set->meta.name + "-");
  EXPECT_EQ(pod->meta.controller()->uid, set->meta.uid);
  EXPECT_THAT(events, Contains(fmt::format("ScalingReplicaSet: Scaled up replica set {} from 0 to 3", set->meta.name)));
  EXPECT_THAT(events, Contains("SuccessfulCreate: Created pod: " + pod->meta.name));
  ready_all();
  EXPECT_EQ(status(Kind::ReplicaSet, set->meta.name).at("availableReplicas").as_int64(), 3);
  EXPECT_EQ(status(Kind::ReplicaSet, set->meta.name).at("fullyLabeledReplicas").as_int64(), 3);
  const auto now = status(Kind::Deployment, "web");
  EXPECT_EQ(now.at("availableReplicas").as_int64(), 3);
  EXPECT_EQ(now.at("observedGeneration").as_int64(), get(Kind::Deployment, "web")->meta.generation);
  EXPECT_FALSE(now.as_object().contains("unavailableReplicas"));
  EXPECT_EQ(get(Kind::Deployment, "web")->meta.annotations.at("deployment.kubernetes.io/revision"), "1");
  EXPECT_EQ(get(Kind::Deployment, "web")->meta.generation, 1) << "what we write is nobody's wish";
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(DeploymentControllerTest, AChangedTemplateIsRolledAndItsEndIsSeen) {
  put_deployment(4);
  start();
  ready_all();
  change_image("two");
  for (int i = 0; i < 12; ++i) {
    ready_all();
    tear_down();
  }
  ASSERT_THAT(all(Kind::ReplicaSet), SizeIs(2));
  EXPECT_THAT(all(Kind::Pod), SizeIs(4));
  for (const auto& pod : all(Kind::Pod)) {
    EXPECT_EQ(find_string(pod->raw.at("spec").at("containers").at(0), {"image"}), "two");
  }
  const auto conditions = status(Kind::Deployment, "web").at("conditions").as_array();
  EXPECT_THAT(json::serialize(conditions), HasSubstr("NewReplicaSetAvailable"));
  EXPECT_EQ(get(Kind::Deployment, "web")->meta.annotations.at("deployment.kubernetes.io/revision"), "2");
  EXPECT_THAT(events, Contains(StartsWith("SuccessfulDelete: Deleted pod: web-")));
}

TEST_F(DeploymentControllerTest, RefusedPodsAreAskedForOneAtATimeWithPatience) {
  put_deployment(30);
  int tries = 0;
  auto row = replicas.row();
  row.plan = [&, plan = row.plan](const model::ObjectKey& key) {
    auto work = plan(key);
    for (auto& write : work.writes) {
      if (write.verb != Write::Verb::Create) continue;
      write.object.erase("metadata");  // Nobody can store that.
      ++tries;
    }
    return work;
  };
  begin({row, deployments.row()});
  EXPECT_THAT(all(Kind::Pod), IsEmpty());
  const auto said = [&] {
    return std::count_if(events.begin(), events.end(),
                         [](const auto& line) { return line.starts_with("FailedCreate: Error creating: "); });
  };
  EXPECT_EQ(said(), 1) << "thirty are wanted, one is asked for";
  for (int i = 0; i < 20; ++i) pass(milliseconds(100));
  EXPECT_LE(said(), 8);
  EXPECT_FALSE(status(Kind::ReplicaSet, all(Kind::ReplicaSet)[0]->meta.name).as_object().empty())
      << "the status is written all the same";
}

TEST_F(DeploymentControllerTest, AReplicationControllerTakesPodsThatMatchAndLetsGoThoseThatStop) {
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"stray","namespace":"default","labels":{"app":"rc"}},
      "spec":{"containers":[{"name":"c","image":"x"}]}})");
  put_controller(2);
  start();
  ASSERT_THAT(all(Kind::Pod), SizeIs(2));
  const auto* owner = get(Kind::Pod, "stray")->meta.controller();
  ASSERT_NE(owner, nullptr);
  EXPECT_EQ(owner->kind, "ReplicationController");
  EXPECT_EQ(owner->api_version, "v1");
  edit({Kind::Pod, "default", "stray"}, [](json::object& raw) {
    raw["metadata"].get_object()["labels"] = {{"app", "debug"}};
  });
  settle();
  EXPECT_EQ(get(Kind::Pod, "stray")->meta.controller(), nullptr);
  EXPECT_THAT(all(Kind::Pod), SizeIs(3)) << "another one takes its place";
  EXPECT_EQ(status(Kind::ReplicationController, "rc").at("replicas").as_int64(), 2);
  edit({Kind::Pod, "default", "stray"}, [](json::object& raw) {
    raw["metadata"].get_object()["labels"] = {{"app", "rc"}};
  });
  settle();
  EXPECT_EQ(std::count_if(events.begin(), events.end(),
                          [](const auto& line) { return line.starts_with("SuccessfulDelete"); }),
            1)
      << "it is one too many now";
}

TEST_F(DeploymentControllerTest, ASetWhosePodsAreRefusedSaysSoUntilTheyAreNotAskedForAnyMore) {
  put(R"({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"few","namespace":"default"},
      "spec":{"hard":{"pods":"2"}}})");
  start();
  put_controller(3);
  settle();
  pass(std::chrono::seconds(30));
  const auto conditions = status(Kind::ReplicationController, "rc").at("conditions");
  ASSERT_EQ(conditions.as_array().size(), 1U);
  EXPECT_EQ(find_string(conditions.at(0), {"type"}), "ReplicaFailure");
  EXPECT_EQ(find_string(conditions.at(0), {"reason"}), "FailedCreate");
  EXPECT_THAT(std::string(find_string(conditions.at(0), {"message"})), testing::HasSubstr("exceeded quota: few"));
  edit({Kind::ReplicationController, "default", "rc"},
       [](json::object& raw) { raw["spec"].get_object()["replicas"] = 2; });
  settle();
  pass(std::chrono::seconds(30));
  EXPECT_FALSE(status(Kind::ReplicationController, "rc").as_object().contains("conditions"));
}

TEST_F(DeploymentControllerTest, ADeploymentSaysThatItsSetsPodsAreRefusedUntilTheyAreNot) {
  put(R"({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"few","namespace":"default"},
      "spec":{"hard":{"pods":"2"}}})");
  put_deployment(3);
  start();
  pass(std::chrono::seconds(30));
  const auto failure = [&]() -> std::string {
    const auto of_web = status(Kind::Deployment, "web");
    for (const auto& each : of_web.at("conditions").as_array()) {
      if (find_string(each, {"type"}) == "ReplicaFailure") return std::string(find_string(each, {"message"}));
    }
    return {};
  };
  EXPECT_THAT(failure(), testing::HasSubstr("exceeded quota: few"));
  remove({Kind::ResourceQuota, "default", "few"});
  settle();
  pass(std::chrono::seconds(120));
  ASSERT_THAT(all(Kind::Pod), SizeIs(3));
  EXPECT_EQ(failure(), "");
}

TEST_F(DeploymentControllerTest, ADeletedDeploymentTakesItsSetsAndPodsAlong) {
  put_deployment(2);
  start();
  ready_all();
  remove({Kind::Deployment, "default", "web"});
  settle();
  EXPECT_THAT(all(Kind::ReplicaSet), IsEmpty());
  for (const auto& pod : all(Kind::Pod)) {
    EXPECT_TRUE(pod->meta.deleting() || pod->meta.name.empty());
  }
}

TEST_F(DeploymentControllerTest, OneThatIsDeletedInTheForegroundGoesAfterItsPods) {
  put_deployment(2);
  start();
  for (const auto& pod : all(Kind::Pod)) {  // Bound: the agent ends them.
    edit(pod->key(), [](json::object& raw) { raw["spec"].get_object()["nodeName"] = "n1"; });
  }
  settle();
  edit({Kind::Deployment, "default", "web"}, [&](json::object& raw) {
    model::add_finalizer(raw, model::kForegroundFinalizer);
    model::mark_deleted(Kind::Deployment, raw, std::nullopt, clock.wall());
  });
  settle();
  EXPECT_TRUE(exists(Kind::Deployment, "web"));
  EXPECT_THAT(all(Kind::Pod), SizeIs(2)) << "no others are made";
  tear_down();
  settle();
  EXPECT_FALSE(exists(Kind::Deployment, "web"));
  EXPECT_THAT(all(Kind::ReplicaSet), IsEmpty());
}

TEST_F(DeploymentControllerTest, WhatWasLeftBehindIsTakenBackByANewDeployment) {
  put_deployment(2);
  start();
  ready_all();
  const auto set = all(Kind::ReplicaSet)[0]->meta.name;
  edit({Kind::Deployment, "default", "web"}, [&](json::object& raw) {
    model::add_finalizer(raw, model::kOrphanFinalizer);
    model::mark_deleted(Kind::Deployment, raw, std::nullopt, clock.wall());
  });
  settle();
  EXPECT_FALSE(exists(Kind::Deployment, "web"));
  ASSERT_TRUE(exists(Kind::ReplicaSet, set)) << "--cascade=orphan";
  EXPECT_EQ(get(Kind::ReplicaSet, set)->meta.controller(), nullptr);
  put_deployment(2);
  settle();
  EXPECT_THAT(all(Kind::ReplicaSet), SizeIs(1));
  EXPECT_EQ(get(Kind::ReplicaSet, set)->meta.controller()->uid, get(Kind::Deployment, "web")->meta.uid);
  EXPECT_THAT(all(Kind::Pod), SizeIs(2));
}

TEST_F(DeploymentControllerTest, ADeploymentWithoutProgressSaysSoWhenItsTimeIsOver) {
  put_deployment(1);
  start();
  for (int i = 0; i < 61; ++i) pass(std::chrono::seconds(10));
  EXPECT_THAT(json::serialize(status(Kind::Deployment, "web")), HasSubstr("ProgressDeadlineExceeded"));
  ready_all();
  EXPECT_THAT(json::serialize(status(Kind::Deployment, "web")), HasSubstr("NewReplicaSetAvailable"));
}

}  // namespace
}  // namespace berth::agent
