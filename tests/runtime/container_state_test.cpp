// tests/runtime/container_state_test.cpp - what containerd says of a container, and what it is to us.
#include "runtime/container_state.hpp"

#include <gtest/gtest.h>

#include "runtime/labels.hpp"

namespace berth::runtime {
namespace {

ContainerRecord record(bool started) {
  ContainerRecord out;
  out.id = "uid-main-3";
  out.labels = {{label::kPodUid, "uid"},         {label::kPodNamespace, "prod"}, {label::kPodName, "web-0"},
                {label::kContainerName, "main"}, {label::kAttempt, "3"},         {label::kImage, "web:1"}};
  if (started) out.labels[label::kStartedAt] = "2026-11-21T10:00:00Z";
  return out;
}

TaskRecord task(TaskStatus status) {
  TaskRecord out;
  out.id = "uid-main-3";
  out.pid = 4711;
  out.status = status;
  out.exit_status = 137;
  out.exited_at = *parse_rfc3339("2026-11-21T10:00:05Z");
  return out;
}

TEST(ContainerStateTest, OfEachStateOfItsTaskWhetherItWasStartedOrNot) {
  struct Case {
    bool started;
    std::optional<TaskStatus> status;
    ContainerPhase phase;
  };
  for (const auto& each : std::vector<Case>{
           {false, std::nullopt, ContainerPhase::Created},
           {false, TaskStatus::Created, ContainerPhase::Created},
           {false, TaskStatus::Stopped, ContainerPhase::Created},  // a start that failed: no attempt, no restart
           {true, std::nullopt, ContainerPhase::Unknown},
           {true, TaskStatus::Created, ContainerPhase::Created},
           {true, TaskStatus::Running, ContainerPhase::Running},
           {true, TaskStatus::Paused, ContainerPhase::Running},
           {true, TaskStatus::Stopped, ContainerPhase::Exited},
       }) {
    const auto state =
        container_state(record(each.started), each.status ? std::optional(task(*each.status)) : std::nullopt);
    ASSERT_TRUE(state.ok()) << state.error().message();
    EXPECT_EQ(state->phase, each.phase) << "started: " << each.started
                                        << ", task: " << (each.status ? static_cast<int>(*each.status) : -1);
  }
}

TEST(ContainerStateTest, AShimThatDoesNotAnswerSaysNothing) {
  for (const auto started : {false, true}) {
    EXPECT_TRUE(failed_with(container_state(record(started), task(TaskStatus::Unknown)), ErrorCode::Unavailable));
  }
}

TEST(ContainerStateTest, SaysWhatItsLabelsKeep) {
  auto of = record(true);
  EXPECT_EQ(from_record(of).stop_signal, "SIGTERM") << "made before, or nothing else was asked for";
  EXPECT_FALSE(from_record(of).user.has_value()) << "made before this was kept";
  of.labels[label::kStopSignal] = "10";
  of.labels[label::kUser] = "1000:50:50,77";
  EXPECT_EQ(from_record(of).stop_signal, "SIGUSR1");
  EXPECT_EQ(from_record(of).user, (model::ContainerUser{1000, 50, {50, 77}}));
  of.labels[label::kUser] = "0:0:";
  EXPECT_EQ(from_record(of).user, (model::ContainerUser{0, 0, {}}));
  for (const auto* text : {"", "1000", "1000:", "1000:x:", "a:1:2", "1:2:3,x", "1:2:3;4"}) {
    of.labels[label::kUser] = text;
    EXPECT_FALSE(from_record(of).user.has_value()) << text;
  }
}

TEST(ContainerStateTest, AnEndHasItsCodeAndItsTime) {
  const auto state = container_state(record(/*started=*/true), task(TaskStatus::Stopped));
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->exit_code, 137);
  EXPECT_EQ(state->finished_at, *parse_rfc3339("2026-11-21T10:00:05Z"));
  EXPECT_EQ(state->started_at, *parse_rfc3339("2026-11-21T10:00:00Z"));
}

TEST(ContainerStateTest, WhoseItIsIsInItsLabels) {
  const auto state = from_record(record(/*started=*/true));
  EXPECT_EQ(state.pod.uid, "uid");
  EXPECT_EQ(state.pod.ns, "prod");
  EXPECT_EQ(state.pod.name, "web-0");
  EXPECT_EQ(state.name, "main");
  EXPECT_EQ(state.attempt, 3U);
  EXPECT_EQ(state.image, "web:1");
  EXPECT_FALSE(state.oom_killed);
  auto odd = record(/*started=*/false);
  odd.labels[label::kAttempt] = "many";
  odd.labels[label::kOomKilled] = "true";
  EXPECT_EQ(from_record(odd).attempt, 0U);
  EXPECT_TRUE(from_record(odd).oom_killed);
}

}  // namespace
}  // namespace berth::runtime
