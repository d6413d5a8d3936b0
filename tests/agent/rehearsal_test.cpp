// tests/agent/rehearsal_test.cpp - what would be done, told beforehand; and that it is what is done then.
#include "agent/rehearsal.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/placing/placement.hpp"
#include "agent/sets/deployment_controller.hpp"
#include "agent/sets/replica_controller.hpp"
#include "agent/sets/set_controller.hpp"
#include "store/backup.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using model::ObjectKey;
using testing::ElementsAre;
using testing::IsEmpty;

class RehearsalTest : public ControllerFixture {
 protected:
  RehearsalTest() {
    put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}})");
    put(R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"loop"},
        "provisioner":"berth.io/loop","allowVolumeExpansion":true})");
  }
  void start() { begin({placement.row(), sets.row(), replicas.row(), deployments.row()}); }

  static json::object stateful(int count, const std::string& image, const std::string& size = "1Gi",
                               const std::string& more = "") {
    return parse_json(
               fmt::format(
                   R"({{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"db","namespace":"default"}},
        "spec":{{"replicas":{0},"serviceName":"db","selector":{{"matchLabels":{{"app":"db"}}}}{3},
        "volumeClaimTemplates":[{{"metadata":{{"name":"data"}},"spec":{{"accessModes":["ReadWriteOnce"],
        "storageClassName":"loop","resources":{{"requests":{{"storage":"{2}"}}}}}}}}],
        "template":{{"metadata":{{"labels":{{"app":"db"}}}},"spec":{{"containers":[{{"name":"c","image":"{1}"}}]}}}}}}}})",
                   count, image, size, more))
        ->get_object();
  }
  static json::object deployment(const std::string& image) {
    return parse_json(
               fmt::format(
                   R"({{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web","namespace":"default"}},
        "spec":{{"replicas":2,"selector":{{"matchLabels":{{"app":"web"}}}},"minReadySeconds":5,
        "strategy":{{"type":"RollingUpdate","rollingUpdate":{{"maxSurge":1,"maxUnavailable":0}}}},
        "template":{{"metadata":{{"labels":{{"app":"web"}}}},"spec":{{"containers":[{{"name":"c","image":"{}"}}]}}}}}}}})",
                   image))
        ->get_object();
  }

  /// The steps for an object, if it were written.
  std::vector<std::string> planned(json::object object) const {
    const auto before = store->revision();
    auto copy = store::copy_in_memory(*store, {});
    auto wanted = model::make_object(std::move(object));
    const auto key = wanted->key();
    const auto written = copy->get(key) ? store::update_and_wait(*copy, *std::move(wanted), 0)
                                        : store::create_and_wait(*copy, *std::move(wanted));
    EXPECT_TRUE(written);
    std::vector<std::string> steps;
    for (auto& step : rehearse(*copy, "n1", {key})) {
      EXPECT_EQ(step.workload, key);
      steps.push_back(std::move(step.what));
    }
    EXPECT_EQ(store->revision(), before) << "nothing was written";
    return steps;
  }

  /// A host that does its part, pod by pod; what is begun and stopped, in order, as it is seen by the store.
  std::vector<std::string> carried_out(json::object object) {
    std::vector<std::string> seen;
    const auto watch = store->watch(Kind::Pod, store->revision(), [&](const store::Change& change) {
      if (change.type == store::ChangeType::Added) {
        seen.push_back(fmt::format("start {} (revision {})", change.object->meta.name,
                                   change.object->meta.labels.at("controller-revision-hash")));
      } else if (change.type == store::ChangeType::Modified && change.object->meta.deleting()) {
        seen.push_back("stop " + change.object->meta.name);
      }
    });
    put(json::serialize(object));
    settle();
    for (auto before = store->revision() - 1; before != store->revision();) {
      before = store->revision();
      for (const auto& pod : store->list(Kind::Pod).objects) {
        if (pod->meta.deleting()) {
          remove(pod->key());
        } else if (!model::decode_pod(*pod)->status.ready()) {
          edit(pod->key(), [](json::object& raw) {
            raw["status"] = {{"phase", "Running"},
                             {"conditions", json::array{{{"type", "Ready"}, {"status", "True"}}}}};
          });
        }
        settle();
      }
    }
    return seen;
  }
  static std::vector<std::string> without_waits(std::vector<std::string> steps) {
    std::erase_if(steps, [](const auto& step) { return !step.starts_with("start ") && !step.starts_with("stop "); });
    return steps;
  }
  std::string revision_of_set() const {
    return std::string(find_string(get(Kind::StatefulSet, "db")->raw.at("status"), {"updateRevision"}));
  }

  LiveNodes nodes{"n1"};
  Placement placement{clock, *store, cache, [](auto&&...) {}, nodes};
  SetController sets{clock, cache, *store, nodes};
  ReplicaController replicas{clock, cache, *store};
  DeploymentController deployments{clock, cache, *store};
};

TEST_F(RehearsalTest, ANewSetComesUpPodByPodAndThatIsWhatHappensThen) {
  start();
  const auto plan = planned(stateful(3, "one"));
  const auto seen = carried_out(stateful(3, "one"));
  const auto revision = revision_of_set();
  EXPECT_THAT(
      plan, ElementsAre("make claim data-db-0", "start db-0 (revision " + revision + ")", "wait until db-0 is Ready",
                        "make claim data-db-1", "start db-1 (revision " + revision + ")", "wait until db-1 is Ready",
                        "make claim data-db-2", "start db-2 (revision " + revision + ")", "wait until db-2 is Ready"));
  EXPECT_EQ(without_waits(plan), seen);
  EXPECT_THAT(planned(stateful(3, "one")), IsEmpty()) << "it is so";
}

TEST_F(RehearsalTest, ARollingUpdateGoesAsItWasTold) {
  start();
  carried_out(stateful(3, "one"));
  const auto plan = planned(stateful(3, "two"));
  EXPECT_EQ(plan.size(), 12U);
  EXPECT_EQ(plan[0], "stop db-2");
  EXPECT_EQ(plan[1], "wait until db-2 is gone");
  EXPECT_EQ(plan[3], "wait until db-2 is Ready");
  EXPECT_EQ(without_waits(plan), carried_out(stateful(3, "two")));

  const std::string all_at_once =
      R"(,"podManagementPolicy":"Parallel","updateStrategy":{"rollingUpdate":{"maxUnavailable":2}})";
  const auto some = planned(stateful(3, "three", "1Gi", all_at_once));
  EXPECT_EQ(some[0], "stop db-2");
  EXPECT_EQ(some[1], "stop db-1");
  EXPECT_EQ(some[2], "wait until db-1, db-2 are gone");
}

TEST_F(RehearsalTest, APodThatIsNotWellIsNotTakenToBecomeWellBeforeItIsReplaced) {
  start();
  carried_out(stateful(2, "one"));
  edit({Kind::Pod, "default", "db-0"}, [](json::object& raw) {
    raw["status"] = {{"phase", "Running"},
                     {"conditions", json::array{{{"type", "Ready"}, {"status", "False"}}}},
                     {"containerStatuses",
                      json::array{{{"name", "c"}, {"state", {{"waiting", {{"reason", "ImagePullBackOff"}}}}}}}}};
  });
  settle();
  const auto plan = without_waits(planned(stateful(2, "mended")));
  ASSERT_EQ(plan.size(), 4U);
  EXPECT_EQ(plan[0], "stop db-0") << "it would never let the others go first";
  EXPECT_EQ(plan[2], "stop db-1");
}

TEST_F(RehearsalTest, ClaimsThatGrowAreSteps) {
  start();
  carried_out(stateful(1, "one"));
  edit({Kind::PersistentVolumeClaim, "default", "data-db-0"}, [](json::object& raw) {
    raw["status"] = {{"phase", "Bound"}};
  });
  settle();
  EXPECT_THAT(planned(stateful(1, "one", "2Gi")), ElementsAre("grow claim data-db-0 from 1Gi to 2Gi"));
  put(json::serialize(stateful(1, "one", "2Gi")));
  settle();
  EXPECT_EQ(
      find_string(get(Kind::PersistentVolumeClaim, "data-db-0")->raw.at("spec"), {"resources", "requests", "storage"}),
      "2Gi");
  EXPECT_THAT(events,
              testing::Contains("SuccessfulResize: claim data-db-0 asks for 2Gi instead of 1Gi, as its template does"));
}

TEST_F(RehearsalTest, ADeploymentRollsWithItsSurgeAndItsPodsHaveNoNamesYet) {
  start();
  carried_out(stateful(1, "one"));
  put(json::serialize(deployment("one")));
  settle();
  const auto plan = planned(deployment("two"));
  ASSERT_FALSE(plan.empty());
  EXPECT_THAT(plan[0], testing::MatchesRegex("scale up replica set web-[a-z0-9]+ from 0 to 1"));
  EXPECT_THAT(plan[1], testing::MatchesRegex("start a pod of web-[a-z0-9]+"));
  int running = 2;
  for (const auto& step : plan) {
    running += step.starts_with("start ") ? 1 : step.starts_with("stop ") ? -1 : 0;
    EXPECT_LE(running, 3) << "more than the surge";
    EXPECT_GE(running, 2) << "fewer than are wanted";
  }
  EXPECT_EQ(running, 2);
}

}  // namespace
}  // namespace berth::agent
