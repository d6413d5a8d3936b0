// tests/agent/health_test.cpp - a containerd that hangs is found by asking it, also where no pod does.
#include "agent/health.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_runtime.hpp"

namespace berth::agent {
namespace {

using testing::ElementsAre;

struct HealthTest : testing::Test {
  Loop loop;
  std::unique_ptr<Lane> lane = make_inline_lane();
  runtime::FakeRuntime runtime;
  ObjectCache cache;
  std::vector<std::string> errors;  ///< Each time that containerd was asked.
  int backs = 0;
  Health health{loop,
                *lane,
                runtime,
                cache,
                "here",
                {},
                [this](const std::string& error, const std::string& /*version*/) { errors.push_back(error); },
                [this] { ++backs; },
                {.usable = std::chrono::milliseconds(1), .unusable = std::chrono::milliseconds(1)}};

  /// Until it was asked so often.
  void ask(std::size_t times) {
    while (errors.size() < times) loop.poll();
  }
};

TEST_F(HealthTest, AUsableContainerdIsAskedAgainAndFoundHangingWithoutAnyPod) {
  health.check_runtime();
  ask(2);
  EXPECT_TRUE(health.state().ok());
  runtime.fail_next("check", Error(ErrorCode::DeadlineExceeded, "container runtime is down: silent"));
  const auto before = errors.size();
  ask(before + 1);
  EXPECT_EQ(errors.back(), "container runtime is down: silent");
  EXPECT_EQ(health.state().error().message(), "container runtime is down: silent");
  EXPECT_EQ(backs, 0) << "the first answer ends nothing";
}

TEST_F(HealthTest, WhenItGoesOnEverythingIsLookedAtOnce) {
  runtime.fail_next("check", Error(ErrorCode::DeadlineExceeded, "silent"));
  runtime.fail_next("check", Error(ErrorCode::Unavailable, "connection refused"));
  health.check_runtime();
  ask(4);
  EXPECT_THAT(errors, ElementsAre("silent", "connection refused", "", ""));
  EXPECT_EQ(backs, 1);
  EXPECT_TRUE(health.state().ok());
}

}  // namespace
}  // namespace berth::agent
