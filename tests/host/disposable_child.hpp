// tests/host/disposable_child.hpp - berth-volume as the agent runs it: a job on stdin, lines of JSON on stdout.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/json.hpp"
#include "base/unique_fd.hpp"

namespace berth::volumes {

/// The program of this build, beside the test's own.
inline std::string berth_volume() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "berth-volume").string();
}

/// One child with its job. Killed and reaped when destroyed.
class DisposableChild {
 public:
  explicit DisposableChild(const json::object& job) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
    const auto program = berth_volume();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::execl(program.c_str(), program.c_str(), nullptr);
      ::_exit(127);
    }
    const UniqueFd job_end(in[1]);
    ::close(in[0]);
    ::close(out[1]);
    output_.reset(out[0]);
    const auto text = json::serialize(job);
    if (::write(job_end.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  }
  DisposableChild(const DisposableChild&) = delete;
  DisposableChild& operator=(const DisposableChild&) = delete;
  ~DisposableChild() { kill(); }

  /// SIGKILL, as the agent gives it up.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  /// Did it end by itself within this time? Its output is kept.
  bool ends_within(std::chrono::microseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::microseconds>(until - std::chrono::steady_clock::now());
      pollfd wait{output_.get(), POLLIN, 0};
      const timespec limit{0, std::max(0L, static_cast<long>(left.count() % 1'000'000) * 1000)};
      const timespec whole{left.count() / 1'000'000, limit.tv_nsec};
      if (left.count() <= 0 || ::ppoll(&wait, 1, &whole, nullptr) <= 0) return false;
      std::array<char, 4096> buffer{};
      const auto got = ::read(output_.get(), buffer.data(), buffer.size());
      if (got <= 0) return true;
      said_.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  /// Its last line, when it has ended: {"result": ...} or {"error": ...}.
  json::object answer() {
    EXPECT_TRUE(ends_within(std::chrono::seconds(60))) << said_;
    const auto end = said_.find_last_not_of('\n');
    if (end == std::string::npos) return {};
    const auto begin = said_.rfind('\n', end);
    const auto line = parse_json(said_.substr(begin == std::string::npos ? 0 : begin + 1));
    return line && line->is_object() ? line->get_object() : json::object();
  }

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  std::string said_;
};

}  // namespace berth::volumes
