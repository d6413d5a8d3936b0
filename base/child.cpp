// base/child.cpp - Boost.Process v2 to launch, poll(2) on a pidfd to wait.
#include "base/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string_view>

#define BOOST_PROCESS_USE_STD_FS  // else it wants Boost.Filesystem
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
// Boost 1.81's process/v2 uses these three without including them.
#include <boost/optional/optional.hpp>
#include <boost/type_traits/decay.hpp>
#include <boost/type_traits/is_convertible.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/process/v2/default_launcher.hpp>
#include <boost/process/v2/process.hpp>
#pragma GCC diagnostic pop

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace berth {
namespace {

namespace process = boost::process::v2;
using std::chrono::milliseconds;

/// How long a killed child may take to die before it is left to itself.
constexpr milliseconds kKillGrace{500};

/// What the child does between fork and exec, where only async-signal-safe calls are allowed.
struct ChildSetup {
  int input;
  int output;

  boost::system::error_code on_exec_setup(process::posix::default_launcher& /*launcher*/,
                                          const process::filesystem::path& /*program*/,
                                          const char* const* const& /*argv*/) const {
    // Its own group: a shell's children die with it. A lane blocks all signals and main ignores
    // SIGPIPE; the program shall have neither.
    ::setpgid(0, 0);
    ::signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::dup2(input, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 || ::dup2(output, STDERR_FILENO) < 0) {
      return {errno, boost::system::system_category()};
    }
    return {};
  }

  /// Boost would call exit(3): our atexit handlers must not run in the fork. Variadic because 1.81
  /// tests for one signature and calls another.
  template <typename... Args>
  void on_exec_error(Args&&...) const {
    ::_exit(127);
  }
};

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

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// As execvp(3) looks.
std::optional<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return is_program(name) ? std::optional(name) : std::nullopt;
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody calls setenv
  std::string_view rest = path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin";
  while (!rest.empty()) {
    const auto end = rest.find(':');
    const auto dir = rest.substr(0, end);
    auto candidate = fmt::format("{}/{}", dir.empty() ? "." : dir, name);
    if (is_program(candidate)) return candidate;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return std::nullopt;
}

/// Appends what the pipe holds now, up to the limit; the rest is read and dropped, so that the
/// child does not stall on a full pipe. False at its end.
bool drain(int fd, std::string& output, std::size_t limit) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    const auto room = limit - std::min(limit, output.size());
    output.append(buffer.data(), std::min(static_cast<std::size_t>(got), room));
  }
}

/// Waits until the child has ended or `until`; collects output meanwhile.
bool wait_for_exit(int pidfd, int pipe, SteadyTime until, std::string& output, std::size_t limit) {
  bool open = true;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    std::array<pollfd, 2> wait{pollfd{pidfd, POLLIN, 0}, pollfd{open ? pipe : -1, POLLIN, 0}};
    const int ready = ::poll(wait.data(), wait.size(), static_cast<int>(std::clamp(left.count(), 0L, 3'600'000L)));
    if (wait[1].revents != 0) open = drain(pipe, output, limit);
    if (wait[0].revents != 0) {
      // What it wrote is in the pipe; its own children may hold the pipe open and are not waited for.
      if (open) drain(pipe, output, limit);
      return true;
    }
    if (ready <= 0 && std::chrono::steady_clock::now() >= until) return false;
  }
}

ChildResult finish(pid_t pid, std::string output) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return {code, std::move(output)};
}

Result<ChildResult> launch_and_wait(const std::string& program, const std::vector<std::string>& argv,
                                    const ChildOptions& options) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return Error::from_errno(errno, "make a pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  // The program gets a blocking pipe: few are ready for EAGAIN on stdout.
  ::fcntl(write_end.get(), F_SETFL, 0);
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!nothing) return Error::from_errno(errno, "open /dev/null");

  boost::asio::io_context context;
  process::posix::default_launcher launcher;
  boost::system::error_code ec;
  const auto until = std::chrono::steady_clock::now() + options.deadline;
  auto child = launcher(context.get_executor(), ec, program, std::vector<std::string>(argv.begin() + 1, argv.end()),
                        ChildSetup{nothing.get(), write_end.get()});
  if (ec) {
    if (launcher.pid > 0) ::waitpid(launcher.pid, nullptr, 0);  // forked, but exec failed: it is in _exit
    return Error::from_errno(ec.value(), "start");
  }
  write_end.reset();
  const pid_t pid = child.id();
  // 1.81 declares native_handle() without defining it: open a pidfd of our own.
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // Its destructor would block in waitpid(2) on a child in state D: from here on the pid is ours.
  child.detach();
  if (!pidfd) {
    const int failure = errno;
    ::kill(-pid, SIGKILL);
    orphans().add(pid);
    return Error::from_errno(failure, "open its pidfd");
  }

  std::string output;
  if (wait_for_exit(pidfd.get(), read_end.get(), until, output, options.max_output)) {
    return finish(pid, std::move(output));
  }
  ::kill(-pid, SIGKILL);
  const auto late = fmt::format("no end after {} ms", options.deadline.count());
  if (wait_for_exit(pidfd.get(), read_end.get(), std::chrono::steady_clock::now() + kKillGrace, output,
                    options.max_output)) {
    finish(pid, {});
    return Error(ErrorCode::DeadlineExceeded, late + ", killed");
  }
  orphans().add(pid);
  return Error(ErrorCode::DeadlineExceeded, fmt::format("{}, and SIGKILL does not end it: left as pid {}", late, pid));
}

}  // namespace

Result<ChildResult> run_child(const std::vector<std::string>& argv, const ChildOptions& options) {
  if (argv.empty()) return Error(ErrorCode::InvalidArgument, "run a program: no name given");
  orphans().reap();
  const auto doing = "run " + argv[0];
  const auto program = find_program(argv[0]);
  if (!program) return Error(ErrorCode::NotFound, doing + ": no such program");
  try {
    auto result = launch_and_wait(*program, argv, options);
    if (!result) return std::move(result).error().context(doing);
    return result;
  } catch (const std::exception& error) {
    return Error(ErrorCode::ResourceExhausted, fmt::format("{}: {}", doing, error.what()));
  }
}

}  // namespace berth
