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
  std::vector<std::string> errors;                      ///< Each time that containerd was asked.
  std::vector<std::vector<model::HostProblem>> silent;  ///< Each time that it was news.
  int backs = 0;
  Health health{loop,
                *lane,
                runtime,
                cache,
                "here",
                {},
                [this](const std::string& error, const std::string& /*version*/) { errors.push_back(error); },
                [this](const auto& pods) { silent.push_back(pods); },
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

TEST_F(HealthTest, APodWhoseShimIsSilentWhileContainerdAnswersIsNamedOnceAndTakenBack) {
  const auto pod = model::make_object(parse_json(R"({"apiVersion": "v1", "kind": "Pod",
      "metadata": {"namespace": "default", "name": "web-0", "uid": "u-1"},
      "spec": {"nodeName": "here", "containers": [{"name": "main", "image": "web"}]}})")
                                          ->as_object());
  cache.apply({store::ChangeType::Added, std::make_shared<const model::Object>(*pod), nullptr, 1});
  health.check_runtime();
  ask(2);
  EXPECT_TRUE(silent.empty()) << "nothing is no news";
  const WallTime since(std::chrono::seconds(1'795'000'000));
  runtime.set_silent_shims({{"u-1", since}, {"u-2", since}});
  ask(errors.size() + 3);
  ASSERT_EQ(silent.size(), 1U) << "each look said it";
  ASSERT_EQ(silent[0].size(), 2U);
  EXPECT_EQ(silent[0][0].subject, "Pod default/web-0");
  EXPECT_EQ(silent[0][0].since, since);
  EXPECT_EQ(silent[0][1].subject, "pod u-2") << "one without an object";
  EXPECT_TRUE(health.state().ok()) << "containerd is usable";
  EXPECT_EQ(errors.back(), "");
  runtime.set_silent_shims({});
  ask(errors.size() + 2);
  ASSERT_EQ(silent.size(), 2U);
  EXPECT_TRUE(silent.back().empty());
}

}  // namespace
}  // namespace berth::agent
