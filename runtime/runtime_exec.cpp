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

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "runtime/containerd_runtime.hpp"
#include "runtime/exec_session.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;
constexpr std::size_t kMaxOutput = 10 * 1024;
constexpr auto kAfterExit = std::chrono::milliseconds(200);  // for output of children that keep the pipe open
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
  const auto until = Steady::now() + deadline;
  const auto doing = "exec in container " + id;
  if (command.empty()) return Error(ErrorCode::InvalidArgument, doing + ": no command");
  const auto exec = new_exec_id();
  const auto directory = make_exec_directory(id, exec);
  if (!directory) return directory.error().context(doing);
  bool running = false;
  const ScopeExit clean([&] {
    execs_.forget(exec);
    end_exec(id, exec, running);
  });

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
  if (auto started = start_exec(id, exec, command, {{}, fifo, fifo, false}); !started) {
    return started.error().context(doing);
  }
  running = true;

  ExecResult result;
  bool more_output = true;
  bool ended = false;
  auto limit = until;
  while (more_output || !ended) {
    if (Steady::now() >= limit) {
      if (ended) break;
      return Error(ErrorCode::DeadlineExceeded, fmt::format("{}: no end within {} ms", doing, deadline.count()));
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
  running = false;
  const std::scoped_lock lock(end->mutex);
  if (!*end->result) return end->result->error().context(doing);
  result.exit_code = **end->result;
  return result;
}

Result<std::unique_ptr<ExecSession>> ContainerdRuntime::exec_stream(const std::string& id, const ExecOptions& options) {
  const auto doing = "exec in container " + id;
  if (options.command.empty()) return Error(ErrorCode::InvalidArgument, doing + ": no command");
  const auto exec = new_exec_id();
  const auto directory = make_exec_directory(id, exec);
  if (!directory) return directory.error().context(doing);
  auto session = std::make_unique<ContainerdExecSession>(*this, id, exec);  // its destructor clears what follows
  const auto stdio = session->open(*directory, options);
  if (!stdio) return stdio.error().context(doing);
  execs_.add(exec, id, [end = session->end()](Result<std::int32_t> result) { end->resolve(std::move(result)); });
  if (auto started = start_exec(id, exec, options.command, *stdio); !started) return started.error().context(doing);
  return std::unique_ptr<ExecSession>(std::move(session));
}

Status ContainerdRuntime::start_exec(const std::string& id, const std::string& exec,
                                     const std::vector<std::string>& command, const TaskStdio& stdio) {
  const auto record = client_.container(id);
  if (!record) return record.error();
  const auto process = make_exec_process(record->spec_json, command, stdio.terminal);
  if (!process) return process.error();
  if (auto added = client_.add_exec(id, exec, *process, stdio); !added) return added;
  return client_.start_process(id, exec);
}

Result<fs::path> ContainerdRuntime::make_exec_directory(const std::string& id, const std::string& exec) {
  const auto directory = config_.run_dir / "exec" / exec;
  if (auto made = make_directories(directory, 0700); !made) return made.error();
  // For remove_stale_execs() of the next agent.
  if (auto written = write_file(directory / "container", id, 0600); !written) return written.error();
  return directory;
}

void ContainerdRuntime::end_exec(const std::string& id, const std::string& exec, bool kill) {
  if (kill && client_.kill(id, exec, SIGKILL)) (void)client_.wait(id, exec, std::chrono::seconds(2));
  // A failure leaves a row in the shim's table, which goes with the container.
  if (const auto deleted = ignore_not_found(client_.delete_exec(id, exec)); !deleted) {
    log(LogLevel::Debug, "cannot delete an exec, ignoring", {{"error", deleted.error().message()}});
  }
  std::error_code error;
  fs::remove_all(config_.run_dir / "exec" / exec, error);
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

void ContainerdRuntime::remove_stale_execs() {
  std::error_code error;
  for (fs::directory_iterator it(config_.run_dir / "exec", error), end; !error && it != end; it.increment(error)) {
    const auto exec = it->path().filename().string();
    if (execs_.contains(exec)) continue;
    const auto container = read_file(it->path() / "container", 4096);
    // One that is being made right now has no entry yet either: its file is younger than we are.
    std::error_code unknown;
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(it->path(), unknown);
    if (unknown || age < std::chrono::seconds(1)) continue;
    end_exec(container.value_or({}), exec, /*kill=*/true);
  }
}

}  // namespace berth::runtime
