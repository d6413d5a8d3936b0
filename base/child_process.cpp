// base/child_process.cpp - see child_process.hpp. Boost.Process v2 launches.
#include "base/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

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

namespace berth {
namespace {

namespace process = boost::process::v2;

/// What the child does between fork and exec, where only async-signal-safe calls are allowed.
struct ChildSetup {
  ChildStart how;
  int input;
  int output;
  pid_t caller;

  boost::system::error_code on_exec_setup(process::posix::default_launcher& /*launcher*/,
                                          const process::filesystem::path& /*program*/,
                                          const char* const* const& /*argv*/) const {
    // Its own group: a shell's children die with it. A lane blocks all signals and main ignores
    // SIGPIPE; the program shall have neither.
    ::setpgid(0, 0);
    if (how.dies_with_caller) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != caller) ::_exit(127);  // it died before the line above
    }
    ::signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::dup2(input, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
        (!how.shares_errors && ::dup2(output, STDERR_FILENO) < 0)) {
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

/// Ours, in English: we read what tools say, and users read it in our messages.
std::vector<const char*> child_environment() {
  std::vector<const char*> variables;
  for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) {
    if (!std::string_view(*each).starts_with("LC_ALL=")) variables.push_back(*each);
  }
  variables.push_back("LC_ALL=C");
  variables.push_back(nullptr);
  return variables;
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

Result<ChildProcess> launch(const std::string& program, const std::vector<std::string>& argv, const ChildStart& how) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return Error::from_errno(errno, "make a pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  // The program gets a blocking pipe: few are ready for EAGAIN on stdout.
  ::fcntl(write_end.get(), F_SETFL, 0);
  UniqueFd nothing;
  int input = how.input;
  if (input < 0) {
    nothing.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!nothing) return Error::from_errno(errno, "open /dev/null");
    input = nothing.get();
  }

  boost::asio::io_context context;
  process::posix::default_launcher launcher;
  const auto environment = child_environment();
  launcher.env = environment.data();
  boost::system::error_code ec;
  auto child = launcher(context.get_executor(), ec, program, std::vector<std::string>(argv.begin() + 1, argv.end()),
                        ChildSetup{how, input, write_end.get(), ::getpid()});
  if (ec) {
    if (launcher.pid > 0) ::waitpid(launcher.pid, nullptr, 0);  // forked, but exec failed: it is in _exit
    return Error::from_errno(ec.value(), "start");
  }
  const pid_t pid = child.id();
  // 1.81 declares native_handle() without defining it: open a pidfd of our own. The child cannot be reaped before: only
  // the caller does that.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int failure = errno;
  // Its destructor would block in waitpid(2) on a child in state D: from here on the pid is ours.
  child.detach();
  if (!pidfd) {
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return Error::from_errno(failure, "open its pidfd");
  }
  return ChildProcess{.pid = pid, .pidfd = std::move(pidfd), .output = std::move(read_end)};
}

}  // namespace

Result<ChildProcess> start_child(const std::vector<std::string>& argv, const ChildStart& how) {
  if (argv.empty()) return Error(ErrorCode::InvalidArgument, "run a program: no name given");
  const auto program = find_program(argv[0]);
  if (!program) return Error(ErrorCode::NotFound, fmt::format("run {}: no such program", argv[0]));
  try {
    auto started = launch(*program, argv, how);
    if (!started) return std::move(started).error().context("run " + argv[0]);
    return started;
  } catch (const std::exception& error) {
    return Error(ErrorCode::ResourceExhausted, fmt::format("run {}: {}", argv[0], error.what()));
  }
}

}  // namespace berth
