// runtime/runtime_exec.cpp - commands inside running containers.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "runtime/containerd_runtime.hpp"
#include "runtime/exec_processes.hpp"
#include "runtime/exec_session.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;
constexpr std::size_t kMaxOutput = 10 * 1024;
constexpr auto kAfterExit = std::chrono::milliseconds(200);  // for output of children that keep the pipe open
constexpr auto kKilledEnds = std::chrono::seconds(2);
constexpr int kKillRounds = 10;  // what is being killed ends, and forks no more
constexpr auto kBetweenRounds = std::chrono::milliseconds(10);
constexpr std::size_t kMaxLeft = 256;                        // execs that wait for containerd to answer
constexpr auto kLookAgain = std::chrono::milliseconds(500);  // when the end was not told: the stream may be down

std::string new_exec_id() {
  std::uint64_t random = 0;
  // Eight bytes never block once the kernel's pool is ready, and are never cut short: getrandom(2).
  if (::getrandom(&random, sizeof random, 0) != sizeof random) {
    random = static_cast<std::uint64_t>(Steady::now().time_since_epoch().count());
  }
  return fmt::format("exec-{:016x}", random);
}

void signal_event(const std::shared_ptr<UniqueFd>& event) {
  const std::uint64_t one = 1;
  (void)!::write(event->get(), &one, sizeof one);  // cannot fail: the counter is far from full
}

/// Reads what is there; false at the end.
bool read_some(int fd, std::string& output) {
  char buffer[4096];
  for (;;) {
    const auto count = ::read(fd, buffer, sizeof buffer);
    if (count == 0) return false;
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    const auto room = kMaxOutput - std::min(kMaxOutput, output.size());
    output.append(buffer, std::min(static_cast<std::size_t>(count), room));
  }
}

int remaining_ms(Steady::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

Result<ExecResult> ContainerdRuntime::exec(const std::string& id, const std::vector<std::string>& command,
                                           std::chrono::milliseconds deadline) {
  const auto doing = "exec in container " + id;
  if (command.empty()) return Error(ErrorCode::InvalidArgument, doing + ": no command");
  const auto process = exec_process(id, command, /*terminal=*/false);
  if (!process) return process.error().context(doing);
  const auto exec = new_exec_id();
  const auto directory = make_exec_directory(id, exec);
  if (!directory) return directory.error().context(doing);
  bool may_run = true;  // also after an error of the start, which may have been carried out
  const ScopeExit clean([&] {
    execs_.forget(exec);
    end_exec(id, exec, may_run);
  });

  // Into a plain file the shim would write without ever waiting for us, but nothing would bound what it writes when we
  // are gone.
  const auto fifo = *directory / "output";
  if (::mkfifo(fifo.c_str(), 0600) != 0) return Error::from_errno(errno, doing + ": mkfifo");
  const UniqueFd output_fd(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!output_fd) return Error::from_errno(errno, doing + ": open " + fifo.string());
  const auto event = std::make_shared<UniqueFd>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!*event) return Error::from_errno(errno, doing + ": eventfd");
  const auto end = std::make_shared<ExecEnd>();
  execs_.add(exec, id, [event, end](Result<std::int32_t> result) {
    end->resolve(std::move(result));
    signal_event(event);
  });
  if (auto started = start_exec(id, exec, *process, {{}, fifo, fifo, false}); !started) {
    return started.error().context(doing);
  }

  // From here on: what containerd takes to start it is no time of the command's.
  auto limit = Steady::now() + deadline;
  const auto latest_end = std::chrono::system_clock::now() + deadline;
  ExecResult result;
  bool more_output = true;
  bool ended = false;
  while (more_output || !ended) {
    if (Steady::now() >= limit) {
      if (ended) break;
      // Or has it ended in time, and we are only told late?
      const auto process_now = client_.process(id, exec);
      if (!process_now || process_now->status != TaskStatus::Stopped || process_now->exited_at > latest_end) {
        return Error(ErrorCode::DeadlineExceeded, fmt::format("{}: no end within {} ms", doing, deadline.count()));
      }
      execs_.resolve(exec, process_now->exit_status);
      limit = Steady::now() + kAfterExit;
    }
    pollfd fds[2] = {{ended ? -1 : event->get(), POLLIN, 0}, {more_output ? output_fd.get() : -1, POLLIN, 0}};
    const auto patience = std::min(remaining_ms(limit), static_cast<int>(kLookAgain.count()));
    const auto ready = ::poll(fds, 2, patience);
    if (ready == 0 && !ended) recheck_execs(id);
    // Before its first writer a FIFO reads as ended, but polls as silent.
    if ((fds[1].revents & (POLLIN | POLLHUP)) != 0) more_output = read_some(output_fd.get(), result.output);
    if (fds[0].revents != 0) {
      ended = true;
      limit = std::min(limit, Steady::now() + kAfterExit);
    }
  }
  may_run = false;
  const std::scoped_lock lock(end->mutex);
  if (!*end->result) return end->result->error().context(doing);
  result.exit_code = **end->result;
  return result;
}

Result<std::unique_ptr<ExecSession>> ContainerdRuntime::exec_stream(const std::string& id, const ExecOptions& options) {
  const auto doing = "exec in container " + id;
  if (options.command.empty()) return Error(ErrorCode::InvalidArgument, doing + ": no command");
  const auto process = exec_process(id, options.command, options.tty);
  if (!process) return process.error().context(doing);
  const auto exec = new_exec_id();
  const auto directory = make_exec_directory(id, exec);
  if (!directory) return directory.error().context(doing);
  auto session = std::make_unique<ContainerdExecSession>(*this, id, exec);  // its destructor clears what follows
  const auto stdio = session->open(*directory, options);
  if (!stdio) return stdio.error().context(doing);
  execs_.add(exec, id, [end = session->end()](Result<std::int32_t> result) { end->resolve(std::move(result)); });
  if (auto started = start_exec(id, exec, *process, *stdio); !started) return started.error().context(doing);
  return std::unique_ptr<ExecSession>(std::move(session));
}

Result<std::string> ContainerdRuntime::exec_process(const std::string& id, const std::vector<std::string>& command,
                                                    bool terminal) {
  const auto record = client_.container(id);
  if (!record) return record.error();
  return make_exec_process(record->spec_json, command, terminal);
}

Status ContainerdRuntime::start_exec(const std::string& id, const std::string& exec, const std::string& process,
                                     const TaskStdio& stdio) {
  if (auto added = client_.add_exec(id, exec, process, stdio); !added) return added;
  return client_.start_process(id, exec);
}

Result<fs::path> ContainerdRuntime::make_exec_directory(const std::string& id, const std::string& exec) {
  const auto directory = config_.run_dir / "exec" / exec;
  if (auto made = make_directories(directory, 0700); !made) return made.error();
  // For the next agent: see hold_all_execs().
  if (auto written = write_file(directory / kContainerOfExec, id, 0600); !written) return written.error();
  return directory;
}

void ContainerdRuntime::end_exec(const std::string& id, const std::string& exec, bool kill) {
  HeldExec held{id, exec, config_.run_dir / "exec" / exec, {}};
  if (kill) held.fifos = hold_fifos(held.directory);
  if (try_to_end(held, kill)) {
    end_left_execs();  // containerd answers
    return;
  }
  if (!kill) held.fifos = hold_fifos(held.directory);
  leave(std::make_shared<HeldExec>(std::move(held)));
}

bool ContainerdRuntime::try_to_end(const HeldExec& held, bool kill) {
  const auto no_answer = [](const auto& result) {
    return failed_with(result, ErrorCode::Unavailable) || failed_with(result, ErrorCode::DeadlineExceeded);
  };
  if (!held.container.empty()) {
    if (kill) {
      // One that has ended by itself keeps what it left behind: only while it runs there is a session to end.
      const auto process = client_.process(held.container, held.exec);
      if (no_answer(process)) return false;
      std::optional<ExecProcesses> session;
      if (process && process->status == TaskStatus::Running && process->pid > 1) {
        session.emplace(static_cast<pid_t>(process->pid));
      }
      const auto killed = client_.kill(held.container, held.exec, SIGKILL);
      if (no_answer(killed)) return false;
      if (session) end_session(held.container, *session);
      make_room(held.fifos);
      if (killed) (void)client_.wait(held.container, held.exec, kKilledEnds);
    }
    const auto deleted = ignore_not_found(client_.delete_exec(held.container, held.exec));
    if (no_answer(deleted)) return false;
    // Any other failure leaves a row in the shim's table, which goes with the container.
    if (!deleted) log(LogLevel::Debug, "cannot delete an exec, ignoring", {{"error", deleted.error().message()}});
  }
  std::error_code error;
  fs::remove_all(held.directory, error);
  return true;
}

/// Its children have other parents now and are nobody's: a probe that hangs would leave some with each period.
void ContainerdRuntime::end_session(const std::string& container, const ExecProcesses& session) const {
  const auto uid = pod_uid_of(container);
  for (int round = 0; round < kKillRounds; ++round) {
    if (session.kill(cgroups_.processes(uid, container)) == 0) return;
    std::this_thread::sleep_for(kBetweenRounds);
  }
}

void ContainerdRuntime::leave(std::shared_ptr<HeldExec> held) {
  const std::scoped_lock lock(mutex_);
  if (left_execs_.size() < kMaxLeft) left_execs_.push_back(std::move(held));  // else the next agent finds it
}

void ContainerdRuntime::end_left_execs() {
  std::vector<std::shared_ptr<HeldExec>> left;
  {
    const std::scoped_lock lock(mutex_);
    left.swap(left_execs_);
  }
  for (auto& held : left) {
    clean_up_->run([this, held = std::move(held)] {
      if (!try_to_end(*held, /*kill=*/true)) leave(held);
    });
  }
}

void ContainerdRuntime::recheck_execs(const std::string& container) {
  for (const auto& pending : execs_.pending(container)) {
    const auto process = client_.process(pending.container, pending.exec);
    if (process && process->status == TaskStatus::Stopped) {
      execs_.resolve(pending.exec, process->exit_status);
    } else if (failed_with(process, ErrorCode::NotFound)) {
      // Not yet added, or gone with its container: only the latter is an end.
      const auto task = client_.process(pending.container, {});
      const bool gone = failed_with(task, ErrorCode::NotFound) || (task && task->status == TaskStatus::Stopped);
      if (gone) execs_.resolve(pending.exec, Error(ErrorCode::NotFound, "the container ended"));
    }
  }
}

}  // namespace berth::runtime
