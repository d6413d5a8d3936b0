// tests/agent/probe_state_test.cpp - thresholds, periods and the startup gate, on a clock of numbers.
#include "agent/probes/probe_state.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

/// Begins the first that is due.
std::optional<ProbeKind> take(ContainerProbes& probes, SteadyTime now) {
  const auto due = probes.due(now);
  if (due.empty()) return std::nullopt;
  probes.begin(due.front().second, now);
  return due.front().second;
}

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kSuccess = ProbeAnswer::Success;
constexpr auto kFailure = ProbeAnswer::Failure;
constexpr auto kUnknown = ProbeAnswer::Unknown;

SteadyTime at(milliseconds time) { return SteadyTime(seconds(1000)) + time; }

model::Probe probe(int initial_delay, int period, int success, int failure) {
  model::Probe made;
  made.initial_delay = seconds(initial_delay);
  made.period = seconds(period);
  made.success_threshold = success;
  made.failure_threshold = failure;
  return made;
}

/// Runs the probe whenever it is due and gives what it told, in order: '+', '-' or '.' for nothing.
std::string told(ProbeState& state, const std::vector<ProbeAnswer>& answers) {
  std::string out;
  for (const auto answer : answers) {
    state.begin(state.due());
    const auto verdict = state.record(answer, state.due());
    out += !verdict ? '.' : *verdict ? '+' : '-';
  }
  return out;
}

TEST(ProbeState, FirstRunComesAfterTheInitialDelayTheSecondIsSpreadTheRestKeepThePeriod) {
  ProbeState state(probe(5, 10, 1, 3), ProbeKind::Readiness, at(seconds(0)), 0.6);
  EXPECT_EQ(state.due(), at(seconds(5)));
  state.begin(at(seconds(5)));
  EXPECT_TRUE(state.in_flight());
  state.record(kSuccess, at(milliseconds(5400)));
  EXPECT_EQ(state.due(), at(seconds(11)));
  state.begin(at(seconds(11)));
  state.record(kSuccess, at(milliseconds(11'300)));
  EXPECT_EQ(state.due(), at(seconds(21)));
}

TEST(ProbeState, ProbeThatTookLongerThanItsPeriodIsDueAtOnce) {
  ProbeState state(probe(0, 1, 1, 3), ProbeKind::Readiness, at(seconds(0)), 1.0);
  state.begin(at(seconds(0)));
  state.record(kFailure, at(seconds(7)));
  EXPECT_EQ(state.due(), at(seconds(7)));
}

TEST(ProbeState, ReadinessTellsEachChangeOnceAtItsThreshold) {
  ProbeState state(probe(0, 10, 2, 3), ProbeKind::Readiness, at(seconds(0)), 1.0);
  EXPECT_EQ(told(state, {kSuccess, kSuccess, kSuccess}), ".+.");
  EXPECT_EQ(told(state, {kFailure, kFailure, kSuccess, kFailure, kFailure, kFailure, kFailure}), ".....-.");
  EXPECT_EQ(told(state, {kSuccess, kFailure, kSuccess, kSuccess}), "...+");
}

TEST(ProbeState, LivenessFailureIsToldAgainAfterAsManyFailures) {
  ProbeState state(probe(0, 10, 1, 3), ProbeKind::Liveness, at(seconds(0)), 1.0);
  EXPECT_EQ(told(state, {kFailure, kFailure, kFailure, kFailure, kFailure, kFailure}), "..-..-");
  EXPECT_EQ(state.verdict(), false);
}

TEST(ProbeState, UnknownNeitherCountsNorInterrupts) {
  ProbeState state(probe(0, 10, 1, 3), ProbeKind::Liveness, at(seconds(0)), 1.0);
  EXPECT_EQ(told(state, {kFailure, kFailure, kUnknown, kUnknown, kFailure}), "....-");
}

TEST(ProbeState, ZeroPeriodAndThresholdsAreTakenAsOne) {
  ProbeState state(probe(-3, 0, 0, 0), ProbeKind::Readiness, at(seconds(0)), 1.0);
  EXPECT_EQ(state.due(), at(seconds(0)));
  EXPECT_EQ(told(state, {kFailure}), "-");
  EXPECT_EQ(state.due(), at(seconds(1)));
}

class Gate : public ::testing::Test {
 protected:
  void SetUp() override {
    container_.startup = probe(0, 1, 1, 30);
    container_.readiness = probe(0, 10, 1, 3);
    container_.liveness = probe(60, 10, 1, 3);
  }
  model::Container container_;
};

TEST_F(Gate, OnlyTheStartupProbeRunsUntilItSucceedsThenNeverAgain) {
  ContainerProbes probes(container_, at(seconds(0)), /*startup_passed=*/false, 1.0);
  EXPECT_EQ(take(probes, at(seconds(5))), ProbeKind::Startup);
  EXPECT_EQ(take(probes, at(seconds(5))), std::nullopt);  // in flight, and the others wait
  EXPECT_EQ(probes.next_due(), std::nullopt);
  EXPECT_EQ(probes.record(ProbeKind::Startup, kFailure, at(seconds(5))), std::nullopt);
  EXPECT_EQ(take(probes, at(seconds(6))), ProbeKind::Startup);
  EXPECT_EQ(probes.record(ProbeKind::Startup, kSuccess, at(seconds(6))), true);
  EXPECT_EQ(take(probes, at(seconds(6))), ProbeKind::Readiness);
  EXPECT_EQ(take(probes, at(seconds(6))), std::nullopt);
  EXPECT_EQ(probes.next_due(), at(seconds(60)));  // liveness, from the start of the container
  EXPECT_EQ(take(probes, at(seconds(60))), ProbeKind::Liveness);
}

TEST_F(Gate, StartupThatPassedBeforeARestartOfTheAgentIsNotRepeated) {
  ContainerProbes probes(container_, at(seconds(0)), /*startup_passed=*/true, 1.0);
  EXPECT_EQ(take(probes, at(seconds(61))), ProbeKind::Readiness);
  EXPECT_EQ(take(probes, at(seconds(61))), ProbeKind::Liveness);
  EXPECT_EQ(take(probes, at(seconds(61))), std::nullopt);
}

TEST_F(Gate, ReadinessAndLivenessAreCountedApart) {
  container_.startup.reset();
  ContainerProbes probes(container_, at(seconds(0)), false, 1.0);
  EXPECT_EQ(take(probes, at(seconds(60))), ProbeKind::Readiness);
  EXPECT_EQ(take(probes, at(seconds(60))), ProbeKind::Liveness);
  EXPECT_EQ(probes.record(ProbeKind::Liveness, kSuccess, at(seconds(60))), true);
  EXPECT_EQ(probes.verdict(ProbeKind::Readiness), std::nullopt);
  EXPECT_EQ(probes.verdict(ProbeKind::Liveness), true);
  EXPECT_EQ(probes.record(ProbeKind::Startup, kSuccess, at(seconds(60))), std::nullopt);  // there is none
}

}  // namespace
}  // namespace berth::agent
