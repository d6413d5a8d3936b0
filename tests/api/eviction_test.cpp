// tests/api/eviction_test.cpp - evictions and disruption budgets.
#include <thread>

#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using model::Kind;
using testing::HasSubstr;

class Evictions : public ApiFixture {
 protected:
  void put_pod(const std::string& name, std::string_view status) {
    put(fmt::format(
        R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default","labels":{{"app":"web"}}}},
        "spec":{{"nodeName":"n1","containers":[{{"name":"c","image":"b"}}]}},"status":{}}})",
        name, status));
  }
  void put_ready(const std::string& name) {
    put_pod(name, R"({"phase":"Running","conditions":[{"type":"Ready","status":"True"}]})");
  }
  void put_budget(std::string_view status, std::string_view more = "", std::string_view name = "web") {
    put(fmt::format(
        R"({{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{{"name":"{}","namespace":"default"}},
        "spec":{{"minAvailable":2,"selector":{{"matchLabels":{{"app":"web"}}}}{}}},"status":{{{}}}}})",
        name, more, status));
  }
  Answer evict(const std::string& name, std::string_view query = "") {
    return send("POST", fmt::format("/api/v1/namespaces/default/pods/{}/eviction{}", name, query));
  }
  bool is_going(const std::string& name) { return store_->get({Kind::Pod, "default", name})->meta.deleting(); }
  std::int64_t allowed() {
    return store_->get({Kind::PodDisruptionBudget, "default", "web"})
        ->raw.at("status")
        .at("disruptionsAllowed")
        .as_int64();
  }
};

constexpr std::string_view kOneLeft =
    R"("observedGeneration":1,"disruptionsAllowed":1,"currentHealthy":3,"desiredHealthy":2,"expectedPods":3)";
constexpr std::string_view kNoneLeft =
    R"("observedGeneration":1,"disruptionsAllowed":0,"currentHealthy":2,"desiredHealthy":2,"expectedPods":3)";

TEST_F(Evictions, ABudgetGivesWhatItHasAndNoMore) {
  for (const auto* name : {"a", "b", "c"}) put_ready(name);
  put_budget(kOneLeft);
  EXPECT_EQ(evict("a", "?dryRun=All").code, 201U);
  EXPECT_EQ(allowed(), 1) << "a dry run takes nothing";
  EXPECT_EQ(evict("a").code, 201U);
  EXPECT_TRUE(is_going("a"));
  const auto conditions = store_->get({Kind::Pod, "default", "a"})->raw.at("status").at("conditions").as_array();
  EXPECT_EQ(find_string(conditions.at(1), {"type"}), "DisruptionTarget") << "what a Job's podFailurePolicy asks for";
  EXPECT_EQ(find_string(conditions.at(1), {"reason"}), "EvictionByEvictionAPI");
  EXPECT_EQ(allowed(), 0);
  const auto& status = store_->get({Kind::PodDisruptionBudget, "default", "web"})->raw.at("status");
  EXPECT_NE(find(status, {"disruptedPods", "a"}), nullptr);
  EXPECT_EQ(find_string(status.at("conditions").at(0), {"reason"}), "InsufficientPods");
  const auto refused = evict("b");
  EXPECT_EQ(refused.code, 429U);
  EXPECT_EQ(refused.message(), "Cannot evict pod as it would violate the pod's disruption budget.");
  EXPECT_EQ(refused.text({"reason"}), "TooManyRequests");
  EXPECT_EQ(
      json::serialize(refused.body.at("details")),
      R"({"causes":[{"reason":"DisruptionBudget","message":"The disruption budget web needs 2 healthy pods and has 3 )"
      R"(currently"}]})");
  EXPECT_FALSE(is_going("b"));
  EXPECT_EQ(evict("a").code, 201U) << "it is on its way";
}

TEST_F(Evictions, AtOnceNeverTakeTheSameOneTwice) {
  for (int round = 0; round < 10; ++round) {
    std::vector<std::string> names;
    for (int i = 0; i < 8; ++i) names.push_back(fmt::format("p{}-{}", round, i));
    for (const auto& name : names) put_ready(name);
    put_budget(R"("observedGeneration":9,"disruptionsAllowed":3,"currentHealthy":8,"desiredHealthy":5)");
    std::vector<unsigned> codes(names.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < names.size(); ++i) {
      threads.emplace_back([&, i] { codes[i] = evict(names[i]).code; });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 201U), 3) << round;
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 429U), 5) << round;
    EXPECT_EQ(std::count_if(names.begin(), names.end(), [&](const auto& name) { return is_going(name); }), 3);
    EXPECT_EQ(allowed(), 0);
  }
}

TEST_F(Evictions, WhatIsNotComputedYetIsWaitedFor) {
  put_ready("a");
  put_budget("");
  const auto refused = evict("a");
  EXPECT_EQ(refused.code, 429U);
  EXPECT_EQ(find(refused.body, {"details", "retryAfterSeconds"})->as_int64(), 10);
  EXPECT_THAT(json::serialize(refused.body),
              HasSubstr("The disruption budget web is still being processed by the server."));
}

TEST_F(Evictions, ABudgetThatCannotBeComputedSaysWhy) {
  put_ready("a");
  put_budget(
      std::string(kNoneLeft) +
      R"(,"conditions":[{"type":"DisruptionAllowed","status":"False","reason":"SyncFailed","message":"no size"}])");
  EXPECT_THAT(
      json::serialize(evict("a").body),
      HasSubstr("The disruption budget web does not allow evicting pods currently because it failed sync: no size"));
}

TEST_F(Evictions, PodsThatAreNotReadyGoAsThePolicySays) {
  put_pod("a", R"({"phase":"Running"})");
  put_budget(R"("observedGeneration":1,"disruptionsAllowed":0,"currentHealthy":1,"desiredHealthy":2)");
  EXPECT_EQ(evict("a", "?dryRun=All").code, 429U) << "the others do not suffice";
  put_budget(kNoneLeft);
  EXPECT_EQ(evict("a", "?dryRun=All").code, 201U) << "they do";
  put_budget(R"("observedGeneration":2,"disruptionsAllowed":0,"currentHealthy":1,"desiredHealthy":2)",
             R"(,"unhealthyPodEvictionPolicy":"AlwaysAllow")");
  EXPECT_EQ(evict("a").code, 201U);
  EXPECT_EQ(allowed(), 0);
}

TEST_F(Evictions, PodsThatRunNotNeedNoBudget) {
  put_budget(kNoneLeft);
  for (const auto* phase : {"Pending", "Succeeded", "Failed"}) {
    put_pod("a", fmt::format(R"({{"phase":"{}"}})", phase));
    EXPECT_EQ(evict("a", "?dryRun=All").code, 201U) << phase;
  }
}

TEST_F(Evictions, TwoBudgetsForOnePodAreTooMany) {
  put_ready("a");
  put_budget(kOneLeft);
  put_budget(kOneLeft, "", "other");
  const auto refused = evict("a");
  EXPECT_EQ(refused.code, 500U);
  EXPECT_THAT(refused.message(),
              HasSubstr("This pod has more than one PodDisruptionBudget, which the eviction subresource "
                        "does not support."));
}

}  // namespace
}  // namespace berth::api
