// tests/logs/logd_test.cpp - the process berth-logd: says when it is ready, and ends when it is told to.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "tests/temp_dir.hpp"

namespace berth {
namespace {

/// A notification socket as systemd gives one (sd_notify(3)).
UniqueFd listen_at(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size() + 1, sizeof address.sun_path));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

std::string next_message(const UniqueFd& fd) {
  pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, 60'000) != 1) return "nothing for a minute";
  std::array<char, 256> text{};
  const auto size = ::recv(fd.get(), text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

TEST(LogdTest, EndsAtOnceWhenToldToWhileItIsIdle) {
  const TempDir dir;
  const auto notify = listen_at((dir.path() / "notify").string());
  ASSERT_TRUE(notify);
  const auto run_dir = (dir.path() / "run").string();
  const auto state_dir = (dir.path() / "state").string();
  auto socket = "NOTIFY_SOCKET=" + (dir.path() / "notify").string();
  std::string program = BERTH_LOGD;
  std::array<std::string, 6> words{"--run-dir", run_dir, "--state-dir", state_dir, "--sink", "files"};
  std::vector<char*> arguments{program.data()};
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<char*, 2> environment{socket.data(), nullptr};
  pid_t child = 0;
  ASSERT_EQ(::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environment.data()), 0);
  EXPECT_EQ(next_message(notify), "READY=1");
  // It is about to wait, or waits already: either way it does not finish its 10 s.
  const auto begin = std::chrono::steady_clock::now();
  ::kill(child, SIGTERM);
  std::string message;
  do {
    message = next_message(notify);
  } while (message == "WATCHDOG=1");
  EXPECT_EQ(message, "STOPPING=1");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace berth
