// tests/agent/scale_controller_test.cpp - autoscalers on a store: when they look, whom they scale, what they write.
#include "agent/scaling/scale_controller.hpp"

#include <gtest/gtest.h>

#include "tests/agent/controller_fixture.hpp"
#include "tests/fakes/fake_runtime.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(PodUsage, IsWhatWasCountedBetweenTwoLooks) {
  const auto start = SteadyTime(std::chrono::hours(1));
  const auto at = [&](const char* id, int second, std::uint64_t cpu, std::uint64_t memory) {
    return runtime::ContainerUsage{.id = id,
                                   .pod_uid = "u",
                                   .at = {},
                                   .measured_at = start + seconds(second),
                                   .cpu_nanoseconds = cpu,
                                   .memory_bytes = memory};
  };
  const auto uses = uses_between({at("a", 0, 1'000'000'000, 5), at("b", 0, 9, 9), at("c", 0, 5, 5), at("d", 0, 0, 0)},
                                 {at("a", 2, 2'000'000'001, 7), at("b", 2, 8, 9), at("d", 0, 5, 5), at("e", 2, 5, 5)});
  ASSERT_EQ(uses.size(), 1U) << "b was started anew, c went, d was not measured twice, e came";
  EXPECT_EQ(uses.at("a").cpu_milli, 501) << "rounded up";
  EXPECT_EQ(uses.at("a").memory_bytes, 7);
  EXPECT_EQ(uses.at("a").window, seconds(2));
}

class ScaleControllers : public ControllerFixture {
 protected:
  void SetUp() override { begin({scaling.row()}); }

  void put_deployment(int replicas, const std::string& name = "web") {
    put(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":")" + name +
        R"(","namespace":"default"},"spec":{"replicas":)" + std::to_string(replicas) +
        R"(,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
        "spec":{"containers":[{"name":"main","image":"b"}]}}}})");
  }
  void put_pod(const std::string& name) {
    const auto since = format_rfc3339(clock.wall() - std::chrono::minutes(30));
    put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
        R"(","namespace":"default","labels":{"app":"web"}},"spec":{"nodeName":"n","containers":[{"name":"main",
        "image":"b","resources":{"requests":{"cpu":"100m"}}}]},"status":{"phase":"Running","startTime":")" +
        since + R"(","conditions":[{"type":"Ready","status":"True","lastTransitionTime":")" + since +
        R"("}],"containerStatuses":[{"name":"main","containerID":"containerd://)" + name + R"("}]}})");
    counted[name] = 0;
  }
  void put_scaler(const std::string& name = "web",
                  const std::string& target = R"("apiVersion":"apps/v1","kind":"Deployment","name":"web")",
                  const std::string& more = "") {
    put(R"({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":")" + name +
        R"(","namespace":"default"},"spec":{"scaleTargetRef":{)" + target +
        R"(},"maxReplicas":5,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization",
        "averageUtilization":50}}}],"behavior":{"scaleDown":{"stabilizationWindowSeconds":0,"policies":[
        {"type":"Percent","value":100,"periodSeconds":15}]}})" +
        more + "}}");
    settle();
  }
  /// Time passes, and each pod uses so many thousandths of a processor.
  void use(int milli, milliseconds time) {
    std::vector<runtime::ContainerUsage> now;
    for (auto& [id, cpu] : counted) {
      cpu += static_cast<std::uint64_t>(milli) * static_cast<std::uint64_t>(time.count()) * 1000;
      now.push_back({.id = id,
                     .pod_uid = id,
                     .at = clock.wall() + time,
                     .measured_at = clock.now() + time,
                     .cpu_nanoseconds = cpu,
                     .memory_bytes = 1});
    }
    runtime.set_usage(now);
    pass(time);
  }
  std::int64_t replicas(Kind kind = Kind::Deployment, const std::string& name = "web") const {
    return get(kind, name)->raw.at("spec").at("replicas").as_int64();
  }
  json::value status(const std::string& name = "web") const {
    const auto scaler = get(Kind::HorizontalPodAutoscaler, name);
    const auto* found = scaler->raw.if_contains("status");
    return found == nullptr ? json::value() : *found;
  }
  std::string reason(std::string_view type) const {
    const auto now = status();
    for (const auto& one : now.at("conditions").as_array()) {
      if (find_string(one, {"type"}) == type) return std::string(find_string(one, {"reason"}));
    }
    return "none";
  }

  runtime::FakeRuntime runtime;
  std::unique_ptr<Lane> lane = make_inline_lane();
  PodUsage usage{loop, *lane, runtime, clock};
  ScaleController scaling{clock, cache, usage, "n"};
  std::map<std::string, std::uint64_t> counted;
};

TEST_F(ScaleControllers, ASetGrowsASecondAfterItIsAskedForAndShrinksWhenTheLoadIsGone) {
  put_deployment(1);
  put_pod("web-a");
  use(0, milliseconds(1));
  put_scaler();
  EXPECT_TRUE(status().is_null()) << "one look says nothing";
  use(120, seconds(1));
  EXPECT_EQ(replicas(), 3);
  EXPECT_EQ(events, std::vector<std::string>{"SuccessfulRescale: New size: 3; reason: cpu resource utilization "
                                             "(percentage of request) above target"});
  EXPECT_EQ(status().at("currentReplicas"), 1);
  EXPECT_EQ(status().at("desiredReplicas"), 3);
  EXPECT_EQ(reason("AbleToScale"), "SucceededRescale");
  put_pod("web-b");
  put_pod("web-c");
  use(1, seconds(7));
  EXPECT_EQ(replicas(), 3) << "a period is fifteen seconds";
  use(1, seconds(8));
  EXPECT_EQ(replicas(), 3) << "two could not be measured yet: they might use all that they request";
  use(1, seconds(15));
  EXPECT_EQ(replicas(), 1);
  EXPECT_EQ(events.back(), "SuccessfulRescale: New size: 1; reason: All metrics below target");
}

TEST_F(ScaleControllers, NothingIsAskedForWithoutAutoscalers) {
  put_deployment(1);
  settle();
  EXPECT_TRUE(runner.is_idle());
  put_scaler();
  pass(seconds(1));
  EXPECT_FALSE(runner.is_idle());
  remove({Kind::HorizontalPodAutoscaler, "default", "web"});
  settle();
  pass(seconds(16));
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(ScaleControllers, EachKindThatHasAScaleIsScaled) {
  const auto set = [](const std::string& version, const std::string& kind, const std::string& selector) {
    return R"({"apiVersion":")" + version + R"(","kind":")" + kind +
           R"(","metadata":{"name":"db","namespace":"default"},"spec":{"replicas":9,"serviceName":"db","selector":)" +
           selector +
           R"(,"template":{"metadata":{"labels":{"app":"db"}},"spec":{"containers":[{"name":"c","image":"b"}]}}}})";
  };
  const std::string labels = R"({"matchLabels":{"app":"db"}})";
  put(set("apps/v1", "StatefulSet", labels));
  put(set("apps/v1", "ReplicaSet", labels));
  put(set("v1", "ReplicationController", R"({"app":"db"})"));
  settle();
  put_scaler("a", R"("apiVersion":"apps/v1","kind":"StatefulSet","name":"db")");
  put_scaler("b", R"("apiVersion":"extensions/v1beta1","kind":"ReplicaSet","name":"db")");
  put_scaler("c", R"("apiVersion":"v1","kind":"ReplicationController","name":"db")");
  pass(seconds(1));
  EXPECT_EQ(replicas(Kind::StatefulSet, "db"), 5);
  EXPECT_EQ(replicas(Kind::ReplicaSet, "db"), 5);
  EXPECT_EQ(replicas(Kind::ReplicationController, "db"), 5);
}

TEST_F(ScaleControllers, WhatCannotBeScaledIsSaid) {
  struct Case {
    const char* target;
    const char* why;
  };
  for (const auto& one :
       {Case{R"("apiVersion":"apps/v1","kind":"Deployment","name":"none")", "deployments.apps \"none\" not found"},
        Case{R"("apiVersion":"example.com/v1","kind":"Fleet","name":"a")",
             "no matches for kind \"Fleet\" in group \"example.com\""},
        Case{R"("kind":"Deployment","name":"web")", "no matches for kind \"Deployment\" in group \"\""},
        Case{R"("apiVersion":"apps/v1","kind":"DaemonSet","name":"a")", "daemonsets.apps have no scale"}}) {
    put_scaler("web", one.target);
    pass(seconds(1));
    EXPECT_EQ(reason("AbleToScale"), "FailedGetScale");
    EXPECT_EQ(events.back(), std::string("FailedGetScale: ") + one.why);
  }
}

TEST_F(ScaleControllers, AChangeOfTheAutoscalerIsSeenWithinASecond) {
  put_deployment(1);
  put_pod("web-a");
  use(0, milliseconds(1));
  put_scaler();
  use(50, seconds(1));
  EXPECT_EQ(replicas(), 1);
  edit({Kind::HorizontalPodAutoscaler, "default", "web"},
       [](json::object& raw) { raw["spec"].as_object()["minReplicas"] = 2; });
  settle();
  EXPECT_EQ(replicas(), 1) << "it has just looked";
  use(50, seconds(1));
  EXPECT_EQ(replicas(), 2);
  EXPECT_EQ(events.back(), "SuccessfulRescale: New size: 2; reason: Current number of replicas below Spec.MinReplicas");
}

TEST_F(ScaleControllers, TwoAutoscalersOfTheSamePodsLeaveThemAlone) {
  put_deployment(1);
  put_pod("web-a");
  use(0, milliseconds(1));
  put_scaler("web");
  put_scaler("other");
  use(200, seconds(1));
  EXPECT_EQ(replicas(), 1);
  EXPECT_EQ(reason("ScalingActive"), "AmbiguousSelector");
  remove({Kind::HorizontalPodAutoscaler, "default", "other"});
  settle();
  use(200, seconds(15));
  EXPECT_GT(replicas(), 1);
}

TEST_F(ScaleControllers, ARoundThatCouldNotMeasureIsTriedAgain) {
  put_deployment(1);
  put_pod("web-a");
  use(0, milliseconds(1));
  runtime.fail_next("usage", Error(ErrorCode::Unavailable, "sick"));
  put_scaler();
  EXPECT_TRUE(status().is_null());
  for (int i = 0; i < 5; ++i) use(200, seconds(3));
  EXPECT_EQ(replicas(), 4);
}

}  // namespace
}  // namespace berth::agent
