// tests/volumes/job_runner_test.cpp - children that answer, fail, hang, wait for each other and are no longer wanted.
#include "volumes/job_runner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <future>
#include <mutex>

#include "tests/temp_dir.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using Answer = Result<json::object>;

constexpr std::chrono::seconds kLong{30};

/// In the place of berth-volume: does what the job's verb says. A job that holds writes its pid into the FIFO
/// started.<id>, and goes on when it has read from release.<id>.
constexpr auto kProgram = R"sh(#!/bin/sh
job=$(cat)
id=$(printf %s "$job" | sed 's/.*"id":"\([^"]*\)".*/\1/')
dir=$(dirname "$0")
case $job in
*answer*) echo noise; echo '{"doing":"work","seconds":5}'; echo '{"result":{"path":"/x"}}' ;;
*fail*) echo '{"error":{"code":"NotFound","message":"no such export"}}' ;;
*crash*) echo 'out of cheese' >&2; exit 3 ;;
*hold*) echo '{"doing":"mount it","seconds":20}'; echo $$ >"$dir/started.$id"
  read -r word <"$dir/release.$id"; echo '{"result":{}}' ;;
esac
)sh";

class Runner : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto program = dir_.path() / "program";
    std::ofstream(program) << kProgram;
    fs::permissions(program, fs::perms::owner_all);
  }
  void make(JobLimits limits = {}) { runner_ = std::make_unique<JobRunner>(dir_.path() / "program", limits); }

  static VolumeJob job(const std::string& id, const std::string& verb, const std::string& peer = "server 10.0.0.5") {
    return {.id = id, .serial = id, .peer = peer, .name = "data-db-0", .document = {{"verb", verb}, {"id", id}}};
  }
  /// Starts a job; its answer comes by the future.
  std::future<Answer> start(VolumeJob job, JobRunner::Notice notice = {}) {
    auto promise = std::make_shared<std::promise<Answer>>();
    auto future = promise->get_future();
    for (const auto* fifo : {"started.", "release."}) ::mkfifo((dir_.path() / (fifo + job.id)).c_str(), 0600);
    EXPECT_TRUE(runner_->start(
        std::move(job), [promise](const Answer& answer) { promise->set_value(answer); }, std::move(notice)));
    return future;
  }
  static Answer get(std::future<Answer>& future) {
    if (future.wait_for(kLong) != std::future_status::ready) return Error(ErrorCode::Internal, "never answered");
    return future.get();
  }
  static Answer get(std::future<Answer>&& future) { return get(future); }

  /// Waits until it has started, by opening its FIFO.
  pid_t await_start(const std::string& id) const {
    pid_t pid = 0;
    std::ifstream(dir_.path() / ("started." + id)) >> pid;
    return pid;
  }
  void release(const std::string& id) const { std::ofstream(dir_.path() / ("release." + id)) << "x\n"; }

  TempDir dir_;
  std::unique_ptr<JobRunner> runner_;
};

TEST_F(Runner, TheAnswerIsTheResultOrTheErrorWithItsCode) {
  make();
  const auto answer = get(start(job("a", "answer")));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->at("path"), "/x");
  const auto failed = get(start(job("b", "fail")));
  ASSERT_TRUE(failed_with(failed, ErrorCode::NotFound));
  EXPECT_EQ(failed.error().message(), "no such export");
  EXPECT_FALSE(runner_->busy("a"));
  EXPECT_EQ(runner_->waits_for("a"), "");
}

TEST_F(Runner, AChildThatEndsWithoutAnAnswerIsUnavailableWithItsLastWords) {
  make();
  const auto answer = get(start(job("a", "crash")));
  ASSERT_TRUE(failed_with(answer, ErrorCode::Unavailable));
  EXPECT_THAT(answer.error().message(), AllOf(HasSubstr("data-db-0"), HasSubstr("ended with 3"), HasSubstr("cheese")));
}

TEST_F(Runner, AProgramThatIsNotThereIsToldOfEveryJob) {
  runner_ = std::make_unique<JobRunner>(dir_.path() / "absent");
  EXPECT_TRUE(failed_with(get(start(job("a", "answer"))), ErrorCode::NotFound));
}

TEST_F(Runner, AJobOfTheSameIdIsNotTakenTwice) {
  make();
  auto first = start(job("a", "hold"));
  await_start("a");
  EXPECT_FALSE(runner_->start(job("a", "answer"), [](const Answer&) { ADD_FAILURE() << "called"; }));
  release("a");
  EXPECT_TRUE(get(first));
}

TEST_F(Runner, AChildThatTakesTooLongIsKilledAndTheSilentOneNamed) {
  make({.first_step = milliseconds(1), .slow = milliseconds(0)});
  const auto late = get(start(job("a", "hold")));
  ASSERT_TRUE(failed_with(late, ErrorCode::DeadlineExceeded)) << late.error().message();
  EXPECT_THAT(late.error().message(), HasSubstr("data-db-0: server 10.0.0.5 silent for"));
}

TEST_F(Runner, ASilentPeerHoldsUpOnlyItsOwnJobs) {
  make({.per_peer = 2});
  auto first = start(job("a", "hold"));
  auto second = start(job("b", "hold"));
  auto third = start(job("c", "hold"));
  await_start("a");
  await_start("b");
  EXPECT_TRUE(get(start(job("d", "answer", "server 10.0.0.6"))));
  EXPECT_THAT(runner_->waits_for("c"), HasSubstr("waits for server 10.0.0.5"));
  EXPECT_THAT(runner_->waits_for("a"), HasSubstr("mount it"));
  release("a");
  EXPECT_TRUE(get(first));
  await_start("c");
  release("b");
  release("c");
  EXPECT_TRUE(get(second));
  EXPECT_TRUE(get(third));
}

TEST_F(Runner, JobsOfOneDeviceRunOneAfterTheOther) {
  make();
  auto one = job("a", "hold");
  auto other = job("b", "answer", "server 10.0.0.6");
  one.serial = other.serial = "local-1";
  auto first = start(one);
  await_start("a");
  auto second = start(other);
  EXPECT_TRUE(get(start(job("c", "answer", "server 10.0.0.6"))));  // Begun later, and done.
  EXPECT_TRUE(runner_->busy("b"));
  release("a");
  EXPECT_TRUE(get(first));
  EXPECT_TRUE(get(second));
}

TEST_F(Runner, WhatIsNoLongerWantedIsTakenBackWaitingOrRunning) {
  make({.per_peer = 1});
  auto running = start(job("a", "hold"));
  auto waiting = start(job("b", "hold"));
  const auto pid = await_start("a");
  runner_->cancel("b");
  EXPECT_TRUE(failed_with(get(waiting), ErrorCode::Cancelled));
  runner_->cancel("a");
  EXPECT_TRUE(failed_with(get(running), ErrorCode::Cancelled));
  EXPECT_NE(::kill(pid, 0), 0);
  runner_->cancel("never was");
}

TEST_F(Runner, ASlowJobIsToldAbout) {
  make({.slow = milliseconds(1)});
  std::promise<void> told;
  std::once_flag once;
  auto answer = start(job("a", "hold"), [&] { std::call_once(once, [&] { told.set_value(); }); });
  await_start("a");
  ASSERT_EQ(told.get_future().wait_for(kLong), std::future_status::ready);
  release("a");
  EXPECT_TRUE(get(answer));
}

TEST_F(Runner, TooManyAreRefused) {
  make({.per_peer = 1, .queued = 1});
  auto first = start(job("a", "hold"));
  EXPECT_TRUE(failed_with(get(start(job("b", "hold"))), ErrorCode::ResourceExhausted));
  await_start("a");
  release("a");
  EXPECT_TRUE(get(first));
}

TEST_F(Runner, ItsEndKillsWhatRunsAndWaitsForNothing) {
  make();
  const auto never = start(job("a", "hold"));
  const auto pid = await_start("a");
  runner_.reset();
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace berth::volumes
