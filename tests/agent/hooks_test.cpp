// tests/agent/hooks_test.cpp - lifecycle hooks: any number at once, no thread waits, every kind ends as it should.
#include "agent/pods/hooks.hpp"

#include <gtest/gtest.h>

#include "tests/agent/loopback_server.hpp"
#include "tests/fakes/fake_runtime.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;

/// Counts the jobs that it is given: each hook may have one, and none may wait in it.
class CountingLane final : public Lane {
 public:
  void run(std::function<void()> job) override {
    ++jobs;
    job();
  }
  milliseconds oldest() const override { return milliseconds(0); }
  int jobs = 0;
};

class HooksTest : public testing::Test {
 protected:
  HooksTest() {
    runtime::ContainerSpec spec;
    spec.pod = {"u", "default", "p"};
    spec.name = "c";
    spec.image = "i";
    runtime.add_image("i");
    EXPECT_TRUE(runtime.start(spec).ok());
  }

  HookCall call(model::HookAction action, std::optional<milliseconds> deadline = {}) {
    HookCall call;
    call.container_id = id;
    call.action = std::move(action);
    call.pod_ip = "127.0.0.1";
    call.ports = ports;
    call.deadline = deadline;
    call.began = [this] { ++began; };
    call.ended = [this](const Status& status) { ends.push_back(status); };
    return call;
  }
  /// Runs the loop until `count` hooks have ended.
  void await(std::size_t count) {
    ends_wanted = count;
    watch();
    loop.run();
  }
  void watch() {
    if (ends.size() >= ends_wanted) return loop.stop();
    loop.post([this] { watch(); });
  }
  void poll() {
    while (loop.poll() > 0) {
    }
  }
  Status only() {
    await(1);
    return ends.at(0);
  }

  Loop loop;
  CountingLane lane;
  runtime::FakeRuntime runtime;
  const std::string id = runtime::container_id("u", "c", 0);
  std::unique_ptr<Hooks> hooks = make_hooks(loop, lane, runtime);
  std::vector<model::ContainerPort> ports;
  int began = 0;
  std::vector<Status> ends;
  std::size_t ends_wanted = 0;
};

TEST_F(HooksTest, ACommandSucceedsWithZeroAndFailsWithItsOutput) {
  runtime.on_exec([](const auto&, const auto& command) -> Result<runtime::ExecResult> {
    return runtime::ExecResult{command.at(0) == "ok" ? 0 : 3, "no such db"};
  });
  hooks->begin(call(model::ExecAction{{"ok"}}));
  hooks->begin(call(model::ExecAction{{"bad"}}));
  EXPECT_TRUE(ends.empty()) << "never from within begin()";
  await(2);
  EXPECT_EQ(began, 2);
  EXPECT_TRUE(ends[0].ok());
  ASSERT_TRUE(failed_with(ends[1], ErrorCode::Unknown));
  EXPECT_EQ(ends[1].error().message(), "exec hook: exit code 3: no such db");
}

TEST_F(HooksTest, AHundredCommandsRunAtOnceAndNoThreadWaitsForThem) {
  runtime.hold_execs();
  for (int i = 0; i < 100; ++i) hooks->begin(call(model::ExecAction{{"drain"}}));
  poll();
  EXPECT_EQ(lane.jobs, 100) << "each of them is over: the lane runs inline";
  EXPECT_EQ(runtime.execs(), 100U);
  EXPECT_EQ(began, 100);
  EXPECT_TRUE(ends.empty());
  runtime.finish_execs();
  await(100);
}

TEST_F(HooksTest, ACommandThatTakesTooLongIsEnded) {
  runtime.hold_execs();
  hooks->begin(call(model::ExecAction{{"hang"}}, milliseconds(20)));
  EXPECT_TRUE(failed_with(only(), ErrorCode::DeadlineExceeded));
  EXPECT_EQ(runtime.execs(), 0U);
}

TEST_F(HooksTest, OneThatCannotBeBegunEndsWithoutHavingBegun) {
  runtime.fail_next("exec_stream", {ErrorCode::Unavailable, "containerd is away"});
  hooks->begin(call(model::ExecAction{{"ok"}}));
  EXPECT_TRUE(failed_with(only(), ErrorCode::Unavailable));
  EXPECT_EQ(began, 0);
}

TEST_F(HooksTest, TheHooksOfAnEndedContainerAreDroppedInSilence) {
  runtime.hold_execs();
  hooks->begin(call(model::ExecAction{{"hang"}}));
  hooks->begin(call(model::SleepAction{std::chrono::seconds(3600)}));
  poll();
  hooks->drop("another");
  EXPECT_EQ(runtime.execs(), 1U);
  hooks->drop(id);
  EXPECT_EQ(runtime.execs(), 0U);
  runtime.finish_execs();
  poll();
  EXPECT_TRUE(ends.empty());
}

TEST_F(HooksTest, HttpGetUsesThePodsAddressAndNamedPorts) {
  const LoopbackServer server([](const std::string& request) {
    return request.find("GET /stop ") == 0 ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 500 No\r\n\r\n";
  });
  ports.resize(1);
  ports[0].name = "admin";
  ports[0].container_port = server.port();
  model::HttpGetAction action;
  action.port = "admin";
  action.path = "stop";
  hooks->begin(call(action));
  await(1);
  action.path = "/other";
  hooks->begin(call(action));
  await(2);
  action.port = "absent";
  hooks->begin(call(action));
  await(3);
  EXPECT_TRUE(ends[0].ok()) << (ends[0] ? "" : ends[0].error().message());
  EXPECT_TRUE(failed_with(ends[1], ErrorCode::Unknown));
  EXPECT_TRUE(failed_with(ends[2], ErrorCode::InvalidArgument));
  EXPECT_EQ(began, 2);
  EXPECT_EQ(lane.jobs, 0);
}

TEST_F(HooksTest, ASilentServerIsDeadlineExceeded) {
  const LoopbackServer silent;
  model::HttpGetAction action;
  action.port = std::to_string(silent.port());
  hooks->begin(call(action, milliseconds(50)));
  EXPECT_TRUE(failed_with(only(), ErrorCode::DeadlineExceeded));
}

TEST_F(HooksTest, APauseIsATimerAndIsCutAtTheDeadline) {
  hooks->begin(call(model::SleepAction{std::chrono::seconds(0)}, milliseconds(0)));
  await(1);
  EXPECT_TRUE(ends[0].ok());
  hooks->begin(call(model::SleepAction{std::chrono::seconds::max()}, milliseconds(0)));
  await(2);
  EXPECT_TRUE(failed_with(ends[1], ErrorCode::DeadlineExceeded));
  EXPECT_EQ(lane.jobs, 0);
}

}  // namespace
}  // namespace berth::agent
