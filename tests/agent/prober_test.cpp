// tests/agent/prober_test.cpp - from a container's probes to verdicts on the loop.
#include "agent/probes/prober.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <set>
#include <vector>

#include "tests/agent/grpc_server.hpp"
#include "tests/agent/loopback_server.hpp"
#include "tests/fakes/fake_runtime.hpp"

namespace berth::agent {
namespace {

using std::chrono::seconds;

/// The host's time until the test moves it on.
class ShiftedClock final : public Clock {
 public:
  SteadyTime now() const override { return std::chrono::steady_clock::now() + shift_; }
  WallTime wall() const override { return std::chrono::system_clock::now() + shift_; }
  void advance(seconds by) { shift_ += by; }

 private:
  seconds shift_{0};
};

/// Jobs wait until the test runs them.
class HeldLane final : public Lane {
 public:
  void run(std::function<void()> job) override {
    jobs.push_back(std::move(job));
    if (on_job) on_job();
  }
  std::chrono::milliseconds oldest() const override { return {}; }
  void run_first() {
    auto job = std::move(jobs.front());
    jobs.erase(jobs.begin());
    job();
  }
  std::vector<std::function<void()>> jobs;
  std::function<void()> on_job;
};

class ProberTest : public ::testing::Test {
 protected:
  void SetUp() override {
    runtime_.add_image("i");
    prober_ = make_prober(
        loop_, *lane_, runtime_, clock_,
        [this](const ProbeVerdict& verdict) {
          verdicts_.push_back(verdict);
          loop_.stop();
        },
        [this](const ProbeVerdict& failure) {
          failures_.push_back(failure);
          if (stop_on_failure_) loop_.stop();
        });
  }

  /// A running container "u-<name>-0" with these probes to be set.
  ProbeTarget target(const std::string& name = "c") {
    runtime::ContainerSpec spec;
    spec.pod = {"u", "default", "p"};
    spec.name = name;
    spec.image = "i";
    EXPECT_TRUE(runtime_.start(spec).ok());
    ProbeTarget made;
    made.pod_uid = "u";
    made.container_id = runtime::container_id("u", name, 0);
    made.address = "127.0.0.1";
    made.container.name = name;
    made.started_at = clock_.wall();
    return made;
  }
  static model::Probe exec_probe() {
    model::Probe probe;
    probe.action = model::ExecAction{{"check"}};
    return probe;
  }
  static model::Probe http_probe(std::uint16_t port) {
    model::HttpGetAction action;
    action.port = std::to_string(port);
    model::Probe probe;
    probe.action = action;
    probe.timeout = seconds(10);
    return probe;
  }
  ShiftedClock clock_;
  runtime::FakeRuntime runtime_;
  Loop loop_;
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  std::vector<ProbeVerdict> verdicts_;
  std::vector<ProbeVerdict> failures_;
  bool stop_on_failure_ = false;
  std::unique_ptr<Prober> prober_;
};

TEST_F(ProberTest, HttpSuccessMakesReady) {
  const LoopbackServer server([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; });
  auto made = target();
  made.container.readiness = http_probe(server.port());
  prober_->watch(made);
  EXPECT_TRUE(prober_->watching(made.container_id));
  loop_.run();
  ASSERT_EQ(verdicts_.size(), 1U);
  EXPECT_EQ(verdicts_[0].container_id, made.container_id);
  EXPECT_EQ(verdicts_[0].pod_uid, "u");
  EXPECT_EQ(verdicts_[0].kind, ProbeKind::Readiness);
  EXPECT_TRUE(verdicts_[0].success);
}

TEST_F(ProberTest, ExecFailureIsToldWithItsOutput) {
  runtime_.on_exec([](const auto&, const auto&) -> Result<runtime::ExecResult> {
    return runtime::ExecResult{1, "replica set not initialised"};
  });
  auto made = target();
  made.container.liveness = exec_probe();
  made.container.liveness->failure_threshold = 1;
  prober_->watch(made);
  loop_.run();
  ASSERT_EQ(verdicts_.size(), 1U);
  EXPECT_EQ(verdicts_[0].kind, ProbeKind::Liveness);
  EXPECT_FALSE(verdicts_[0].success);
  EXPECT_EQ(verdicts_[0].message, "replica set not initialised");
  EXPECT_EQ(failures_.size(), 1U);
}

TEST_F(ProberTest, ReadinessWaitsForStartup) {
  auto made = target();
  std::vector<std::string> commands;
  runtime_.on_exec([&](const auto&, const auto& command) -> Result<runtime::ExecResult> {
    commands.push_back(command.at(0));
    return runtime::ExecResult{0, ""};
  });
  made.container.startup = exec_probe();
  made.container.startup->action = model::ExecAction{{"started?"}};
  made.container.readiness = exec_probe();
  prober_->watch(made);
  loop_.run();
  ASSERT_EQ(verdicts_.size(), 1U);
  EXPECT_EQ(verdicts_[0].kind, ProbeKind::Startup);
  loop_.run();
  ASSERT_EQ(verdicts_.size(), 2U);
  EXPECT_EQ(verdicts_[1].kind, ProbeKind::Readiness);
  EXPECT_EQ(commands, (std::vector<std::string>{"started?", "check"}));
}

TEST_F(ProberTest, ContainerThatStartedLongAgoIsProbedAtOnceInSpiteOfItsInitialDelay) {
  auto made = target();
  made.container.readiness = exec_probe();
  made.container.readiness->initial_delay = seconds(3600);
  clock_.advance(seconds(3600));
  prober_->watch(made);
  loop_.run();
  EXPECT_EQ(verdicts_.size(), 1U);
}

TEST_F(ProberTest, ContainerdAwayIsReportedAndCountsForNothing) {
  stop_on_failure_ = true;
  runtime_.fail_next("exec", Error(ErrorCode::Unavailable, "containerd is away"));
  auto made = target();
  made.container.liveness = exec_probe();
  made.container.liveness->failure_threshold = 1;
  prober_->watch(made);
  loop_.run();
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_NE(failures_[0].message.find("containerd is away"), std::string::npos);
  EXPECT_TRUE(verdicts_.empty());
}

TEST_F(ProberTest, PortThatHasNoNameIsReportedAndCountsForNothing) {
  stop_on_failure_ = true;
  auto made = target();
  made.container.readiness = http_probe(0);
  std::get<model::HttpGetAction>(made.container.readiness->action).port = "absent";
  prober_->watch(made);
  loop_.run();
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_NE(failures_[0].message.find("absent"), std::string::npos);
  EXPECT_TRUE(verdicts_.empty());
}

TEST_F(ProberTest, ResultOfAForgottenContainerIsDropped) {
  auto made = target("old");
  made.container.readiness = exec_probe();
  runtime_.on_exec([this](const std::string& id, const auto&) -> Result<runtime::ExecResult> {
    loop_.post([this, id] { prober_->forget(id); });  // before its result arrives
    return runtime::ExecResult{0, ""};
  });
  prober_->watch(made);
  const LoopbackServer server([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; });
  auto other = target("new");
  other.container.readiness = http_probe(server.port());
  other.container.readiness->initial_delay = seconds(1);
  prober_->watch(other);
  clock_.advance(seconds(1));
  loop_.run();
  // The other's verdict may come before the command was even run.
  const auto deadline = std::chrono::steady_clock::now() + seconds(30);
  while (prober_->watching(made.container_id) && std::chrono::steady_clock::now() < deadline) loop_.poll();
  loop_.poll();
  ASSERT_EQ(verdicts_.size(), 1U);
  EXPECT_EQ(verdicts_[0].container_id, other.container_id);
  EXPECT_FALSE(prober_->watching(made.container_id));
}

TEST_F(ProberTest, AHostByNameIsLookedUpAndItsSilenceKeepsNoThread) {
  const LoopbackServer server([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; });
  auto well = target("well");
  well.container.readiness = http_probe(server.port());
  std::get<model::HttpGetAction>(well.container.readiness->action).host = "localhost";
  prober_->watch(well);
  loop_.run();
  ASSERT_EQ(verdicts_.size(), 1U);
  EXPECT_TRUE(verdicts_[0].success);
  EXPECT_NE(server.requests().at(0).find("\r\nHost: localhost:"), std::string::npos);

  // It says nothing: for an hour, if its end were waited for.
  const LoopbackListener silent([this](int client) {
    loop_.stop();
    std::array<char, 1024> buffer;
    while (::recv(client, buffer.data(), buffer.size(), 0) > 0) {
    }
  });
  auto hangs = target("hangs");
  hangs.container.readiness = http_probe(silent.port());
  hangs.container.readiness->timeout = std::chrono::hours(1);
  std::get<model::HttpGetAction>(hangs.container.readiness->action).host = "localhost";
  prober_->watch(hangs);
  loop_.run();
  prober_.reset();
}

TEST_F(ProberTest, GrpcServingMakesReadyAndItsEndUnready) {
  auto made = target();
  model::GrpcAction action;
  model::Probe probe;
  {
    const GrpcServer server("/grpc.health.v1.Health/Check", "\x08\x01");
    action.port = server.port();
    probe.action = action;
    probe.timeout = seconds(10);
    probe.failure_threshold = 1;
    made.container.readiness = probe;
    prober_->watch(made);
    loop_.run();
    ASSERT_EQ(verdicts_.size(), 1U);
    EXPECT_TRUE(verdicts_[0].success);
  }
  clock_.advance(seconds(60));
  // The timer was set by the time before: a new watch sets it again.
  prober_->watch(target("other"));
  loop_.run();
  ASSERT_EQ(verdicts_.size(), 2U);
  EXPECT_FALSE(verdicts_[1].success);
  EXPECT_NE(verdicts_[1].message.find("refused"), std::string::npos) << verdicts_[1].message;
}

/// One that hangs for ever is no reason for another kind to wait: the limits are apart.
TEST_F(ProberTest, SlowExecProbesStopNoNetworkProbe) {
  auto held = std::make_unique<HeldLane>();
  auto* const lane = held.get();
  lane_ = std::move(held);
  SetUp();
  for (int i = 0; i < 20; ++i) {
    auto slow = target("slow" + std::to_string(i));
    slow.container.readiness = exec_probe();
    prober_->watch(slow);
  }
  lane->on_job = [&] {
    if (lane->jobs.size() == 16) loop_.stop();
  };
  loop_.run();
  const LoopbackServer server([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; });
  auto well = target("well");
  well.container.readiness = http_probe(server.port());
  prober_->watch(well);
  loop_.run();
  ASSERT_EQ(verdicts_.size(), 1U);
  EXPECT_EQ(verdicts_[0].container_id, well.container_id);
  EXPECT_EQ(lane->jobs.size(), 16U);
}

/// In the order of their names the last ones would wait for ever while the first are due again.
TEST_F(ProberTest, WhatIsDueTheLongestComesFirst) {
  auto held = std::make_unique<HeldLane>();
  auto* const lane = held.get();
  lane_ = std::move(held);
  SetUp();
  std::set<std::string> probed;
  runtime_.on_exec([&](const std::string& id, const auto&) -> Result<runtime::ExecResult> {
    probed.insert(id);
    return runtime::ExecResult{1, "no"};
  });
  for (int i = 0; i < 24; ++i) {
    auto slow = target("slow" + std::to_string(i));
    slow.container.readiness = exec_probe();
    prober_->watch(slow);
  }
  std::size_t wanted = 16;
  lane->on_job = [&] {
    if (lane->jobs.size() >= wanted) loop_.stop();
  };
  loop_.run();
  stop_on_failure_ = true;
  for (int round = 0; round < 24; ++round) {
    wanted = 17;  // not yet
    lane->run_first();
    loop_.run();                  // its failure is told
    clock_.advance(seconds(60));  // those that were probed are due again
    wanted = 16;
    if (lane->jobs.size() < wanted) loop_.run();
  }
  EXPECT_EQ(probed.size(), 24U);
}

TEST_F(ProberTest, SilentPodDoesNotDelayAnother) {
  const LoopbackServer silent;
  const LoopbackServer server([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; });
  auto stuck = target("stuck");
  stuck.container.readiness = http_probe(silent.port());
  stuck.container.readiness->timeout = seconds(3600);
  prober_->watch(stuck);
  auto well = target("well");
  well.container.readiness = http_probe(server.port());
  prober_->watch(well);
  loop_.run();
  ASSERT_EQ(verdicts_.size(), 1U);
  EXPECT_EQ(verdicts_[0].container_id, well.container_id);
}

}  // namespace
}  // namespace berth::agent
