// tests/agent/next_step_test.cpp - the ladder: every decision about a pod, without a host.
#include "agent/pods/next_step.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using Phase = ContainerView::Phase;
using std::chrono::seconds;

class NextStepTest : public testing::Test {
 protected:
  NextStepTest() {
    spec.containers.own().resize(1);
    spec.containers[0].name = "main";
    sync();
  }

  /// Makes view and memory fit the spec.
  void sync() {
    view.init.resize(spec.init_containers.size());
    view.main.resize(spec.containers.size());
    memory.init.resize(spec.init_containers.size());
    memory.main.resize(spec.containers.size());
    for (auto& one : memory.main) one.startup_passed = true;
    for (auto& one : memory.init) one.startup_passed = true;
  }

  void host_ready() {
    view.volumes = Presence::Present;
    view.network = Presence::Present;
  }

  static ContainerView in(Phase phase, std::uint32_t attempt = 0, int exit_code = 0) {
    return {.phase = phase,
            .id = "c-" + std::to_string(attempt),
            .attempt = attempt,
            .exit_code = exit_code,
            .oom_killed = false,
            .started_at = {},
            .finished_at = {},
            .image = {},
            .image_id = {},
            .message = {}};
  }

  Step up() { return next_step(spec, /*wanted=*/true, view, memory, now); }
  /// It was asked to end, and has half a minute.
  void signal(ContainerMemory& of) {
    of.stop = StopStage::Signalled;
    of.kill_at = now + seconds(30);
  }
  Step down() { return next_step(spec, /*wanted=*/false, view, memory, now); }

  model::PodSpec spec;
  PodView view;
  PodMemory memory;
  SteadyTime now{seconds(1000)};
};

TEST_F(NextStepTest, ClimbsTheLadderInOrder) {
  EXPECT_EQ(up().kind, StepKind::MountVolumes);
  view.volumes = Presence::Present;
  EXPECT_EQ(up().kind, StepKind::AttachNetwork);
  view.network = Presence::Present;
  EXPECT_EQ(up().kind, StepKind::StartContainer);
  view.main[0] = in(Phase::Running);
  EXPECT_EQ(up().kind, StepKind::Settled);
}

TEST_F(NextStepTest, UnknownIsRepeatedGoingUpAndUndoneGoingDown) {
  view.volumes = Presence::Unknown;
  EXPECT_EQ(up().kind, StepKind::MountVolumes);
  EXPECT_EQ(down().kind, StepKind::UnmountVolumes);
  view.network = Presence::Unknown;
  EXPECT_EQ(down().kind, StepKind::DetachNetwork);
}

TEST_F(NextStepTest, GoesDownInReverseAndForgetsLast) {
  host_ready();
  view.main[0] = in(Phase::Running);
  EXPECT_EQ(down().kind, StepKind::BeginStop);
  memory.main[0].stop = StopStage::Turn;
  memory.main[0].kill_at = now + seconds(30);
  EXPECT_EQ(down().kind, StepKind::StopContainer);
  memory.main[0].stop = StopStage::Signalled;
  const auto waiting = down();
  EXPECT_EQ(waiting.kind, StepKind::Settled);
  EXPECT_EQ(waiting.until, now + seconds(30));
  now += seconds(30);
  EXPECT_EQ(down().kind, StepKind::KillContainer);
  view.main[0] = in(Phase::Exited, 0, 137);
  EXPECT_EQ(down().kind, StepKind::RemoveContainer);
  view.main[0] = {};
  EXPECT_EQ(down().kind, StepKind::DetachNetwork);
  view.network = Presence::Absent;
  EXPECT_EQ(down().kind, StepKind::UnmountVolumes);
  view.volumes = Presence::Absent;
  EXPECT_EQ(down().kind, StepKind::Forget);
}

TEST_F(NextStepTest, InitContainersRunOneAfterAnotherBeforeTheOthers) {
  spec.init_containers.own().resize(2);
  sync();
  host_ready();
  auto step = up();
  EXPECT_EQ(step.kind, StepKind::StartContainer);
  EXPECT_TRUE(step.which.init);
  EXPECT_EQ(step.which.index, 0U);
  view.init[0] = in(Phase::Running);
  EXPECT_EQ(up().kind, StepKind::Settled) << "the second waits for the first";
  view.init[0] = in(Phase::Exited);
  EXPECT_EQ(up().which.index, 1U);
  view.init[1] = in(Phase::Exited);
  EXPECT_FALSE(up().which.init);
}

TEST_F(NextStepTest, AFailedInitContainerOfANeverPodEndsThere) {
  spec.restart_policy = "Never";
  spec.init_containers.own().resize(1);
  sync();
  host_ready();
  view.init[0] = in(Phase::Exited, 0, 1);
  EXPECT_EQ(up().kind, StepKind::Settled);
}

TEST_F(NextStepTest, AFailedInitContainerIsRetriedBeforeAnythingElse) {
  spec.init_containers.own().resize(1);
  sync();
  host_ready();
  view.init[0] = in(Phase::Exited, 0, 1);
  const auto step = up();
  EXPECT_EQ(step.kind, StepKind::StartContainer);
  EXPECT_TRUE(step.which.init);
  EXPECT_EQ(step.attempt, 1U);
}

TEST_F(NextStepTest, ASidecarHasToStartButNotToEnd) {
  spec.init_containers.own().resize(1);
  spec.init_containers[0].restart_policy = "Always";
  sync();
  host_ready();
  view.init[0] = in(Phase::Running);
  memory.init[0].startup_passed = false;
  EXPECT_EQ(up().kind, StepKind::Settled) << "its startup probe has not succeeded";
  memory.init[0].startup_passed = true;
  EXPECT_FALSE(up().which.init);
  view.main[0] = in(Phase::Running);
  view.init[0] = in(Phase::Exited);
  EXPECT_TRUE(up().which.init) << "a sidecar that ends is started again";
}

TEST_F(NextStepTest, SidecarsStopAfterTheContainersTheyServe) {
  spec.init_containers.own().resize(1);
  spec.init_containers[0].restart_policy = "Always";
  sync();
  host_ready();
  view.init[0] = in(Phase::Running);
  view.main[0] = in(Phase::Running);
  EXPECT_FALSE(down().which.init);
  signal(memory.main[0]);
  EXPECT_EQ(down().kind, StepKind::BeginStop) << "its hook begins with the others'";
  memory.init[0].stop = StopStage::Turn;
  memory.init[0].kill_at = now + seconds(30);
  EXPECT_EQ(down().kind, StepKind::Settled) << "its turn comes when those it serves have ended";
  view.main[0] = in(Phase::Exited);
  const auto step = down();
  EXPECT_EQ(step.kind, StepKind::StopContainer);
  EXPECT_TRUE(step.which.init);
}

TEST_F(NextStepTest, SidecarsStopOneByOneLastFirst) {
  spec.init_containers.own().resize(3);
  for (auto& container : spec.init_containers) container.restart_policy = "Always";
  sync();
  host_ready();
  for (std::size_t i = 0; i < 3; ++i) {
    view.init[i] = in(Phase::Running);
    memory.init[i].stop = StopStage::Turn;
    memory.init[i].kill_at = now + seconds(30);
  }
  for (const std::size_t expected : {2U, 1U, 0U}) {
    const auto step = down();
    EXPECT_EQ(step.kind, StepKind::StopContainer);
    EXPECT_EQ(step.which.index, expected);
    memory.init[expected].stop = StopStage::Signalled;
    EXPECT_EQ(down().kind, StepKind::Settled) << "the next waits for its end";
    view.init[expected] = in(Phase::Exited);
  }
  view.init[0] = view.init[1] = in(Phase::Running);
  memory.init[0].stop = memory.init[1].stop = StopStage::Turn;
  now += seconds(30);
  EXPECT_EQ(down().which.index, 1U);
  memory.init[1].stop = StopStage::Signalled;
  memory.init[1].kill_at = now + seconds(2);
  EXPECT_EQ(down().which.index, 0U) << "the grace is over for all";
}

TEST_F(NextStepTest, AHookIsAwaitedUntilTheGraceIsOverAndSigtermComesBeforeSigkill) {
  host_ready();
  view.main[0] = in(Phase::Running);
  memory.main[0].stop = StopStage::Hook;
  memory.main[0].kill_at = SteadyTime::max();
  EXPECT_EQ(down().kind, StepKind::Settled);
  EXPECT_FALSE(down().until.has_value()) << "its beginning is told";
  memory.main[0].kill_at = now + seconds(20);
  EXPECT_EQ(down().until, now + seconds(20));
  now += seconds(20);
  EXPECT_EQ(down().kind, StepKind::StopContainer);
}

TEST_F(NextStepTest, APostStartHookHoldsUpTheContainersAfterIt) {
  spec.init_containers.own().resize(1);
  spec.init_containers[0].restart_policy = "Always";
  spec.containers.own().resize(2);
  sync();
  host_ready();
  view.init[0] = in(Phase::Running);
  memory.init[0].post_start = true;
  EXPECT_EQ(up().kind, StepKind::Settled);
  memory.init[0].post_start = false;
  view.main[0] = in(Phase::Running);
  memory.main[0].post_start = true;
  EXPECT_EQ(up().kind, StepKind::Settled);
  memory.main[0].post_start = false;
  EXPECT_EQ(up().which.index, 1U);
}

TEST_F(NextStepTest, APodThatIsOverGivesEverythingBackOnceTheStoreKnows) {
  spec.restart_policy = "Never";
  host_ready();
  view.main[0] = in(Phase::Exited);
  memory.terminal = true;
  EXPECT_EQ(up().kind, StepKind::Settled) << "its containers are all that tells how it ended";
  memory.end_stored = true;
  EXPECT_EQ(up().kind, StepKind::RemoveContainer);
  view.main[0] = {};
  EXPECT_EQ(up().kind, StepKind::DetachNetwork);
  view.network = Presence::Absent;
  EXPECT_EQ(up().kind, StepKind::UnmountVolumes);
  view.volumes = Presence::Absent;
  EXPECT_EQ(up().kind, StepKind::Settled) << "its object stays";
  EXPECT_EQ(down().kind, StepKind::Forget);
}

TEST_F(NextStepTest, AFailedInitContainerTakesTheSidecarsBeforeItAlong) {
  spec.restart_policy = "Never";
  spec.init_containers.own().resize(2);
  spec.init_containers[0].restart_policy = "Always";
  sync();
  host_ready();
  view.init[0] = in(Phase::Running);
  view.init[1] = in(Phase::Exited, 0, 1);
  const auto step = up();
  EXPECT_EQ(step.kind, StepKind::BeginStop);
  EXPECT_EQ(step.which.index, 0U);
}

TEST_F(NextStepTest, FilesAreBroughtUpToDateWhenNothingElseIsToBeDone) {
  host_ready();
  memory.changes = 3;
  EXPECT_EQ(up().kind, StepKind::StartContainer);
  view.main[0] = in(Phase::Running);
  const auto step = up();
  EXPECT_EQ(step.kind, StepKind::RefreshFiles);
  EXPECT_EQ(step.change, 3U);
  memory.served = 3;
  EXPECT_EQ(up().kind, StepKind::Settled);
}

struct RestartCase {
  const char* policy;
  int exit_code;
  bool again;
};

class RestartPolicyTest : public NextStepTest, public testing::WithParamInterface<RestartCase> {};

TEST_P(RestartPolicyTest, DecidesWhetherAnEndedContainerComesBack) {
  spec.restart_policy = GetParam().policy;
  host_ready();
  view.main[0] = in(Phase::Exited, 3, GetParam().exit_code);
  const auto step = up();
  EXPECT_EQ(step.kind == StepKind::StartContainer, GetParam().again);
  if (GetParam().again) {
    EXPECT_EQ(step.attempt, 4U) << "an id is never used twice";
  }
}

INSTANTIATE_TEST_SUITE_P(All, RestartPolicyTest,
                         testing::Values(RestartCase{"Always", 0, true}, RestartCase{"Always", 1, true},
                                         RestartCase{"OnFailure", 0, false}, RestartCase{"OnFailure", 1, true},
                                         RestartCase{"Never", 0, false}, RestartCase{"Never", 1, false}));

TEST_F(NextStepTest, BackOffHoldsUpItsOwnContainerOnly) {
  spec.containers.own().resize(2);
  sync();
  host_ready();
  view.main[0] = in(Phase::Exited, 0, 1);
  memory.main[0].not_before = now + seconds(10);
  auto step = up();
  EXPECT_EQ(step.kind, StepKind::StartContainer);
  EXPECT_EQ(step.which.index, 1U);
  view.main[1] = in(Phase::Running);
  step = up();
  EXPECT_EQ(step.kind, StepKind::Settled);
  EXPECT_EQ(step.until, now + seconds(10));
}

TEST_F(NextStepTest, APullInFlightIsAwaitedWithoutATimer) {
  host_ready();
  memory.main[0].pulling = true;
  const auto step = up();
  EXPECT_EQ(step.kind, StepKind::Settled);
  EXPECT_FALSE(step.until.has_value());
}

TEST_F(NextStepTest, AFailedLivenessProbeStopsTheContainerThenItRestarts) {
  host_ready();
  view.main[0] = in(Phase::Running);
  memory.main[0].restart_why = "Container main failed liveness probe, will be restarted";
  EXPECT_EQ(up().kind, StepKind::BeginStop);
  signal(memory.main[0]);
  memory.main[0].kill_at = now + seconds(5);
  EXPECT_EQ(up().kind, StepKind::Settled);
  now += seconds(6);
  EXPECT_EQ(up().kind, StepKind::KillContainer);
}

TEST_F(NextStepTest, AfterAHostRebootDeadContainersGoBeforeTheNetworkComesBack) {
  view.volumes = Presence::Present;
  view.main[0] = in(Phase::Lost, 2);
  memory.main[0].next_attempt = 3;
  EXPECT_EQ(up().kind, StepKind::RemoveContainer);
  view.main[0] = {};
  EXPECT_EQ(up().kind, StepKind::AttachNetwork);
  view.network = Presence::Present;
  const auto step = up();
  EXPECT_EQ(step.kind, StepKind::StartContainer);
  EXPECT_EQ(step.attempt, 3U);
}

TEST_F(NextStepTest, StaleAttemptsAreRemovedFirst) {
  host_ready();
  view.main[0] = in(Phase::Running, 1);
  view.stale = {"main-0"};
  const auto step = up();
  EXPECT_EQ(step.kind, StepKind::RemoveContainer);
  EXPECT_EQ(step.id, "main-0");
}

TEST(MakeViewTest, KeepsTheLatestAttemptOfEachContainerAndListsTheRest) {
  model::PodSpec spec;
  spec.containers.own().resize(1);
  spec.containers[0].name = "main";
  const auto state = [](std::string id, std::string name, std::uint32_t attempt) {
    runtime::ContainerState one;
    one.id = std::move(id);
    one.name = std::move(name);
    one.attempt = attempt;
    one.phase = runtime::ContainerPhase::Running;
    return one;
  };
  const auto view = make_view(spec, {state("b", "main", 1), state("a", "main", 0), state("x", "removed", 0)});
  EXPECT_EQ(view.main[0].id, "b");
  EXPECT_EQ(view.stale, (std::vector<std::string>{"a", "x"}));
}

TEST_F(NextStepTest, APodPastItsDeadlineIsStoppedAndStaysStopped) {
  host_ready();
  spec.init_containers.own().resize(1);
  spec.init_containers[0].name = "sidecar";
  spec.init_containers[0].restart_policy = "Always";
  sync();
  view.main[0] = in(Phase::Running);
  view.init[0] = in(Phase::Running);
  memory.deadline = now + seconds(5);
  const auto before = up();
  EXPECT_EQ(before.kind, StepKind::Settled);
  EXPECT_EQ(before.until, now + seconds(5)) << "it has to be looked at again then";
  now += seconds(5);
  EXPECT_EQ(up().kind, StepKind::BeginStop);
  EXPECT_FALSE(up().which.init);
  view.main[0] = in(Phase::Exited, 0, 143);
  EXPECT_EQ(up().kind, StepKind::BeginStop);
  EXPECT_TRUE(up().which.init) << "those who served it go last";
  view.init[0] = in(Phase::Exited, 0, 143);
  EXPECT_EQ(up().kind, StepKind::Settled) << "although restartPolicy is Always";
}

}  // namespace
}  // namespace berth::agent
