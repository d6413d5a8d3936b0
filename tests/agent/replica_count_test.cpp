// tests/agent/replica_count_test.cpp - how many pods are proposed by what they use, as Kubernetes' calculator has it.
#include "agent/scaling/replica_count.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Pods of one container that requests 1000m of CPU and 100 bytes of memory, and has been ready for an hour.
class ReplicaCount : public testing::Test {
 protected:
  model::Pod& add(const std::string& name) {
    auto pod = std::make_shared<model::Pod>();
    pod->meta.name = name;
    model::Container container;
    container.name = "main";
    container.resources.requests["cpu"] = *model::Quantity::parse("1");
    container.resources.requests["memory"] = *model::Quantity::parse("100");
    pod->spec.containers.push_back(container);
    pod->status.phase = "Running";
    pod->status.start_time = format_rfc3339(now - minutes(60));
    model::PodCondition ready;
    ready.type = "Ready";
    ready.status = "True";
    ready.last_transition_time = pod->status.start_time;
    pod->status.conditions.push_back(ready);
    model::ContainerStatus status;
    status.name = "main";
    status.container_id = "containerd://" + name;
    pod->status.container_statuses.push_back(status);
    pods.push_back(pod);
    return *pod;
  }
  model::Pod& add(const std::string& name, std::int64_t milli, std::int64_t bytes = 0) {
    uses[name] = {.cpu_milli = milli, .memory_bytes = bytes, .at = now, .window = seconds(15)};
    return add(name);
  }
  void add_all(std::initializer_list<std::int64_t> milli) {
    int number = 0;
    for (const auto one : milli) add("p" + std::to_string(number++), one);
  }
  ReplicaQuestion question(std::int32_t current, const std::string& resource = "cpu",
                           const std::string& container = "") const {
    return {.current = current, .resource = resource, .container = container, .pods = pods, .uses = uses, .now = now};
  }
  std::int32_t by_percent(std::int32_t current, std::int32_t percent) const {
    const auto answer = count_by_utilization(question(current), percent);
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message());
    return answer ? answer->replicas : -1;
  }
  std::string why(std::int32_t percent = 50) const {
    const auto answer = count_by_utilization(question(1), percent);
    return answer ? "no error" : answer.error().message();
  }

  WallTime now = std::chrono::ceil<seconds>(std::chrono::system_clock::now());
  std::vector<PodPtr> pods;
  ContainerUses uses;
};

TEST_F(ReplicaCount, TheShareOfWhatIsRequestedDecides) {
  add_all({300, 500, 700});
  EXPECT_EQ(by_percent(3, 30), 5);
  EXPECT_EQ(by_percent(3, 100), 2);
  const auto answer = *count_by_utilization(question(3), 30);
  EXPECT_EQ(answer.utilization, 50);
  EXPECT_EQ(answer.average_milli, 500);
}

TEST_F(ReplicaCount, ATenthMoreOrLessChangesNothing) {
  add_all({550, 550});
  EXPECT_EQ(by_percent(2, 50), 2) << "1.1";
  EXPECT_EQ(by_percent(2, 61), 2) << "0.9";
  EXPECT_EQ(by_percent(2, 49), 3) << "more than a tenth";
  auto strict = question(2);
  strict.up_tolerance = 0.01;
  EXPECT_EQ(count_by_utilization(strict, 50)->replicas, 3);
}

TEST_F(ReplicaCount, WhoCouldNotBeMeasuredUsesNothingWhenItWouldGrow) {
  add_all({1000, 1000});
  add("p9");
  EXPECT_EQ(by_percent(3, 50), 4) << "(1000 + 1000 + 0) of 3000 are 66 %, and not 100";
}

TEST_F(ReplicaCount, WhoCouldNotBeMeasuredUsesAllWhenItWouldShrink) {
  add_all({100, 100});
  add("p9");
  EXPECT_EQ(by_percent(3, 50), 3) << "(100 + 100 + 1000) of 3000 are 40 %: 2.4";
  add("p8");
  EXPECT_EQ(by_percent(4, 50), 4) << "that would turn the direction";
}

TEST_F(ReplicaCount, WhoIsNotReadyUsesNothingWhenItWouldGrowAndIsNotCountedElse) {
  add_all({800, 800});
  add("p9").status.phase = "Pending";
  EXPECT_EQ(by_percent(3, 50), 3) << "1600 of 3000 are 53 %: within a tenth; without it they were 80 %";
  pods.clear();
  add_all({100, 100});
  add("p9").status.phase = "Pending";
  EXPECT_EQ(by_percent(3, 50), 1) << "ceil(0.2 * 2)";
}

TEST_F(ReplicaCount, WhoStartsIsNotReadyByItsProcessorTime) {
  add_all({500});
  auto& starting = add("p9", 3000);
  starting.status.start_time = format_rfc3339(now - minutes(1));
  auto& ready = starting.status.conditions[0];
  ready.last_transition_time = format_rfc3339(now - seconds(10));  // less than it was measured
  EXPECT_EQ(by_percent(2, 50), 2);
  ready.last_transition_time = format_rfc3339(now - seconds(20));
  EXPECT_EQ(by_percent(2, 50), 7) << "ready for all the time it was measured";
  ready.status = "False";
  EXPECT_EQ(by_percent(2, 50), 2);
  starting.status.start_time = format_rfc3339(now - minutes(10));
  EXPECT_EQ(by_percent(2, 50), 7) << "it was ready before, and works";
  ready.last_transition_time = format_rfc3339(now - minutes(10) + seconds(5));
  EXPECT_EQ(by_percent(2, 50), 2) << "it never was";
}

TEST_F(ReplicaCount, WhoGoesOrHasFailedIsNoPod) {
  add_all({500});
  add("p8", 3000).meta.deletion_timestamp = "2026-01-01T00:00:00Z";
  add("p9", 3000).status.phase = "Failed";
  EXPECT_EQ(by_percent(1, 50), 1);
}

TEST_F(ReplicaCount, AnAverageNeedsNoRequest) {
  add("a", 0, 300).spec.containers[0].resources.requests.clear();
  add("b", 0, 500).spec.containers[0].resources.requests.clear();
  const auto answer = *count_by_average(question(2, "memory"), 200'000);
  EXPECT_EQ(answer.replicas, 4);
  EXPECT_EQ(answer.average_milli, 400'000);
  EXPECT_FALSE(answer.utilization);
  add("c").spec.containers[0].resources.requests.clear();
  EXPECT_EQ(count_by_average(question(3, "memory"), 1'000'000)->replicas, 2) << "c as much as it should, 600 of 1000";
}

TEST_F(ReplicaCount, SidecarsCountAndOneContainerCanBeMeant) {
  auto& pod = add("a", 200);
  model::Container sidecar = pod.spec.containers[0];
  sidecar.name = "proxy";
  sidecar.restart_policy = "Always";
  pod.spec.init_containers.push_back(sidecar);
  model::Container once = sidecar;
  once.name = "once";
  once.restart_policy.clear();
  pod.spec.init_containers.push_back(once);
  model::ContainerStatus status;
  status.name = "proxy";
  status.container_id = "containerd://a-proxy";
  pod.status.init_container_statuses.push_back(status);
  EXPECT_EQ(why(), "unable to get metrics for resource cpu: no metrics returned from resource metrics API");
  uses["a-proxy"] = {.cpu_milli = 1000, .memory_bytes = 0, .at = now, .window = seconds(15)};
  EXPECT_EQ(count_by_utilization(question(1), 50)->utilization, 60) << "1200 of 2000";
  EXPECT_EQ(count_by_utilization(question(1, "cpu", "main"), 50)->utilization, 20);
  EXPECT_EQ(count_by_utilization(question(1, "cpu", "proxy"), 50)->utilization, 100);
}

TEST_F(ReplicaCount, WhatCannotBeSaidIsSaidInKubernetesWords) {
  EXPECT_EQ(why(), "no pods returned by selector while calculating replica count");
  auto& pod = add("a");
  EXPECT_EQ(why(), "unable to get metrics for resource cpu: no metrics returned from resource metrics API");
  pod.status.phase = "Pending";
  EXPECT_EQ(why(), "did not receive metrics for targeted pods (pods might be unready)");
  add("b", 5).spec.containers[0].resources.requests.clear();
  EXPECT_EQ(why(), "missing request for cpu in container main of Pod b");
  EXPECT_FALSE(count_by_average(question(1, "example.com/gpu"), 5)) << "nobody measures that";
}

}  // namespace
}  // namespace berth::agent
