// base/child.cpp - see child.hpp: poll(2) on a pidfd to wait.
#include "base/child.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>

#include "base/child_process.hpp"
#include "base/clock.hpp"

namespace berth {
namespace {

using std::chrono::milliseconds;

/// How long a killed child may take to die before it is left to itself.
constexpr milliseconds kKillGrace{500};

/// Children that outlived SIGKILL, to be reaped by a later call.
class Orphans {
 public:
  void add(pid_t pid) {
    const std::scoped_lock lock(mutex_);
    pids_.push_back(pid);
  }
  void reap() {
    const std::scoped_lock lock(mutex_);
    std::erase_if(pids_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
  }

 private:
  std::mutex mutex_;
  std::vector<pid_t> pids_;
};

Orphans& orphans() {
  static Orphans instance;
  return instance;
}

/// Appends what the pipe holds now, up to the limit; the rest is read and dropped, so that the
/// child does not stall on a full pipe. False at its end.
bool drain(int fd, ChildResult& result, std::size_t limit) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    const auto room = limit - std::min(limit, result.output.size());
    result.output.append(buffer.data(), std::min(static_cast<std::size_t>(got), room));
    result.said += static_cast<std::size_t>(got);
  }
}

/// Waits until the child has ended or `until`; collects output meanwhile.
bool wait_for_exit(int pidfd, int pipe, SteadyTime until, ChildResult& result, std::size_t limit) {
  bool open = true;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    std::array<pollfd, 2> wait{pollfd{pidfd, POLLIN, 0}, pollfd{open ? pipe : -1, POLLIN, 0}};
    const int ready = ::poll(wait.data(), wait.size(), static_cast<int>(std::clamp(left.count(), 0L, 3'600'000L)));
    if (wait[1].revents != 0) open = drain(pipe, result, limit);
    if (wait[0].revents != 0) {
      // What it wrote is in the pipe; its own children may hold the pipe open and are not waited for.
      if (open) drain(pipe, result, limit);
      return true;
    }
    if (ready <= 0 && std::chrono::steady_clock::now() >= until) return false;
  }
}

/// Its exit code.
int finish(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<ChildResult> run_child(const std::vector<std::string>& argv, const ChildOptions& options) {
  orphans().reap();
  const auto until = std::chrono::steady_clock::now() + options.deadline;
  const auto child =
      start_child(argv, {.dies_with_caller = options.dies_with_caller, .shares_errors = options.shares_errors});
  if (!child) return child.error();
  ChildResult result;
  if (wait_for_exit(child->pidfd.get(), child->output.get(), until, result, options.max_output)) {
    result.exit_code = finish(child->pid);
    return result;
  }
  ::kill(-child->pid, SIGKILL);
  const auto late = fmt::format("run {}: no end after {} ms", argv[0], options.deadline.count());
  result.in_time = false;
  result.exit_code = 128 + SIGKILL;
  if (wait_for_exit(child->pidfd.get(), child->output.get(), std::chrono::steady_clock::now() + kKillGrace, result,
                    options.max_output)) {
    result.exit_code = finish(child->pid);
    if (options.late_output) return result;
    return Error(ErrorCode::DeadlineExceeded, late + ", killed");
  }
  orphans().add(child->pid);
  if (options.late_output) return result;
  return Error(ErrorCode::DeadlineExceeded,
               fmt::format("{}, and SIGKILL does not end it: left as pid {}", late, child->pid));
}

}  // namespace berth
