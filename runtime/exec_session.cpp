// runtime/exec_session.cpp - see exec_session.hpp.
#include "runtime/exec_session.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace berth::runtime {
namespace {

Result<UniqueFd> make_and_open(const std::filesystem::path& path, int mode) {
  if (::mkfifo(path.c_str(), 0600) != 0) return Error::from_errno(errno, "mkfifo " + path.string());
  UniqueFd fd(::open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "open " + path.string());
  return fd;
}

}  // namespace

void ExecEnd::resolve(Result<std::int32_t> ended) {
  std::function<void(Result<std::int32_t>)> waiting;
  {
    const std::scoped_lock lock(mutex);
    if (result) return;
    result = ended;
    waiting = std::move(on_exit);
    on_exit = nullptr;
  }
  if (waiting) waiting(std::move(ended));
}

void ExecEnd::await(std::function<void(Result<std::int32_t>)> listener, Lane& lane) {
  const std::scoped_lock lock(mutex);
  if (!result) {
    on_exit = std::move(listener);
    return;
  }
  lane.run([listener = std::move(listener), ended = *result] { listener(ended); });
}

bool ExecEnd::abandon() {
  const std::scoped_lock lock(mutex);
  on_exit = nullptr;
  return result.has_value();
}

ContainerdExecSession::~ContainerdExecSession() {
  const bool ended = end_->abandon();
  runtime_.execs_.forget(exec_);
  // Killing blocks, and this may be the loop's thread.
  runtime_.clean_up_->run([&runtime = runtime_, container = container_, exec = exec_, kill = !ended] {
    runtime.end_exec(container, exec, kill);
  });
}

Result<TaskStdio> ContainerdExecSession::open(const std::filesystem::path& directory, const ExecOptions& options) {
  TaskStdio stdio;
  stdio.terminal = options.tty;
  // A writer that is read-write, too: the shim opens its end later, and opening ours alone would fail until then.
  if (options.has_stdin) {
    auto fd = make_and_open(directory / "stdin", O_RDWR);
    if (!fd) return fd.error();
    stdin_ = *std::move(fd);
    stdio.in = directory / "stdin";
  }
  if (options.has_stdout || options.tty) {
    auto fd = make_and_open(directory / "stdout", O_RDONLY);
    if (!fd) return fd.error();
    stdout_ = *std::move(fd);
    stdio.out = directory / "stdout";
  }
  if (options.has_stderr && !options.tty) {
    auto fd = make_and_open(directory / "stderr", O_RDONLY);
    if (!fd) return fd.error();
    stderr_ = *std::move(fd);
    stdio.err = directory / "stderr";
  }
  // The shim starts the command, fails to open an output without name, and leaves the command behind: it needs two.
  if (!options.tty && stdio.out.empty()) stdio.out = "/dev/null";
  if (!options.tty && stdio.err.empty()) stdio.err = "/dev/null";
  return stdio;
}

Status ContainerdExecSession::close_stdin() {
  stdin_.reset();
  return ignore_not_found(runtime_.client_.close_stdin(container_, exec_));
}

Status ContainerdExecSession::resize(std::uint16_t columns, std::uint16_t rows) {
  return ignore_not_found(runtime_.client_.resize(container_, exec_, columns, rows));
}

void ContainerdExecSession::on_exit(std::function<void(Result<std::int32_t>)> on_exit) {
  end_->await(std::move(on_exit), *runtime_.clean_up_);
}

}  // namespace berth::runtime
