// tests/base/child_test.cpp - helper processes end, one way or the other.
#include "base/child.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"

namespace berth {
namespace {

using std::chrono::milliseconds;

Result<ChildResult> shell(const std::string& script, const ChildOptions& options = {}) {
  return run_child({"/bin/sh", "-c", script}, options);
}

TEST(Child, CollectsStdoutStderrAndTheExitCode) {
  const auto result = shell("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_EQ(result->output, "out\nerr\n");
}

TEST(Child, SpeaksEnglishWhateverTheHostSpeaks) {
  ASSERT_EQ(::setenv("LC_ALL", "de_DE.UTF-8", 1), 0);
  ASSERT_EQ(::setenv("BERTH_CHILD_TEST", "kept", 1), 0);
  const auto result = shell("echo $LC_ALL $BERTH_CHILD_TEST");
  ::unsetenv("LC_ALL");
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->output, "C kept\n");
}

TEST(Child, PassesArgumentsUntouched) {
  const auto result = run_child({"printf", "%s|", "two words", "", "$HOME"});
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->output, "two words||$HOME|");
}

TEST(Child, ReadsNothingFromStdin) {
  const auto result = run_child({"cat"});
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->exit_code, 0);
  EXPECT_EQ(result->output, "");
}

TEST(Child, AnUnknownProgramIsNotFound) {
  EXPECT_TRUE(failed_with(run_child({"no-such-program-here"}), ErrorCode::NotFound));
  EXPECT_TRUE(failed_with(run_child({"/no/such/program"}), ErrorCode::NotFound));
  EXPECT_TRUE(failed_with(run_child({"/etc"}), ErrorCode::NotFound));
  EXPECT_TRUE(failed_with(run_child({}), ErrorCode::InvalidArgument));
}

TEST(Child, AFileThatIsNotAProgramIsAnErrorAndLeavesNoZombie) {
  const auto path = std::filesystem::path(testing::TempDir()) / ("not-a-program-" + std::to_string(::getpid()));
  ASSERT_TRUE(write_file(path,
                         std::string("\x7f"
                                     "ELF, but not really"),
                         0755)
                  .ok());
  const auto result = run_child({path.native()});
  std::filesystem::remove(path);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message().find("Exec format error"), std::string::npos) << result.error().message();
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(Child, ASignalIsShownAs128PlusItsNumber) {
  const auto result = shell("kill -TERM $$");
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->exit_code, 128 + SIGTERM);
}

TEST(Child, CutsOutputAtTheLimitWithoutStallingTheProgram) {
  const auto result = shell("head -c 1000000 /dev/zero | tr '\\0' x; echo done >&2", {.max_output = 100});
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->exit_code, 0);
  EXPECT_EQ(result->output, std::string(100, 'x'));
  EXPECT_GT(result->said, 100U);
  EXPECT_TRUE(result->in_time);
}

TEST(Child, KeepsWhatALateOneSaidWhereThatIsWanted) {
  const auto result = shell("echo early; sleep 600", {.deadline = milliseconds{300}, .late_output = true});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->output, "early\n");
  EXPECT_FALSE(result->in_time);
  EXPECT_EQ(result->exit_code, 128 + SIGKILL);
}

TEST(Child, KillsTheWholeGroupAtTheDeadline) {
  // The shell writes the pid of its own child, which would outlive a kill of the shell alone.
  const auto path = std::filesystem::path(testing::TempDir()) / ("child-pid-" + std::to_string(::getpid()));
  const auto result = shell("sleep 600 & echo $! > " + path.native() + "; wait", {.deadline = milliseconds{300}});
  EXPECT_TRUE(failed_with(result, ErrorCode::DeadlineExceeded));
  const auto text = read_file(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(text.ok());
  pid_t grandchild = 0;
  std::from_chars(text->data(), text->data() + text->size(), grandchild);
  ASSERT_GT(grandchild, 0);
  // It was sent SIGKILL: its end comes soon, if it has not come already. Alone it would sleep for minutes.
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, grandchild, 0)));
  if (!pidfd) return;
  pollfd wait{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 20'000), 1);
}

TEST(Child, DiesWithItsCallerWhereThatIsWanted) {
  const auto fifo = std::filesystem::path(testing::TempDir()) / ("child-fifo-" + std::to_string(::getpid()));
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const pid_t caller = ::fork();
  ASSERT_GE(caller, 0);
  if (caller == 0) {
    const auto script = "echo $$ > " + fifo.native() + "; exec sleep 600";
    static_cast<void>(shell(script, {.deadline = milliseconds{600'000}, .dies_with_caller = true}));
    ::_exit(0);
  }
  pid_t program = 0;
  std::ifstream(fifo) >> program;  // waits until the program runs
  std::filesystem::remove(fifo);
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, program, 0)));
  ::kill(caller, SIGKILL);
  ::waitpid(caller, nullptr, 0);
  ASSERT_TRUE(pidfd);
  pollfd wait{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 20'000), 1);
}

TEST(Child, DoesNotWaitForADaemonThatKeepsThePipe) {
  const auto before = std::chrono::steady_clock::now();
  const auto result = shell("sleep 5 & echo started", {.deadline = milliseconds{4000}});
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->output, "started\n");
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds{3500});
}

TEST(Child, GivesTheProgramNoDescriptorAndNoBlockedSignalOfOurs) {
  sigset_t block;
  sigset_t before;
  sigfillset(&block);
  pthread_sigmask(SIG_SETMASK, &block, &before);
  const auto result = shell("ls /proc/self/fd | wc -l; grep SigBlk /proc/self/status");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(result.ok()) << result.error().message();
  // 0, 1, 2 and the directory that ls reads.
  EXPECT_EQ(result->output, "4\nSigBlk:\t0000000000000000\n");
}

}  // namespace
}  // namespace berth
