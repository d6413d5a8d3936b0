// cli/captured.cpp - see captured.hpp.
#include "cli/captured.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <fmt/format.h>

#include "base/child_process.hpp"

namespace berth::cli {

Result<Captured> capture(const std::vector<std::string>& argv, std::size_t most, std::chrono::milliseconds patience) {
  auto child = start_child(argv);
  if (!child) return child.error();
  Captured out;
  std::size_t size = 0;
  bool in_time = true;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (child->output) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd wait{child->output.get(), POLLIN, 0};
    const auto ready = ::poll(&wait, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      in_time = false;
      break;
    }
    std::array<char, 65536> buffer{};
    const auto got = ::read(child->output.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) break;
    const auto bytes = static_cast<std::size_t>(got);
    out.text.append(buffer.data(), std::min(bytes, most - std::min(most, size)));
    size += bytes;
  }
  // It may have closed its output and live on: nobody waits for that.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  pollfd ended{child->pidfd.get(), POLLIN, 0};
  if (!in_time || ::poll(&ended, 1, static_cast<int>(std::max<decltype(left)>(left, 0))) <= 0) {
    ::kill(-child->pid, SIGKILL);
    in_time = false;
  }
  int status = 0;
  while (::waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  out.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (size > out.text.size()) out.text += fmt::format("\n... {} of {} bytes\n", out.text.size(), size);
  if (!in_time) out.text += fmt::format("\n... no end within {} s\n", patience.count() / 1000);
  return out;
}

}  // namespace berth::cli
