// tests/contracts/runtime_contract.hpp - what every PodRuntime keeps, the fake and the real one.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// A PodRuntime, fresh for each test, with one image present whose shell is /bin/sh.
struct RuntimeSubject {
  std::shared_ptr<void> keep;  ///< Whatever has to outlive it, such as a temporary directory.
  std::unique_ptr<PodRuntime> runtime;
  std::string image;
  /// Makes the process of a container end with `code`: how, the maker of the subject knows.
  std::function<void(const std::string& id, std::int32_t code)> end;
  std::string skip;  ///< Not empty: why this subject cannot be had here.
};
using MakeRuntime = std::function<RuntimeSubject()>;

class RuntimeContract : public ::testing::TestWithParam<MakeRuntime> {
 protected:
  void SetUp() override {
    subject_ = GetParam()();
    if (!subject_.skip.empty()) GTEST_SKIP() << subject_.skip;
    ASSERT_NE(subject_.runtime, nullptr);
    runtime().subscribe(
        [this](const std::string& uid) {
          const std::scoped_lock lock(mutex_);
          changed_.insert(uid);
          told_.notify_all();
        },
        [this] {
          const std::scoped_lock lock(mutex_);
          ++connected_;
          told_.notify_all();
        });
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(told_.wait_for(lock, std::chrono::seconds(20), [this] { return connected_ > 0; }));
  }
  void TearDown() override {
    if (!subject_.runtime) return;
    const auto left = runtime().all_containers();
    if (!left) return;
    for (const auto& container : *left) {
      const auto removed = runtime().remove(container.id);
      EXPECT_TRUE(removed.ok()) << removed.error().message();
    }
  }

  PodRuntime& runtime() { return *subject_.runtime; }

  /// A container that runs until it is killed.
  ContainerSpec sleeper(const std::string& pod, std::uint32_t attempt = 0) const {
    ContainerSpec spec;
    spec.pod = {"0c7e1a6b-1111-4222-8333-" + pod, "default", pod};
    spec.name = "main";
    spec.attempt = attempt;
    spec.image = subject_.image;
    // Ends with the number that somebody writes to /code.
    spec.command = {"/bin/sh", "-c", "until [ -s /code ]; do sleep 0.02; done; read code < /code; exit $code"};
    spec.hostname = pod;
    spec.qos_class = "BestEffort";
    return spec;
  }
  static std::string id_of(const ContainerSpec& spec) { return container_id(spec.pod.uid, spec.name, spec.attempt); }

  /// The one container of that pod; fails the test when there is another number of them.
  ContainerState only(const std::string& uid) {
    const auto states = runtime().containers(uid);
    EXPECT_TRUE(states.ok()) << (states.ok() ? "" : states.error().message());
    if (!states || states->size() != 1) {
      ADD_FAILURE() << "expected one container of " << uid;
      return {};
    }
    return states->front();
  }
  /// Waits until somebody said that this pod changed.
  bool heard_of(const std::string& uid) {
    std::unique_lock lock(mutex_);
    return told_.wait_for(lock, std::chrono::seconds(20), [&] { return changed_.contains(uid); });
  }
  void start(const ContainerSpec& spec) {
    const auto started = runtime().start(spec);
    ASSERT_TRUE(started.ok()) << started.error().message();
  }

  RuntimeSubject subject_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::set<std::string> changed_;
  int connected_ = 0;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RuntimeContract);

TEST_P(RuntimeContract, IsReady) {
  const auto ready = runtime().check();
  EXPECT_TRUE(ready.ok()) << ready.error().message();
}

TEST_P(RuntimeContract, AStartedContainerRunsAndSaysWhoseItIs) {
  const auto spec = sleeper("aaaaaaaaaaa1", 3);
  start(spec);
  const auto state = only(spec.pod.uid);
  EXPECT_EQ(state.id, id_of(spec));
  EXPECT_EQ(state.phase, ContainerPhase::Running);
  EXPECT_EQ(state.pod.uid, spec.pod.uid);
  EXPECT_EQ(state.pod.name, spec.pod.name);
  EXPECT_EQ(state.pod.ns, "default");
  EXPECT_EQ(state.name, "main");
  EXPECT_EQ(state.attempt, 3U);
  EXPECT_EQ(state.image, subject_.image);
  EXPECT_FALSE(state.image_id.empty());
  EXPECT_GT(state.pid, 0U);
  EXPECT_NE(state.started_at, WallTime{});
}

TEST_P(RuntimeContract, StartingTwiceLeavesOneProcess) {
  const auto spec = sleeper("aaaaaaaaaaa2");
  start(spec);
  const auto before = only(spec.pod.uid).pid;
  start(spec);
  EXPECT_EQ(only(spec.pod.uid).pid, before);
}

TEST_P(RuntimeContract, AnExitIsToldAndItsCodeIsKept) {
  const auto spec = sleeper("aaaaaaaaaaa3");
  start(spec);
  subject_.end(id_of(spec), 42);
  ASSERT_TRUE(heard_of(spec.pod.uid));
  const auto state = only(spec.pod.uid);
  EXPECT_EQ(state.phase, ContainerPhase::Exited);
  EXPECT_EQ(state.exit_code, 42);
  EXPECT_GE(state.finished_at, state.started_at);
}

TEST_P(RuntimeContract, StartingWhatHasEndedDoesNotRunItAgain) {
  const auto spec = sleeper("aaaaaaaaaaa4");
  start(spec);
  subject_.end(id_of(spec), 7);
  ASSERT_TRUE(heard_of(spec.pod.uid));
  start(spec);
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Exited);
}

TEST_P(RuntimeContract, AKillSignalEndsTheProcess) {
  const auto spec = sleeper("aaaaaaaaaaa5");
  start(spec);
  ASSERT_TRUE(runtime().kill(id_of(spec), SIGKILL).ok());
  ASSERT_TRUE(heard_of(spec.pod.uid));
  EXPECT_EQ(only(spec.pod.uid).exit_code, 137);
}

TEST_P(RuntimeContract, KillingWhatDoesNotRunSucceeds) {
  const auto spec = sleeper("aaaaaaaaaaa6");
  EXPECT_TRUE(runtime().kill(id_of(spec), SIGTERM).ok());
  start(spec);
  subject_.end(id_of(spec), 0);
  ASSERT_TRUE(heard_of(spec.pod.uid));
  const auto killed = runtime().kill(id_of(spec), SIGTERM);
  EXPECT_TRUE(killed.ok()) << killed.error().message();
}

TEST_P(RuntimeContract, RemovingTakesARunningContainerAwayAndMayBeRepeated) {
  const auto spec = sleeper("aaaaaaaaaaa7");
  start(spec);
  const auto removed = runtime().remove(id_of(spec));
  EXPECT_TRUE(removed.ok()) << removed.error().message();
  const auto states = runtime().containers(spec.pod.uid);
  ASSERT_TRUE(states.ok());
  EXPECT_TRUE(states->empty());
  EXPECT_TRUE(runtime().remove(id_of(spec)).ok());
}

TEST_P(RuntimeContract, AttemptsLiveSideBySideOldestFirst) {
  const auto first = sleeper("aaaaaaaaaaa8", 0);
  const auto second = sleeper("aaaaaaaaaaa8", 1);
  start(first);
  subject_.end(id_of(first), 1);
  ASSERT_TRUE(heard_of(first.pod.uid));
  start(second);
  const auto states = runtime().containers(first.pod.uid);
  ASSERT_TRUE(states.ok());
  ASSERT_EQ(states->size(), 2U);
  EXPECT_EQ(states->at(0).phase, ContainerPhase::Exited);
  EXPECT_EQ(states->at(1).phase, ContainerPhase::Running);
  const auto all = runtime().all_containers();
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->size(), 2U);
}

TEST_P(RuntimeContract, AMissingImageIsNotFound) {
  auto spec = sleeper("aaaaaaaaaaa9");
  spec.image = "example.test/nobody/has-this:1";
  EXPECT_TRUE(failed_with(runtime().image(spec.image), ErrorCode::NotFound));
  EXPECT_TRUE(failed_with(runtime().start(spec), ErrorCode::NotFound));
  const auto states = runtime().containers(spec.pod.uid);
  ASSERT_TRUE(states.ok());
  EXPECT_TRUE(states->empty());
}

TEST_P(RuntimeContract, APresentImageIsDescribed) {
  const auto image = runtime().image(subject_.image);
  ASSERT_TRUE(image.ok()) << image.error().message();
  EXPECT_EQ(image->digest.substr(0, 7), "sha256:");
}

TEST_P(RuntimeContract, RunAsNonRootRefusesARootImageAndLeavesNothing) {
  auto spec = sleeper("aaaaaaaaaab0");
  spec.security.run_as_non_root = true;
  const auto started = runtime().start(spec);
  ASSERT_TRUE(failed_with(started, ErrorCode::InvalidArgument));
  EXPECT_NE(started.error().message().find("runAsNonRoot"), std::string::npos) << started.error().message();
  const auto states = runtime().containers(spec.pod.uid);
  ASSERT_TRUE(states.ok());
  EXPECT_TRUE(states->empty());
}

TEST_P(RuntimeContract, ExecInsideNothingIsNotFound) {
  const auto result = runtime().exec("no-such-container-0", {"/bin/sh"}, std::chrono::seconds(5));
  EXPECT_TRUE(failed_with(result, ErrorCode::NotFound));
}

}  // namespace berth::runtime
