// tests/agent/budget_controllers_test.cpp - statuses of disruption budgets and quotas follow what is stored.
#include <gtest/gtest.h>

#include "agent/budgets/disruption_controller.hpp"
#include "agent/budgets/quota_controller.hpp"
#include "model/deletion.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;

class BudgetControllers : public ControllerFixture {
 protected:
  void SetUp() override { begin({budgets.row(), quotas.row()}); }

  void put_set(int replicas) {
    put(R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"db","namespace":"default","uid":"set"},"spec":{
        "replicas":)" +
        std::to_string(replicas) +
        R"(,"selector":{"matchLabels":{"app":"db"}},"template":{"metadata":{"labels":{"app":"db"}},
        "spec":{"containers":[{"name":"c","image":"b"}]}}}})");
  }
  void put_pod(const std::string& name, std::string_view ready, std::string_view label = "db") {
    put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
        R"(","namespace":"default","labels":{"app":")" + std::string(label) +
        R"("},"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"db","uid":"set","controller":true}]},
        "spec":{"nodeName":"n","containers":[{"name":"c","image":"b","resources":{"requests":{"memory":"64Mi"}}}]},
        "status":{"phase":"Running","conditions":[{"type":"Ready","status":")" +
        std::string(ready) + R"("}]}})");
    settle();
  }
  void put_budget(std::string_view spec) {
    put(R"({"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"db","namespace":"default"},"spec":{)" +
        std::string(spec) + R"(,"selector":{"matchLabels":{"app":"db"}}}})");
    settle();
  }
  std::int64_t number(std::string_view name) const {
    const auto* value = find(get(Kind::PodDisruptionBudget, "db")->raw.at("status"), {name});
    return value == nullptr ? -1 : value->as_int64();
  }
  std::string used(std::string_view name) {
    pass(std::chrono::milliseconds(100));
    return std::string(find_string(get(Kind::ResourceQuota, "all")->raw.at("status"), {"used", name}));
  }

  DisruptionController budgets{clock, cache, *store};
  QuotaController quotas{*store};
};

TEST_F(BudgetControllers, ABudgetFollowsItsPodsAndTheirSet) {
  put_set(3);
  put_budget(R"("maxUnavailable":1)");
  EXPECT_EQ(number("expectedPods"), 0) << "no pod yet";
  EXPECT_EQ(number("disruptionsAllowed"), 0);
  for (const auto* name : {"db-0", "db-1", "db-2"}) put_pod(name, "True");
  EXPECT_EQ(number("expectedPods"), 3);
  EXPECT_EQ(number("desiredHealthy"), 2);
  EXPECT_EQ(number("currentHealthy"), 3);
  EXPECT_EQ(number("disruptionsAllowed"), 1);
  put_pod("db-1", "False");
  EXPECT_EQ(number("disruptionsAllowed"), 0);
  put_pod("db-1", "True");
  EXPECT_EQ(number("disruptionsAllowed"), 1);
  put_set(4);
  settle();
  EXPECT_EQ(number("desiredHealthy"), 3);
  EXPECT_EQ(number("disruptionsAllowed"), 0);
  put_pod("db-2", "True", "other");  // it is no pod of the budget any more
  EXPECT_EQ(number("currentHealthy"), 2);
  put_budget(R"("minAvailable":1)");
  EXPECT_EQ(number("disruptionsAllowed"), 1);
  EXPECT_EQ(number("observedGeneration"), 2);
}

TEST_F(BudgetControllers, WhatAnEvictionTookIsNotGivenBackByAnOlderPlan) {
  put_set(3);
  for (const auto* name : {"db-0", "db-1", "db-2"}) put_pod(name, "True");
  put_budget(R"("maxUnavailable":1)");
  ASSERT_EQ(number("disruptionsAllowed"), 1);
  // The eviction is on its way when a plan that knows nothing of it is made: both are written before anybody hears of
  // it.
  auto budget = get(Kind::PodDisruptionBudget, "db")->raw;
  budget["status"].as_object()["disruptionsAllowed"] = 0;
  auto pod = get(Kind::Pod, "db-0")->raw;
  model::mark_deleted(Kind::Pod, pod, 30, clock.wall());
  runner.wake_all();
  store::Txn txn;
  txn.writes.push_back(store::Write::put(*model::make_object(std::move(budget))));
  txn.writes.push_back(store::Write::put(*model::make_object(std::move(pod))));
  ASSERT_TRUE(store::commit_and_wait(*store, std::move(txn)));
  runner.run_due();
  EXPECT_EQ(number("disruptionsAllowed"), 0);
  settle();
  EXPECT_EQ(number("disruptionsAllowed"), 0) << "one is going: two are left of the two that must be";
  EXPECT_EQ(number("currentHealthy"), 2);
}

TEST_F(BudgetControllers, AShareOfADaemonSetSaysWhyItAllowsNothing) {
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"d","namespace":"default","labels":{"app":"db"},
      "ownerReferences":[{"apiVersion":"apps/v1","kind":"DaemonSet","name":"d","uid":"d","controller":true}]},
      "spec":{"containers":[{"name":"c","image":"b"}]}})");
  put_budget(R"("maxUnavailable":1)");
  const auto& status = get(Kind::PodDisruptionBudget, "db")->raw.at("status");
  EXPECT_EQ(find_string(status.at("conditions").at(0), {"reason"}), "SyncFailed");
  EXPECT_EQ(events,
            std::vector<std::string>{"CalculateExpectedPodCountFailed: Failed to calculate the number of expected "
                                     "pods: daemonsets.apps does not implement the scale subresource"});
  put_budget(R"("minAvailable":1)");
  EXPECT_EQ(number("expectedPods"), 1);
}

TEST_F(BudgetControllers, AQuotaSaysWhatIsUsed) {
  put(R"({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"all","namespace":"default"},"spec":{"hard":{
      "pods":"2","requests.memory":"1Gi","configmaps":"5","count/statefulsets.apps":"1"}}})");
  settle();
  EXPECT_EQ(used("pods"), "0");
  put_pod("db-0", "True");
  put_pod("db-1", "True");
  put_set(2);
  put(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"}})");
  settle();
  EXPECT_EQ(used("pods"), "2");
  EXPECT_EQ(used("requests.memory"), "128Mi");
  EXPECT_EQ(used("configmaps"), "1");
  EXPECT_EQ(used("count/statefulsets.apps"), "1");
  EXPECT_EQ(find_string(get(Kind::ResourceQuota, "all")->raw.at("status"), {"hard", "pods"}), "2");
  auto third =
      *model::make_object(parse_json(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"c","namespace":"default"},
      "spec":{"containers":[{"name":"c","image":"b","resources":{"requests":{"memory":"1Mi"}}}]}})")
                              ->as_object());
  const auto refused = store::create_and_wait(*store, third);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(),
            "pods \"c\" is forbidden: exceeded quota: all, requested: pods=1, used: pods=2, limited: pods=2");
  edit({Kind::Pod, "default", "db-0"}, [](json::object& raw) { raw["status"] = {{"phase", "Succeeded"}}; });
  settle();
  EXPECT_EQ(used("pods"), "1") << "one that is over uses nothing";
  EXPECT_TRUE(store::create_and_wait(*store, third));
  settle();
  EXPECT_EQ(used("requests.memory"), "65Mi");
  remove({Kind::Pod, "default", "db-1"});
  settle();
  EXPECT_EQ(used("pods"), "1");
}

}  // namespace
}  // namespace berth::agent
