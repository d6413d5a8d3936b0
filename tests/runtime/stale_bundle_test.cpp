// tests/runtime/stale_bundle_test.cpp - which directory containerd has forgotten, and that nothing else is removed.
#include "runtime/stale_bundle.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kId = "8672e938-main-0";

TEST(StaleBundle, IsTheDirectoryOfThisContainerOnly) {
  const std::string before = "containerd Tasks/Create: failed to start shim: mkdir ";
  const std::string at = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/8672e938-main-0";
  EXPECT_EQ(stale_bundle_in(before + at + ": file exists", "k8s.io", kId), fs::path(at));
  EXPECT_EQ(stale_bundle_in(before + at + ": file exists: unknown", "k8s.io", kId), fs::path(at));
  EXPECT_FALSE(stale_bundle_in(before + at + ": file exists", "other", kId));
  EXPECT_FALSE(stale_bundle_in(before + at + ": file exists", "k8s.io", "8672e938-main-1"));
  EXPECT_FALSE(stale_bundle_in(before + at + ": no space left on device", "k8s.io", kId));
  EXPECT_FALSE(stale_bundle_in(before + "/run/other/k8s.io/8672e938-main-0: file exists", "k8s.io", kId));
  EXPECT_FALSE(
      stale_bundle_in(before + "io.containerd.runtime.v2.task/k8s.io/8672e938-main-0: file exists", "k8s.io", kId));
  EXPECT_FALSE(stale_bundle_in(
      before +
          "/run/io.containerd.runtime.v2.task/x/../io.containerd.runtime.v2.task/k8s.io/8672e938-main-0: file exists",
      "k8s.io", kId));
  EXPECT_FALSE(stale_bundle_in(": file exists mkdir ", "k8s.io", kId));
  EXPECT_FALSE(stale_bundle_in("", "k8s.io", kId));
}

class RemoveBundle : public testing::Test {
 protected:
  RemoveBundle() {
    fs::create_directories(bundle / "rootfs");
    std::ofstream(bundle / "config.json") << "{}";
    fs::create_directories(elsewhere);
    std::ofstream(elsewhere / "kept") << "data";
    fs::create_directory_symlink(elsewhere, bundle / "work");
    EXPECT_EQ(::mkfifo((bundle / "log").c_str(), 0600), 0);
  }
  void age(std::chrono::seconds by) { fs::last_write_time(bundle, fs::file_time_type::clock::now() - by); }

  TempDir dir;
  const fs::path bundle = dir.path() / "bundle";
  const fs::path elsewhere = dir.path() / "elsewhere";
};

TEST_F(RemoveBundle, TakesItAndFollowsNoLink) {
  age(std::chrono::minutes(1));
  const auto removed = remove_bundle(bundle);
  EXPECT_TRUE(removed.ok()) << removed.error().message();
  EXPECT_FALSE(fs::exists(bundle));
  EXPECT_TRUE(fs::exists(elsewhere / "kept"));
  EXPECT_TRUE(remove_bundle(bundle).ok()) << "gone is well";
}

TEST_F(RemoveBundle, LeavesWhatHasJustChanged) {
  EXPECT_TRUE(failed_with(remove_bundle(bundle), ErrorCode::Unavailable));
  EXPECT_TRUE(fs::exists(bundle / "config.json"));
}

TEST_F(RemoveBundle, LeavesWhatIsBelowADirectory) {
  std::ofstream(bundle / "rootfs" / "file") << "data";
  age(std::chrono::minutes(1));
  EXPECT_FALSE(remove_bundle(bundle).ok());
  EXPECT_TRUE(fs::exists(bundle / "rootfs" / "file"));
}

}  // namespace
}  // namespace berth::runtime
