// tests/contracts/runtime_contract.hpp - what every PodRuntime keeps, the fake and the real one.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// Reads until `wanted` is among it, or 20 s have passed.
inline std::string read_until(int fd, const std::string& wanted) {
  std::string text;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (text.find(wanted) == std::string::npos && std::chrono::steady_clock::now() < limit) {
    pollfd entry{fd, POLLIN, 0};
    ::poll(&entry, 1, 100);
    char buffer[4096];
    const auto count = ::read(fd, buffer, sizeof buffer);
    if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

/// Whether the descriptor comes to its end within 20 s; what it still says is thrown away.
inline bool ends(int fd) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < limit) {
    pollfd entry{fd, POLLIN, 0};
    ::poll(&entry, 1, 100);
    char buffer[4096];
    if (::read(fd, buffer, sizeof buffer) == 0) return true;
  }
  return false;
}

/// A PodRuntime, fresh for each test, with one image present whose shell is /bin/sh.
struct RuntimeSubject {
  std::shared_ptr<void> keep;  ///< Whatever has to outlive it, such as a temporary directory.
  std::unique_ptr<PodRuntime> runtime;
  std::string image;
  /// Makes the process of a container end with `code`: how, the maker of the subject knows.
  std::function<void(const std::string& id, std::int32_t code)> end;
  /// Makes somebody collect the output of containers, which is what attaching is about; empty: not needed.
  std::function<void()> collect;
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

  /// A container that repeats what it reads, and ends with its stdin.
  ContainerSpec repeater(const std::string& pod, bool stdin_once) const {
    auto spec = sleeper(pod);
    spec.command = {"/bin/sh", "-c", "exec cat"};
    spec.has_stdin = true;
    spec.stdin_once = stdin_once;
    return spec;
  }
  std::unique_ptr<ExecSession> attach(const ContainerSpec& spec, bool with_stdin) {
    if (subject_.collect) subject_.collect();
    AttachOptions options;
    options.has_stdin = with_stdin;
    auto session = runtime().attach(id_of(spec), options);
    EXPECT_TRUE(session.ok()) << (session.ok() ? "" : session.error().message());
    return session.ok() ? *std::move(session) : nullptr;
  }
  static void type(const ExecSession& session, const std::string& text) {
    ASSERT_EQ(::write(session.stdin_fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// What on_exit tells; -1 for an error, nothing within 20 s: nullopt.
  std::optional<std::int32_t> exit_of(ExecSession& session) {
    const auto told = std::make_shared<std::optional<std::int32_t>>();
    session.on_exit([this, told](const Result<std::int32_t>& code) {
      const std::scoped_lock lock(mutex_);
      *told = code.ok() ? *code : -1;
      told_.notify_all();
    });
    std::unique_lock lock(mutex_);
    told_.wait_for(lock, std::chrono::seconds(20), [&] { return told->has_value(); });
    return *told;
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

TEST_P(RuntimeContract, AskedToStopItGetsSIGTERM) {
  auto spec = sleeper("aaaaaaaaaac6");
  spec.command = {"/bin/sh", "-c", "trap 'exit 143' TERM; touch /trapped; until [ -s /code ]; do sleep 0.02; done"};
  EXPECT_TRUE(runtime().request_stop(id_of(spec)).ok()) << "what is not there has stopped";
  start(spec);
  while (runtime().exec(id_of(spec), {"/bin/ls", "/trapped"}, std::chrono::seconds(20))->exit_code != 0) continue;
  ASSERT_TRUE(runtime().request_stop(id_of(spec)).ok());
  ASSERT_TRUE(heard_of(spec.pod.uid));
  EXPECT_EQ(only(spec.pod.uid).exit_code, 143);
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

TEST_P(RuntimeContract, RemovingAPodLeavesNothingOfItAndMayBeRepeated) {
  const auto spec = sleeper("aaaaaaaaaa1e");
  auto second = spec;
  second.name = "second";
  start(spec);
  start(second);
  const auto here = [&] {
    const auto present = runtime().present_pods();
    EXPECT_TRUE(present.ok());
    return present.ok() && std::count(present->begin(), present->end(), spec.pod.uid) > 0;
  };
  EXPECT_TRUE(here());
  for (int i = 0; i < 2; ++i) {
    const auto removed = runtime().remove_pod(spec.pod.uid);
    EXPECT_TRUE(removed.ok()) << removed.error().message();
    EXPECT_FALSE(here());
  }
  const auto states = runtime().containers(spec.pod.uid);
  ASSERT_TRUE(states.ok());
  EXPECT_TRUE(states->empty());
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

/// As the host's root instead, it would have more than it asked for.
TEST_P(RuntimeContract, AUserNamespaceThatIsNotMadeIsRefusedAndLeavesNothing) {
  auto spec = sleeper("aaaaaaaaaab1");
  spec.host_users = false;
  const auto started = runtime().start(spec);
  ASSERT_TRUE(failed_with(started, ErrorCode::InvalidArgument));
  EXPECT_NE(started.error().message().find("hostUsers"), std::string::npos) << started.error().message();
  const auto states = runtime().containers(spec.pod.uid);
  ASSERT_TRUE(states.ok());
  EXPECT_TRUE(states->empty());
}

TEST_P(RuntimeContract, ExecInsideNothingIsNotFound) {
  const auto result = runtime().exec("no-such-container-0", {"/bin/sh"}, std::chrono::seconds(5));
  EXPECT_TRUE(failed_with(result, ErrorCode::NotFound));
}

TEST_P(RuntimeContract, AttachingToNothingIsNotFound) {
  EXPECT_TRUE(failed_with(runtime().attach("no-such-container-0", {}), ErrorCode::NotFound));
}

TEST_P(RuntimeContract, AttachingToWhatHasEndedIsRefused) {
  const auto spec = sleeper("aaaaaaaaaac0");
  start(spec);
  subject_.end(id_of(spec), 0);
  ASSERT_TRUE(heard_of(spec.pod.uid));
  EXPECT_TRUE(failed_with(runtime().attach(id_of(spec), {}), ErrorCode::FailedPrecondition));
}

TEST_P(RuntimeContract, WhatIsTypedComesBackAndTheEndOfStdinOnceIsTheEndOfStdin) {
  const auto spec = repeater("aaaaaaaaaac1", /*stdin_once=*/true);
  start(spec);
  const auto session = attach(spec, /*with_stdin=*/true);
  ASSERT_NE(session, nullptr);
  type(*session, "ping without a newline");
  EXPECT_EQ(read_until(session->stdout_fd(), "newline"), "ping without a newline");
  EXPECT_TRUE(session->close_stdin().ok());
  EXPECT_TRUE(ends(session->stdout_fd()));
  EXPECT_EQ(exit_of(*session), 0);
  ASSERT_TRUE(heard_of(spec.pod.uid));
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Exited);
}

TEST_P(RuntimeContract, ASessionThatGoesIsTheEndOfStdinOnce) {
  const auto spec = repeater("aaaaaaaaaac2", /*stdin_once=*/true);
  start(spec);
  attach(spec, /*with_stdin=*/false).reset();
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Running) << "it had no stdin to end";
  attach(spec, /*with_stdin=*/true).reset();
  ASSERT_TRUE(heard_of(spec.pod.uid));
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Exited);
}

TEST_P(RuntimeContract, WithoutStdinOnceTheNextSessionTypesOn) {
  const auto spec = repeater("aaaaaaaaaac3", /*stdin_once=*/false);
  start(spec);
  for (const auto* text : {"first\n", "second\n"}) {
    const auto session = attach(spec, /*with_stdin=*/true);
    ASSERT_NE(session, nullptr);
    type(*session, text);
    EXPECT_EQ(read_until(session->stdout_fd(), text), text);
    EXPECT_TRUE(session->close_stdin().ok());
    EXPECT_TRUE(ends(session->stdout_fd())) << "the end of its stdin ends the session";
    EXPECT_EQ(exit_of(*session), 0);
  }
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Running);
}

TEST_P(RuntimeContract, AStdinThatIsNotThereIsRefused) {
  const auto spec = sleeper("aaaaaaaaaac4");
  start(spec);
  AttachOptions options;
  options.has_stdin = true;
  EXPECT_TRUE(failed_with(runtime().attach(id_of(spec), options), ErrorCode::FailedPrecondition));
}

TEST_P(RuntimeContract, TheEndOfTheContainerEndsWhatIsAttached) {
  const auto spec = sleeper("aaaaaaaaaac5");
  start(spec);
  const auto session = attach(spec, /*with_stdin=*/false);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->stdin_fd(), -1);
  subject_.end(id_of(spec), 7);
  EXPECT_TRUE(ends(session->stdout_fd()));
  EXPECT_TRUE(ends(session->stderr_fd()));
  EXPECT_EQ(exit_of(*session), 7);
}

}  // namespace berth::runtime
