// cli/cluster/host_services.cpp - see host_services.hpp.
#include "cli/cluster/host_services.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/child.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_address.hpp"

namespace berth::cli {
namespace {

constexpr std::chrono::seconds kSystemctl{90};
constexpr int kStopMilliseconds = 60'000;

class SystemdServices final : public HostServices {
 public:
  Status start_etcd() override { return systemctl({"enable", "--now", "berth-etcd.service"}); }
  Status stop_etcd() override { return systemctl({"disable", "--now", "berth-etcd.service"}); }
  Status start_agent() override { return systemctl({"start", "berthd.service"}); }
  Status stop_agent() override { return systemctl({"stop", "berthd.service"}); }

 private:
  static Status systemctl(std::vector<std::string> words) {
    const auto doing = fmt::format("systemctl {}", fmt::join(words, " "));
    words.insert(words.begin(), "systemctl");
    const auto ran = run_child(words, {.deadline = kSystemctl});
    if (!ran) return ran.error().context(doing);
    if (ran->exit_code != 0) return Error(ErrorCode::Unavailable, doing + ": " + ran->output);
    return Ok{};
  }
};

/// /proc/PID/cmdline, see proc(5).
std::vector<std::string> command_line(pid_t pid) {
  std::vector<std::string> words;
  const auto text = read_file(fmt::format("/proc/{}/cmdline", pid));
  for (std::size_t at = 0; text && at < text->size();) {
    const auto end = std::min(text->find('\0', at), text->size());
    words.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  return words;
}

/// Asks it to end, and waits.
Status end_process(pid_t pid, const std::string& what) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return errno == ESRCH ? Status(Ok{}) : Error::from_errno(errno, "find " + what);
  if (::syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0) != 0 && errno != ESRCH) {
    return Error::from_errno(errno, "stop " + what);
  }
  pollfd ended{process.get(), POLLIN, 0};
  int got = 0;
  do {
    got = ::poll(&ended, 1, kStopMilliseconds);
  } while (got < 0 && errno == EINTR);
  if (got == 1) return Ok{};
  return Error(ErrorCode::DeadlineExceeded, fmt::format("stop {}: process {} goes on", what, pid));
}

/// Runs it in a session of its own, with that file for its output.
Status start_detached(std::vector<std::string> words, const std::filesystem::path& output) {
  const UniqueFd log(::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log) return Error::from_errno(errno, "open " + output.native());
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // Told through a pipe that the exec closes, see execve(2).
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "start " + words[0]);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const auto child = ::fork();
  if (child < 0) return Error::from_errno(errno, "start " + words[0]);
  if (child == 0) {
    // Twice, so that it is nobody's child who may not wait for it.
    if (::setsid() < 0 || ::fork() != 0) ::_exit(0);
    ::dup2(nothing.get(), STDIN_FILENO);
    ::dup2(log.get(), STDOUT_FILENO);
    ::dup2(log.get(), STDERR_FILENO);
    ::execvp(argv[0], argv.data());
    const int error = errno;
    if (::write(ends[1], &error, sizeof error) < 0) ::_exit(1);
    ::_exit(1);
  }
  ::waitpid(child, nullptr, 0);
  write_end.reset();
  int error = 0;
  if (::read(read_end.get(), &error, sizeof error) == sizeof error)
    return Error::from_errno(error, "start " + words[0]);
  return Ok{};
}

class BareServices final : public HostServices {
 public:
  BareServices(const HostPlaces& places, std::filesystem::path socket)
      : places_(places), socket_(std::move(socket)), agent_output_(places.run_dir / "berthd.log") {}

  Status start_etcd() override {
    if (find_etcd()) return Ok{};
    return start_detached({"etcd", "--config-file", places_.etcd_config.native()}, places_.run_dir / "etcd.log");
  }
  Status stop_etcd() override {
    const auto pid = find_etcd();
    return pid ? end_process(*pid, "etcd") : Status(Ok{});
  }
  Status start_agent() override {
    if (find_agent()) return Ok{};
    if (agent_line_.empty()) {
      const auto berthd = beside_us("berthd");
      if (!berthd) return berthd.error();
      agent_line_ = {berthd->native(), "--config", places_.config.native()};
    }
    return start_detached(agent_line_, agent_output_);
  }
  Status stop_agent() override {
    const auto pid = find_agent();
    if (!pid) return Ok{};
    agent_line_ = command_line(*pid);
    std::error_code error;
    const auto output = std::filesystem::read_symlink(fmt::format("/proc/{}/fd/1", *pid), error);
    if (!error && std::filesystem::is_regular_file(output, error)) agent_output_ = output;
    return end_process(*pid, "berthd");
  }

 private:
  /// Who listens on the agent's socket, see SO_PEERCRED in unix(7).
  std::optional<pid_t> find_agent() const {
    const auto address = unix_address(socket_);
    const UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ucred peer{};
    socklen_t size = sizeof peer;
    if (!address || !fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
        ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) {
      return std::nullopt;
    }
    return peer.pid;
  }

  /// The process that has our etcd.yaml: no file says so that could outlive it.
  std::optional<pid_t> find_etcd() const {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
      const auto name = entry.path().filename().native();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const auto pid = static_cast<pid_t>(std::stol(name));
      const auto line = command_line(pid);
      if (line.size() == 3 && line[0] == "etcd" && line[2] == places_.etcd_config.native()) return pid;
    }
    return std::nullopt;
  }

  const HostPlaces& places_;
  const std::filesystem::path socket_;
  std::vector<std::string> agent_line_;
  std::filesystem::path agent_output_;
};

}  // namespace

Result<std::filesystem::path> beside_us(const std::string& name) {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  for (const auto& folder : {self.parent_path(), std::filesystem::path("/usr/sbin"), std::filesystem::path("/usr/bin"),
                             std::filesystem::path("/usr/local/sbin"), std::filesystem::path("/usr/local/bin")}) {
    auto program = folder / name;
    if (!folder.empty() && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return Error(ErrorCode::NotFound, name + ", which does the work, is not beside this command");
}

std::unique_ptr<HostServices> host_services(const HostPlaces& places, const std::filesystem::path& socket) {
  std::error_code ignored;
  if (std::filesystem::is_directory("/run/systemd/system", ignored)) return std::make_unique<SystemdServices>();
  return std::make_unique<BareServices>(places, socket);
}

}  // namespace berth::cli
