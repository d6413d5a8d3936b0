// tests/host/pod_cgroups_test.cpp - the end of pods' cgroups in the kernel's own version 2, with processes in them.
#include "runtime/pod_cgroups.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

/// A mount of its own: where a host uses version 1, this one has no controllers, and its cgroups end as all do.
class Version2 : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
    if (::mount("none", root().c_str(), "cgroup2", 0, nullptr) != 0) GTEST_SKIP() << "no cgroup2: " << strerror(errno);
    mounted_ = true;
    std::error_code error;
    fs::create_directories(pod() / "container", error);
    if (error) GTEST_SKIP() << "no cgroup can be made here: " << error.message();
  }
  void TearDown() override {
    std::error_code gone;
    for (const auto& path : {pod() / "container", pod(), pod().parent_path()}) fs::remove(path, gone);
    if (mounted_) ::umount2(root().c_str(), MNT_DETACH);
  }
  fs::path root() const { return dir_.path(); }
  std::string parent() const { return "/berth-test-" + std::to_string(::getpid()); }
  fs::path pod() const { return root() / parent().substr(1) / "podu-1"; }

  TempDir dir_;
  bool mounted_ = false;
};

TEST_F(Version2, WhatStillRunsInAPodIsKilledAndItsCgroupsGo) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  EXPECT_TRUE(std::ofstream(pod() / "container" / "cgroup.procs") << child << std::flush);
  const PodCgroups cgroups(root(), parent());
  EXPECT_TRUE(cgroups.pods().contains("u-1"));
  const auto removed = cgroups.remove("u-1");
  EXPECT_TRUE(removed.ok()) << removed.error().message();
  EXPECT_FALSE(fs::exists(pod()));
  int status = 0;
  if (!removed) ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
}

}  // namespace
}  // namespace berth::runtime
