// tests/host/fence_test.cpp - berth-fence itself on the kernel's cgroups and mounts, with an agent that is stopped.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>

#include "fence/cgroup_stop.hpp"
#include "fence/page.hpp"
#include "tests/temp_dir.hpp"

namespace berth::fence {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool soon(const std::function<bool()>& holds, milliseconds limit = seconds(10)) {
  for (const auto end = std::chrono::steady_clock::now() + limit; std::chrono::steady_clock::now() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return holds();
}

class BerthFence : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (!fs::exists("/sys/fs/cgroup/freezer") && !fs::exists("/sys/fs/cgroup/cgroup.freeze")) {
      GTEST_SKIP() << "no freezer here";
    }
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
    pod_ = {.uid = "u-1", .cgroup = parent() + "/podu-1", .admission = 1};
    std::error_code error;
    for (const auto& each : hierarchies()) fs::create_directories(each / pod_.cgroup.substr(1) / "main", error);
    if (error) GTEST_SKIP() << "no cgroup can be made here: " << error.message();
    std::ofstream(orders_file(run_dir())) << "";
    fs::resize_file(orders_file(run_dir()), sizeof(Page));
    write_at(make_page(), 0);
    beats_ = static_cast<volatile std::uint64_t*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  }
  void TearDown() override {
    stop_fence();
    const CgroupStop cgroups("/sys/fs/cgroup");
    if (!pod_.cgroup.empty()) cgroups.release(pod_.cgroup);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    std::error_code gone;
    for (const auto& each : hierarchies()) {
      for (const auto* below : {"/podu-1/main", "/podu-1", ""}) fs::remove(each / (parent().substr(1) + below), gone);
    }
    ::umount2((run_dir() / "pods/u-1/mounts/disk").c_str(), MNT_DETACH);
  }

  fs::path run_dir() const { return dir_.path(); }
  static std::string parent() { return "/berth-test-" + std::to_string(::getpid()); }
  /// As a container is in all of version 1's, or in the one of version 2.
  static std::vector<fs::path> hierarchies() {
    if (fs::exists("/sys/fs/cgroup/cgroup.controllers")) return {"/sys/fs/cgroup"};
    return {"/sys/fs/cgroup/freezer", "/sys/fs/cgroup/pids"};
  }

  template <typename T>
  void write_at(const T& what, std::size_t at) const {
    const int fd = ::open(orders_file(run_dir()).c_str(), O_RDWR);
    ASSERT_EQ(::pwrite(fd, &what, sizeof what, static_cast<off_t>(at)), static_cast<ssize_t>(sizeof what));
    ::close(fd);
  }
  void order(BootTime deadline) {
    const Orders orders{.generation = ++generation_, .deadline = deadline, .pods = {pod_}};
    write_at(make_slot(orders), offsetof(Page, slots) + slot_of(orders) * sizeof(Slot));
  }
  State state() const {
    State out{};
    std::ifstream(state_file(run_dir())).read(reinterpret_cast<char*>(&out), sizeof out);
    return read_state(out).value_or(State{});
  }
  bool acknowledged() const { return state().acknowledged == generation_; }

  /// Returns when it has its lock and has read its orders.
  void start_fence() {
    if (generation_ == 0) order(boot_time() + seconds(60));
    fence_ = ::fork();
    if (fence_ == 0) {
      ::execl(BERTH_FENCE, "berth-fence", "--run-dir", run_dir().c_str(), "--last-resort", "none", nullptr);
      ::_exit(127);
    }
    ASSERT_TRUE(soon([&] { return acknowledged(); })) << "it has read what is there";
  }
  void stop_fence(int signal = SIGKILL) {
    if (fence_ <= 0) return;
    ::kill(fence_, signal);
    ::waitpid(fence_, nullptr, 0);
    fence_ = 0;
  }

  /// Counts in memory that we share, in the pod's cgroup, with a child of its own that does so, too.
  pid_t start_container() const {
    const pid_t child = ::fork();
    if (child == 0) {
      for (const auto& each : hierarchies()) {
        std::ofstream(each / pod_.cgroup.substr(1) / "main/cgroup.procs") << ::getpid() << std::flush;
      }
      if (::fork() == 0) ::signal(SIGTERM, SIG_IGN);
      for (;;) {
        *beats_ = *beats_ + 1;
        ::usleep(500);
      }
    }
    return child;
  }
  bool beats() const {
    const auto before = *beats_;
    std::this_thread::sleep_for(milliseconds(20));
    return *beats_ != before;
  }
  static bool is_dead(pid_t child) { return ::waitpid(child, nullptr, WNOHANG) == child; }

  TempDir dir_;
  FencedPod pod_;
  std::uint64_t generation_ = 0;
  pid_t fence_ = 0;
  volatile std::uint64_t* beats_ = nullptr;
};

TEST_F(BerthFence, KillsAtTheDeadlineThoughItsAgentIsStopped) {
  order(boot_time() + seconds(60));
  start_fence();
  const auto container = start_container();
  ASSERT_TRUE(soon([&] { return beats(); }));
  // The agent: moves the deadline on until it is stopped in the middle of it.
  const pid_t agent = ::fork();
  if (agent == 0) {
    for (;;) {
      order(boot_time() + seconds(2));
      ::usleep(50'000);
    }
  }
  std::this_thread::sleep_for(milliseconds(2500));
  EXPECT_TRUE(beats()) << "while it is told so it lets it live";
  ::kill(agent, SIGSTOP);
  const auto stopped = boot_time();
  EXPECT_TRUE(soon([&] { return is_dead(container); }));
  EXPECT_GE(boot_time() - stopped, milliseconds(1500)) << "not before its time";
  EXPECT_FALSE(beats()) << "nor does what it forked";
  ::kill(agent, SIGKILL);
  ::waitpid(agent, nullptr, 0);
}

TEST_F(BerthFence, WhatComesToAPodThatWasKilledNeverRunsBeforeItIsAdmittedAnew) {
  order(boot_time());
  start_fence();
  ASSERT_TRUE(soon([&] { return state().fired == generation_; }));
  // A start that was under way in an agent that was stopped.
  auto late = start_container();
  EXPECT_TRUE(soon([&] { return is_dead(late); })) << "it is frozen as it comes, and killed";
  EXPECT_EQ(*beats_, 0U);
  order(boot_time() + seconds(60));
  ASSERT_TRUE(soon([&] { return acknowledged(); }));
  late = start_container();
  EXPECT_TRUE(soon([&] { return is_dead(late); })) << "a deadline that moved on lets nobody run";
  EXPECT_EQ(*beats_, 0U);
  pod_.admission = generation_ + 1;
  order(boot_time() + seconds(60));
  ASSERT_TRUE(soon([&] { return acknowledged(); }));
  const auto admitted = start_container();
  EXPECT_TRUE(soon([&] { return beats(); }));
  EXPECT_FALSE(is_dead(admitted));
}

TEST_F(BerthFence, OneThatIsStartedAnewFindsThePageAndWhatItKilled) {
  order(boot_time() + seconds(60));
  start_fence();
  const auto container = start_container();
  ASSERT_TRUE(soon([&] { return beats(); }));
  stop_fence();
  order(boot_time() + milliseconds(300));
  EXPECT_TRUE(beats()) << "nobody is there to kill it";
  start_fence();
  EXPECT_TRUE(soon([&] { return is_dead(container); })) << "by the deadline that the page had";
  stop_fence(SIGTERM);
  order(boot_time() + seconds(60));
  start_fence();
  const auto late = start_container();
  EXPECT_TRUE(soon([&] { return is_dead(late); })) << "it is still down";
  EXPECT_FALSE(beats());
}

TEST_F(BerthFence, TakesTheVolumesAway) {
  const auto disk = run_dir() / "pods/u-1/mounts/disk";
  fs::create_directories(disk);
  ASSERT_EQ(::mount("none", disk.c_str(), "tmpfs", 0, nullptr), 0);
  std::ofstream(disk / "file") << "x";
  order(boot_time() + seconds(60));
  start_fence();
  EXPECT_TRUE(fs::exists(disk / "file"));
  order(boot_time() + milliseconds(300));
  EXPECT_TRUE(soon([&] { return !fs::exists(disk / "file"); }));
}

TEST_F(BerthFence, ThereIsOneForAHost) {
  start_fence();
  int status = 0;
  const pid_t second = ::fork();
  if (second == 0) {
    ::execl(BERTH_FENCE, "berth-fence", "--run-dir", run_dir().c_str(), nullptr);
    ::_exit(127);
  }
  ASSERT_EQ(::waitpid(second, &status, 0), second);
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

}  // namespace
}  // namespace berth::fence
