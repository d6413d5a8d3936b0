// tests/volumes/disk_volumes_test.cpp - what is asked of the children, and when nothing is.
#include "volumes/disk_volumes.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <limits>
#include <mutex>

#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLong{30};

/// In the place of berth-volume: keeps the job beside itself, and releases all that is staged.
constexpr auto kProgram = R"sh(#!/bin/sh
dir=$(dirname "$0")
cat >>"$dir/jobs"
rm -rf "$dir/run/staged"
echo '{"result":{}}'
)sh";

class Disks : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto program = dir_.path() / "program";
    std::ofstream(program) << kProgram;
    fs::permissions(program, fs::perms::owner_all);
    config_.run_dir = dir_.path() / "run";
    config_.state_dir = dir_.path() / "state";
    config_.on_progress = [this](const std::string& uid) {
      std::call_once(once_, [&] { progress_.set_value(uid); });  // a slow child is told about twice
    };
    runner_ = std::make_unique<JobRunner>(program);
    disks_ = std::make_unique<DiskVolumes>(config_, *runner_);
  }
  /// What a publish leaves that ended after it had attached the device and before anything was mounted.
  void stage_for(const std::string& uid) const {
    const auto targets = config_.run_dir / "staged/iscsi-1/targets";
    fs::create_directories(targets);
    fs::create_symlink(config_.run_dir / "pods" / uid / "mounts/data", targets / uid);
  }
  Status unpublish(const std::string& uid) { return disks_->unpublish(*pod_dirs(config_, uid), uid); }

  TempDir dir_;
  VolumesConfig config_;
  std::once_flag once_;
  std::promise<std::string> progress_;
  std::unique_ptr<JobRunner> runner_;
  std::unique_ptr<DiskVolumes> disks_;
};

TEST_F(Disks, NothingStagedForAPodMeansNoChild) {
  stage_for("uid-2");

  EXPECT_TRUE(unpublish("uid-1").ok());

  EXPECT_FALSE(fs::exists(dir_.path() / "jobs"));
}

TEST_F(Disks, WhatMayBeAnotherHostsByNowIsNotAskedFor) {
  DiskVolumes::Wish wish{.volume = {.name = "data-db-0",
                                    .source = model::NfsSource{"nas", "/data", false},
                                    .mount_options = {},
                                    .read_only = false,
                                    .block = false,
                                    .secret = {},
                                    .holder = "ship-1",
                                    .held_until = boot_time()},
                         .pod_volume = "data",
                         .group = {},
                         .selinux_label = {}};
  const auto dirs = *pod_dirs(config_, "uid-1");
  const auto late = disks_->publish(dirs, "uid-1", wish);
  ASSERT_TRUE(failed_with(late, ErrorCode::Unavailable));
  EXPECT_NE(late.error().message().find("data-db-0 may be another host's by now"), std::string::npos);
  EXPECT_FALSE(fs::exists(dir_.path() / "jobs"));

  wish.volume.held_until = BootTime(std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(failed_with(disks_->publish(dirs, "uid-1", wish), ErrorCode::Aborted)) << "under way";
  ASSERT_EQ(progress_.get_future().wait_for(kLong), std::future_status::ready);
  const auto jobs = read_file(dir_.path() / "jobs", 4096);
  ASSERT_TRUE(jobs.ok());
  const auto job = decode_publish(parse_json(*jobs)->get_object());
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->volume.held_until, wish.volume.held_until) << "its child has to know, too";
}

// A wrong password left an iSCSI session behind, whose device no pod had ever seen.
TEST_F(Disks, DeviceThatWasAttachedButNeverMountedIsReleasedWithItsPod) {
  stage_for("uid-1");

  const auto begun = unpublish("uid-1");
  ASSERT_FALSE(begun.ok());
  EXPECT_EQ(begun.error().code(), ErrorCode::Aborted);
  auto told = progress_.get_future();
  ASSERT_EQ(told.wait_for(kLong), std::future_status::ready);

  EXPECT_EQ(told.get(), "uid-1");
  EXPECT_TRUE(unpublish("uid-1").ok());
  const auto jobs = read_file(dir_.path() / "jobs", 4096);
  ASSERT_TRUE(jobs.ok());
  EXPECT_NE(jobs->find("\"verb\":\"unpublish\""), std::string::npos) << *jobs;
}

}  // namespace
}  // namespace berth::volumes
