// tests/agent/pod_status_test.cpp - phases, reasons, conditions: the kubelet's words.
#include "agent/pods/pod_status.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using Phase = ContainerView::Phase;

class PodStatusTest : public testing::Test {
 protected:
  PodStatusTest() {
    pod.meta.name = "web-0";
    pod.spec.containers.own().resize(1);
    pod.spec.containers[0].name = "main";
    sync();
  }
  void sync() {
    view.init.resize(pod.spec.init_containers.size());
    view.main.resize(pod.spec.containers.size());
    memory.init.resize(pod.spec.init_containers.size());
    memory.main.resize(pod.spec.containers.size());
  }
  void run(std::size_t index = 0) {
    view.main[index].phase = Phase::Running;
    view.main[index].id = "id";
    memory.main[index].startup_passed = true;
    memory.main[index].ready_probe_passed = true;
  }
  void exit(int code) {
    view.main[0].phase = Phase::Exited;
    view.main[0].id = "id";
    view.main[0].exit_code = code;
  }
  model::PodStatus status() {
    return make_pod_status(pod, pod.status, /*wanted=*/true, view, memory, "192.0.2.1", now);
  }
  static const model::ContainerStateWaiting& waiting(const model::PodStatus& status) {
    return std::get<model::ContainerStateWaiting>(status.container_statuses.at(0).state);
  }

  model::Pod pod;
  PodView view;
  PodMemory memory;
  WallTime now = *parse_rfc3339("2026-11-21T10:00:00Z");
};

TEST_F(PodStatusTest, ANewPodIsPendingAndSaysWhy) {
  memory.error = "config map \"x\" not found";
  const auto made = status();
  EXPECT_EQ(made.phase, "Pending");
  EXPECT_EQ(waiting(made).reason, "ContainerCreating");
  EXPECT_EQ(waiting(made).message, "config map \"x\" not found");
  EXPECT_EQ(made.condition("PodScheduled")->status, "True");
  EXPECT_EQ(made.condition("Ready")->reason, "ContainersNotReady");
}

TEST_F(PodStatusTest, AContainerSaysAsWhomItRunsAndWhatEndsIt) {
  EXPECT_EQ(status().container_statuses.at(0).stop_signal, "") << "there is none yet";
  run();
  view.main[0].stop_signal = "SIGUSR1";
  view.main[0].user = model::ContainerUser{1000, 50, {50, 77}};
  const auto made = status();
  const auto text = json::serialize(model::encode_pod_status(made).at("containerStatuses"));
  EXPECT_NE(text.find(R"("stopSignal":"SIGUSR1","user":{"linux":{"uid":1000,"gid":50,"supplementalGroups":[50,77]}})"),
            std::string::npos)
      << text;
  model::Object stored;
  stored.raw = {{"apiVersion", "v1"},
                {"kind", "Pod"},
                {"metadata", {{"name", "a"}, {"namespace", "b"}}},
                {"spec", {{"containers", json::array{{{"name", "main"}, {"image", "i"}}}}}},
                {"status", model::encode_pod_status(made)}};
  EXPECT_EQ(model::decode_pod(*model::make_object(stored.raw))->status, made) << "or each look would write it anew";
}

TEST_F(PodStatusTest, ARunningPodIsReadyOnlyWhenItsProbeSaysSo) {
  run();
  memory.main[0].ready_probe_passed = false;
  EXPECT_FALSE(status().ready());
  EXPECT_EQ(status().phase, "Running");
  memory.main[0].ready_probe_passed = true;
  EXPECT_TRUE(status().ready());
}

TEST_F(PodStatusTest, ItsReadinessGatesDecideTooAndOnlyWhenItsContainersAreReady) {
  pod.spec.readiness_gates = {"example.com/one", "example.com/two"};
  const auto ready = [&] {
    const auto made = status();
    const auto& condition = *made.condition("Ready");
    EXPECT_EQ(made.ready(), condition.reason.empty());
    return condition.reason + "|" + condition.message + "|" + made.condition("ContainersReady")->status;
  };
  EXPECT_EQ(ready(), "ContainersNotReady|containers with unready status: [main]|False");
  run();
  EXPECT_EQ(ready(),
            "ReadinessGatesNotReady|corresponding condition of pod readiness gate \"example.com/one\" does not exist., "
            "corresponding condition of pod readiness gate \"example.com/two\" does not exist.|True");
  pod.status.conditions = {{"example.com/one", "False", "", "", ""}, {"example.com/two", "True", "", "", ""}};
  EXPECT_EQ(ready(),
            "ReadinessGatesNotReady|the status of pod readiness gate \"example.com/one\" is not \"True\", but "
            "False|True");
  pod.status.conditions[0].status = "True";
  EXPECT_EQ(ready(), "||True");
  pod.spec.readiness_gates = {"ContainersReady"};
  EXPECT_EQ(ready(), "||True") << "one of our own, as found now";
}

TEST_F(PodStatusTest, ItSaysOfWhichSpecItIs) {
  pod.meta.generation = 3;
  auto made = status();
  EXPECT_EQ(made.observed_generation, 3);
  for (const auto& condition : made.conditions) EXPECT_EQ(condition.observed_generation, 3) << condition.type;
  pod.status = made;
  now += std::chrono::seconds(9);
  pod.meta.generation = 4;
  made = status();
  EXPECT_EQ(made.condition("Ready")->observed_generation, 4);
  EXPECT_EQ(made.condition("Ready")->last_transition_time, pod.status.condition("Ready")->last_transition_time);
  const auto text = json::serialize(model::encode_pod_status(made));
  EXPECT_NE(text.find(R"("phase":"Pending","observedGeneration":4)"), std::string::npos) << text;
  EXPECT_EQ(make_unschedulable_status(pod, "no room", now).condition("PodScheduled")->observed_generation, 4);
}

TEST_F(PodStatusTest, ADeletedPodThatAFinalizerHoldsSaysHowItEnded) {
  run();
  pod.status = status();
  pod.meta.finalizers = {"batch.kubernetes.io/job-tracking"};
  const auto phase = [&] { return make_pod_status(pod, pod.status, /*wanted=*/false, view, memory, "", now).phase; };
  EXPECT_EQ(phase(), "Running") << "it runs yet";
  exit(143);
  EXPECT_EQ(phase(), "Failed");
  exit(0);
  EXPECT_EQ(phase(), "Succeeded");
  pod.status = make_pod_status(pod, pod.status, /*wanted=*/false, view, memory, "", now);
  view.main[0] = {};
  EXPECT_EQ(phase(), "Succeeded") << "and stays so when it is taken down";
  pod.status.phase = "Pending";
  pod.status.container_statuses.clear();
  EXPECT_EQ(phase(), "Failed") << "what never began has not succeeded";
  pod.meta.finalizers.clear();
  EXPECT_EQ(phase(), "Pending") << "nobody will read it";
}

TEST_F(PodStatusTest, ContainersCanStartOnceThereIsANetwork) {
  EXPECT_EQ(status().condition("PodReadyToStartContainers")->status, "False");
  view.attachment.emplace().address = "10.0.0.9";
  EXPECT_EQ(status().condition("PodReadyToStartContainers")->status, "True");
}

TEST_F(PodStatusTest, TransitionTimesMoveOnlyWithTheirCondition) {
  run();
  pod.status = status();
  const auto before = pod.status.condition("Ready")->last_transition_time;
  now += std::chrono::seconds(60);
  EXPECT_EQ(status().condition("Ready")->last_transition_time, before);
  memory.main[0].ready_probe_passed = false;
  EXPECT_EQ(status().condition("Ready")->last_transition_time, "2026-11-21T10:01:00Z");
}

TEST_F(PodStatusTest, BetweenTwoAttemptsAPodIsRunningAndItsContainerCrashLoops) {
  exit(1);
  memory.main[0].waiting_reason = "CrashLoopBackOff";
  const auto made = status();
  EXPECT_EQ(made.phase, "Running");
  EXPECT_EQ(waiting(made).reason, "CrashLoopBackOff");
  EXPECT_EQ(made.container_statuses[0].last_state->exit_code, 1);
}

TEST_F(PodStatusTest, TerminalPhasesFollowTheExitCodes) {
  pod.spec.restart_policy = "Never";
  exit(0);
  EXPECT_EQ(status().phase, "Succeeded");
  EXPECT_EQ(status().condition("Ready")->reason, "PodCompleted");
  exit(3);
  EXPECT_EQ(status().phase, "Failed");
  EXPECT_EQ(status().condition("Ready")->reason, "PodFailed");
  EXPECT_EQ(std::get<model::ContainerStateTerminated>(status().container_statuses[0].state).reason, "Error");
  view.main[0].oom_killed = true;
  EXPECT_EQ(std::get<model::ContainerStateTerminated>(status().container_statuses[0].state).reason, "OOMKilled");
}

TEST_F(PodStatusTest, InitContainersThatHaveNotBegunSayWhyAndTheOthersNothing) {
  pod.spec.init_containers.own().resize(1);
  pod.spec.init_containers[0].name = "setup";
  sync();
  memory.error = "config map \"x\" not found";
  const auto made = status();
  const auto first = std::get<model::ContainerStateWaiting>(made.init_container_statuses.at(0).state);
  EXPECT_EQ(first.reason, "PodInitializing");
  EXPECT_EQ(first.message, "config map \"x\" not found");
  EXPECT_EQ(waiting(made).reason, "PodInitializing");
  EXPECT_EQ(waiting(made).message, "");
}

TEST_F(PodStatusTest, WhileInitContainersRunTheOthersAreInitializing) {
  pod.spec.init_containers.own().resize(1);
  pod.spec.init_containers[0].name = "setup";
  sync();
  view.init[0].phase = Phase::Running;
  const auto made = status();
  EXPECT_EQ(made.phase, "Pending");
  EXPECT_EQ(waiting(made).reason, "PodInitializing");
  EXPECT_EQ(made.condition("Initialized")->status, "False");
  EXPECT_EQ(made.condition("Initialized")->message, "containers with incomplete status: [setup]");
}

TEST_F(PodStatusTest, AFailedInitContainerOfANeverPodFailsIt) {
  pod.spec.restart_policy = "Never";
  pod.spec.init_containers.own().resize(1);
  sync();
  view.init[0].phase = Phase::Exited;
  view.init[0].exit_code = 1;
  EXPECT_EQ(status().phase, "Failed");
}

TEST_F(PodStatusTest, ALostContainerIsReportedAsSuch) {
  ContainerView lost;
  lost.phase = Phase::Lost;
  EXPECT_EQ(make_terminated(lost).exit_code, 137);
  EXPECT_EQ(make_terminated(lost).reason, "ContainerStatusUnknown");
}

TEST_F(PodStatusTest, AnUnplaceablePodSaysWhatIsMissing) {
  const auto made = make_unschedulable_status(pod, "0/1 nodes are available: 1 node(s) had taint", now);
  EXPECT_EQ(made.phase, "Pending");
  EXPECT_EQ(made.condition("PodScheduled")->reason, "Unschedulable");
}

TEST_F(PodStatusTest, APodPastItsDeadlineHasFailedOnceItHasStopped) {
  run();
  pod.spec.active_deadline_seconds = 60;
  pod.status.start_time = "2026-11-21T09:59:30Z";
  EXPECT_EQ(status().phase, "Running");
  EXPECT_EQ(active_deadline(pod.spec, pod.status.start_time), *parse_rfc3339("2026-11-21T10:00:30Z"));
  now += std::chrono::seconds(30);
  EXPECT_EQ(status().phase, "Running") << "it is being stopped";
  exit(143);
  const auto made = status();
  EXPECT_EQ(made.phase, "Failed");
  EXPECT_EQ(made.reason, "DeadlineExceeded");
  EXPECT_EQ(made.message, "Pod was active on the node longer than the specified deadline");
  EXPECT_TRUE(std::holds_alternative<model::ContainerStateTerminated>(made.container_statuses.at(0).state));
  EXPECT_FALSE(made.ready());
}

TEST_F(PodStatusTest, APodThatSucceededInTimeHasSucceededAfterItsDeadlineToo) {
  pod.spec.restart_policy = "Never";
  pod.spec.active_deadline_seconds = 60;
  pod.status.start_time = "2026-11-21T09:00:00Z";
  exit(0);
  EXPECT_EQ(status().phase, "Succeeded");
  EXPECT_TRUE(status().reason.empty());
}

}  // namespace
}  // namespace berth::agent
