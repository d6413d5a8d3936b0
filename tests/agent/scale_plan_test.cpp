// tests/agent/scale_plan_test.cpp - one round of an autoscaler: what it wants, its conditions, what it says.
#include "agent/scaling/scale_plan.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using std::chrono::seconds;

/// A set of pods that each request 100m of CPU.
class ScalePlan : public testing::Test {
 protected:
  ScalePlan() {
    scaler.meta.ns = "default";
    scaler.meta.name = "web";
    scaler.min_replicas = 1;
    scaler.max_replicas = 10;
    scaler.metrics = {cpu(50)};
    scaler.up = {.window = seconds(0), .policies = {{false, 4, seconds(15)}}};
    scaler.down = {.window = seconds(0), .policies = {{true, 100, seconds(15)}}};
  }
  static model::ScaleMetric cpu(std::int32_t percent) {
    model::ScaleMetric out;
    out.type = "Resource";
    out.name = "cpu";
    out.utilization = percent;
    return out;
  }
  static model::ScaleMetric of_type(std::string type) {
    model::ScaleMetric out;
    out.type = std::move(type);
    out.name = "requests";
    out.object = "Service/web";
    out.average_milli = 1000;
    return out;
  }

  void pods_use(std::initializer_list<std::int64_t> milli) {
    facts_pods.clear();
    uses.clear();
    for (const auto one : milli) {
      const auto name = "web-" + std::to_string(facts_pods.size());
      auto pod = std::make_shared<model::Pod>();
      pod->meta.name = name;
      model::Container container;
      container.name = "main";
      container.resources.requests["cpu"] = *model::Quantity::parse("100m");
      pod->spec.containers.push_back(container);
      pod->status.phase = "Running";
      pod->status.start_time = "2026-01-01T00:00:00Z";
      model::PodCondition ready;
      ready.type = "Ready";
      ready.status = "True";
      ready.last_transition_time = pod->status.start_time;
      pod->status.conditions.push_back(ready);
      model::ContainerStatus status;
      status.name = "main";
      status.container_id = "containerd://" + name;
      pod->status.container_statuses.push_back(status);
      facts_pods.push_back(pod);
      uses[name] = {.cpu_milli = one, .memory_bytes = 5'000'000, .at = wall, .window = seconds(15)};
    }
  }

  ScalingPlan plan(Result<std::int32_t> replicas, std::vector<std::string> rivals = {}) {
    const ScalingFacts facts{.replicas = std::move(replicas),
                             .pods = facts_pods,
                             .selector = "app=web",
                             .rivals = std::move(rivals),
                             .elsewhere = elsewhere,
                             .uses = uses,
                             .wall = wall,
                             .now = now};
    auto out = plan_scaling(scaler, facts, memory);
    said.clear();
    for (const auto& each : out.said) said += each.reason + ": " + each.message + "\n";
    return out;
  }
  static std::string condition(const ScalingPlan& plan, std::string_view type) {
    for (const auto& one : plan.status.conditions) {
      if (one.type == type) return one.status + " " + one.reason + ": " + one.message;
    }
    return "none";
  }

  model::Autoscaler scaler;
  ScalingMemory memory;
  std::vector<PodPtr> facts_pods;
  ContainerUses uses;
  std::size_t elsewhere = 0;
  WallTime wall = *parse_rfc3339("2026-11-01T00:00:00Z");
  SteadyTime now = SteadyTime(std::chrono::hours(1));
  std::string said;
};

TEST_F(ScalePlan, MoreThanItShouldUseGrows) {
  pods_use({100});
  const auto out = plan(1);
  EXPECT_EQ(out.replicas, 2);
  EXPECT_EQ(out.why, "cpu resource utilization (percentage of request) above target");
  EXPECT_EQ(condition(out, "AbleToScale"),
            "True SucceededRescale: the HPA controller was able to update the target scale to 2");
  EXPECT_EQ(condition(out, "ScalingActive"),
            "True ValidMetricFound: the HPA was able to successfully calculate a replica count from cpu resource "
            "utilization (percentage of request)");
  EXPECT_EQ(condition(out, "ScalingLimited"),
            "False DesiredWithinRange: the desired count is within the acceptable range");
  EXPECT_EQ(out.status.current_replicas, 1);
  EXPECT_EQ(out.status.desired_replicas, 2);
  EXPECT_EQ(out.status.last_scale_time, "2026-11-01T00:00:00Z");
  EXPECT_EQ(out.status.current_metrics,
            *parse_json(R"([{"type":"Resource","resource":{"name":"cpu","current":{"averageValue":"100m",
                "averageUtilization":100}}}])"));
  EXPECT_EQ(said, "") << "that it was done is said once it was";
}

/// Kubernetes' rule for pods that were not measured: 0 % where that keeps the set from growing, 100 % where from
/// shrinking.
TEST_F(ScalePlan, WhatRunsOnOtherHostsMovesTheSetNowhere) {
  pods_use({100, 100, 100});
  EXPECT_EQ(plan(3).replicas, 6);
  uses.erase("web-2");
  elsewhere = 1;
  auto out = plan(3);
  EXPECT_EQ(out.replicas, 4);
  EXPECT_EQ(condition(out, "ScalingActive"),
            "True ValidMetricFound: the HPA was able to successfully calculate a replica count from cpu resource "
            "utilization (percentage of request); 1 of 3 pods run on other hosts and were not measured");

  pods_use({10, 10, 10});
  uses.erase("web-1");
  uses.erase("web-2");
  elsewhere = 2;
  EXPECT_FALSE(plan(3).replicas) << "they may use all that they request";

  uses.clear();
  elsewhere = 3;
  out = plan(3);
  EXPECT_FALSE(out.replicas);
  EXPECT_EQ(condition(out, "ScalingActive"),
            "False FailedGetResourceMetric: the HPA was unable to compute the replica count: failed to get cpu "
            "utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API; 3 of "
            "3 pods run on other hosts and were not measured");
}

TEST_F(ScalePlan, LessThanItShouldShrinksAndAsItShouldStays) {
  pods_use({10, 10, 10});
  auto out = plan(3);
  EXPECT_EQ(out.replicas, 1);
  EXPECT_EQ(out.why, "All metrics below target");
  pods_use({50, 50, 50});
  out = plan(3);
  EXPECT_FALSE(out.replicas);
  EXPECT_EQ(out.status.desired_replicas, 3);
  EXPECT_EQ(condition(out, "AbleToScale"), "True ReadyForNewScale: recommended size matches current size");
  EXPECT_EQ(out.status.last_scale_time, "");
}

TEST_F(ScalePlan, OfSeveralMetricsTheOneThatWantsMostDecides) {
  pods_use({60});
  auto memory_metric = cpu(0);
  memory_metric.name = "memory";
  memory_metric.utilization.reset();
  memory_metric.average_milli = std::int64_t{2'000'000} * 1000;
  scaler.metrics = {cpu(50), memory_metric};
  const auto out = plan(1);
  EXPECT_EQ(out.replicas, 3);
  EXPECT_EQ(out.why, "memory resource above target");
  EXPECT_EQ(out.status.current_metrics[1].at("resource").at("current").at("averageValue"), "5M");
}

TEST_F(ScalePlan, OutsideOfTheBoundsNothingIsMeasured) {
  auto out = plan(12);
  EXPECT_EQ(out.replicas, 10);
  EXPECT_EQ(out.why, "Current number of replicas above Spec.MaxReplicas");
  scaler.min_replicas = 3;
  out = plan(2);
  EXPECT_EQ(out.replicas, 3);
  EXPECT_EQ(out.why, "Current number of replicas below Spec.MinReplicas");
  EXPECT_EQ(said, "");
  out = plan(0);
  EXPECT_FALSE(out.replicas);
  EXPECT_EQ(condition(out, "ScalingActive"),
            "False ScalingDisabled: scaling is disabled since the replica count of the target is zero");
}

TEST_F(ScalePlan, ASetThatIsNotThereIsSaid) {
  const auto out = plan(Error(ErrorCode::NotFound, "deployments.apps \"web\" not found"));
  EXPECT_FALSE(out.replicas);
  EXPECT_EQ(condition(out, "AbleToScale"),
            "False FailedGetScale: the HPA controller was unable to get the target's current scale: deployments.apps "
            "\"web\" not found");
  EXPECT_EQ(said, "FailedGetScale: deployments.apps \"web\" not found\n");
}

TEST_F(ScalePlan, AMissingRequestIsSaid) {
  pods_use({100});
  auto pod = *facts_pods[0];
  pod.spec.containers[0].resources.requests.clear();
  facts_pods[0] = std::make_shared<model::Pod>(pod);
  const auto out = plan(1);
  EXPECT_FALSE(out.replicas);
  EXPECT_EQ(condition(out, "ScalingActive"),
            "False FailedGetResourceMetric: the HPA was unable to compute the replica count: failed to get cpu "
            "utilization: missing request for cpu in container main of Pod web-0");
  EXPECT_EQ(said,
            "FailedGetResourceMetric: failed to get cpu utilization: missing request for cpu in container main of Pod "
            "web-0\n"
            "FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu "
            "resource metric value: failed to get cpu utilization: missing request for cpu in container main of Pod "
            "web-0\n");
  EXPECT_EQ(out.status.desired_replicas, 0) << "as it was";
}

TEST_F(ScalePlan, WhatNobodyMeasuresHereIsSaidAndKeepsItFromShrinkingOnly) {
  struct Case {
    const char* type;
    const char* reason;
  };
  for (const auto& one : {Case{"Pods", "FailedGetPodsMetric"}, Case{"Object", "FailedGetObjectMetric"},
                          Case{"External", "FailedGetExternalMetric"}}) {
    scaler.metrics = {of_type(one.type)};
    pods_use({10, 10});
    auto out = plan(2);
    EXPECT_FALSE(out.replicas) << one.type;
    EXPECT_NE(condition(out, "ScalingActive").find("False " + std::string(one.reason)), std::string::npos) << one.type;
    EXPECT_NE(said.find(std::string(one.reason) + ": unable to get"), std::string::npos) << said;
    scaler.metrics.push_back(cpu(50));
    out = plan(2);
    EXPECT_FALSE(out.replicas) << "what is not known might need them";
    EXPECT_NE(condition(out, "ScalingActive").find("False"), std::string::npos);
    EXPECT_EQ(out.status.current_metrics.size(), 2U) << "each at its place";
    pods_use({100, 100});
    out = plan(2);
    EXPECT_EQ(out.replicas, 4) << "growing harms nothing";
    EXPECT_NE(condition(out, "ScalingActive").find("True ValidMetricFound"), std::string::npos);
  }
}

TEST_F(ScalePlan, TwoOfTheSamePodsDoNothing) {
  pods_use({100});
  const auto out = plan(1, {"default/other", "default/web"});
  EXPECT_FALSE(out.replicas);
  EXPECT_EQ(condition(out, "ScalingActive"),
            "False AmbiguousSelector: pods by selector app=web are controlled by multiple HPAs: [default/other "
            "default/web]");
}

TEST_F(ScalePlan, OneContainerCanBeMeant) {
  pods_use({100});
  auto metric = cpu(50);
  metric.type = "ContainerResource";
  metric.container = "main";
  scaler.metrics = {metric};
  const auto out = plan(1);
  EXPECT_EQ(out.replicas, 2);
  EXPECT_EQ(out.why, "cpu container resource utilization (percentage of request) above target");
  EXPECT_EQ(out.status.current_metrics[0].at("containerResource").at("container"), "main");
}

}  // namespace
}  // namespace berth::agent
