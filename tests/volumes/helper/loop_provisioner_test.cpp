// tests/volumes/helper/loop_provisioner_test.cpp - image files: parameters, names and files, without loop devices.
#include "volumes/helper/loop_provisioner.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/temp_dir.hpp"
#include "volumes/helper/sizes.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMi = 1024 * 1024;

TEST(LoopParameters, DefaultToImagesInTheStateDirectory) {
  const auto read = loop_parameters({}, "/var/lib/berth");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->directory, "/var/lib/berth/images");
  EXPECT_EQ(read->fs_type, "ext4");
  EXPECT_FALSE(read->preallocate);
  EXPECT_EQ(loop_parameters({{"directory", "/srv"}, {"fsType", "xfs"}}, "/x")->directory, "/srv");
}

TEST(LoopParameters, PreallocatedImagesCannotBeOvercommitted) {
  const auto read = loop_parameters({{"preallocate", "true"}, {"overcommit", "true"}}, "/x");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().message(), "parameters.overcommit: cannot be where preallocate is \"true\"");
}

TEST(ImagePath, IsNamedAfterNamespaceAndClaim) {
  EXPECT_EQ(image_path("/i", "default", "data-db-0").value_or({}), "/i/default/data-db-0.img");
  for (const auto* name : {"", "..", "a/b", ".hidden"}) {
    EXPECT_TRUE(failed_with(image_path("/i", "default", name), ErrorCode::InvalidArgument)) << name;
    EXPECT_TRUE(failed_with(image_path("/i", name, "data"), ErrorCode::InvalidArgument)) << name;
  }
  EXPECT_TRUE(failed_with(image_path("/i", "default", std::string(253, 'a')), ErrorCode::InvalidArgument));
}

class LoopImages : public ::testing::Test {
 protected:
  ProvisionJob job(const std::string& claim, std::int64_t bytes) const {
    ProvisionJob made;
    made.provisioner = "berth.io/loop";
    made.ns = "default";
    made.claim = claim;
    made.bytes = bytes;
    made.run_dir = dir_.path() / "run";
    made.state_dir = dir_.path() / "state";
    return made;
  }
  ReclaimJob reclaim_of(const ProvisionJob& made) const {
    ReclaimJob job;
    job.parameters = made.parameters;
    job.source = model::LocalSource{image(made.claim).string(), "ext4"};
    job.ns = made.ns;
    job.claim = made.claim;
    job.run_dir = made.run_dir;
    job.state_dir = made.state_dir;
    return job;
  }
  fs::path image(const std::string& claim) const {
    return dir_.path() / "state/images/default" / fmt::format("{}.img", claim);
  }

  TempDir dir_;
  std::unique_ptr<Provisioner> loop_ = make_loop_provisioner();
};

TEST_F(LoopImages, ASparseFileOfTheSizeAskedForAndTheSameOneTheSecondTime) {
  const auto made = loop_->provision(job("data", 5 * kMi + 1));
  ASSERT_TRUE(made.ok()) << made.error().message();
  const auto expected = parse_json(
      fmt::format(R"({{"source": {{"local": {{"path": "{}", "fsType": "ext4"}}}}, "bytes": 5246976, "local": true}})",
                  image("data").string()));
  EXPECT_EQ(json::value(*made), *expected);
  struct stat now = {};
  ASSERT_EQ(::stat(image("data").c_str(), &now), 0);
  EXPECT_EQ(now.st_size, 5 * kMi + 4096);
  EXPECT_LT(now.st_blocks, 64);
  EXPECT_EQ(now.st_mode & 07777U, 0600U);
  { std::ofstream(image("data"), std::ios::in) << "content"; }
  EXPECT_EQ(loop_->provision(job("data", kMi)).value_or({}), *made);
  EXPECT_EQ(get(image("data")).substr(0, 7), "content");
}

TEST_F(LoopImages, MoreAskedForTheSecondTimeGrowsItAndKeepsItsContent) {
  ASSERT_TRUE(loop_->provision(job("data", kMi)).ok());
  { std::ofstream(image("data"), std::ios::in) << "content"; }
  const auto grown = loop_->provision(job("data", 2 * kMi));
  ASSERT_TRUE(grown.ok());
  EXPECT_EQ(grown->at("bytes").as_int64(), 2 * kMi);
  EXPECT_EQ(fs::file_size(image("data")), 2U * kMi);
  EXPECT_EQ(get(image("data")).substr(0, 7), "content");
}

TEST_F(LoopImages, PreallocatedTakesItsRoomAtOnce) {
  auto asked = job("data", 2 * kMi);
  asked.parameters = {{"preallocate", "true"}};
  ASSERT_TRUE(loop_->provision(asked).ok());
  struct stat now = {};
  ASSERT_EQ(::stat(image("data").c_str(), &now), 0);
  EXPECT_GE(now.st_blocks * 512, 2 * kMi);
}

TEST_F(LoopImages, XfsGetsWhatItNeedsAtLeast) {
  auto asked = job("data", kMi);
  asked.parameters = {{"fsType", "xfs"}};
  EXPECT_EQ(loop_->provision(asked)->at("bytes").as_int64(), 300 * kMi);
  asked.claim = "raw";
  asked.block = true;
  EXPECT_EQ(loop_->provision(asked)->at("bytes").as_int64(), kMi);
}

TEST_F(LoopImages, MoreThanThereIsIsRefusedWithBothSizesAndLeavesNoFile) {
  const auto made = loop_->provision(job("data", INT64_MAX / 2));
  ASSERT_TRUE(failed_with(made, ErrorCode::ResourceExhausted));
  EXPECT_NE(made.error().message().find("4Ei needed, "), std::string::npos) << made.error().message();
  EXPECT_TRUE(fs::is_empty(image("data").parent_path()));
}

TEST_F(LoopImages, WhatOtherSparseImagesMayStillGrowByIsNotFree) {
  // Two claims that fit one at a time only.
  ASSERT_TRUE(loop_->provision(job("small", kMi)).ok());
  const auto free = free_bytes(image("small").parent_path());
  ASSERT_TRUE(free.ok());
  const auto most = *free / 10 * 6;
  ASSERT_TRUE(loop_->provision(job("first", most)).ok());
  const auto second = loop_->provision(job("second", most));
  ASSERT_TRUE(failed_with(second, ErrorCode::ResourceExhausted));
  EXPECT_NE(second.error().message().find("promised to other images"), std::string::npos);
  auto reckless = job("second", most);
  reckless.parameters = {{"overcommit", "true"}};
  EXPECT_TRUE(loop_->provision(reckless).ok());
}

TEST_F(LoopImages, ADirectoryOfTheUsersHasToBeThere) {
  auto asked = job("data", kMi);
  asked.parameters = {{"directory", (dir_.path() / "not-mounted").string()}};
  EXPECT_TRUE(failed_with(loop_->provision(asked), ErrorCode::NotFound));
  fs::create_directory(dir_.path() / "not-mounted");
  EXPECT_TRUE(loop_->provision(asked).ok());
  EXPECT_TRUE(fs::exists(dir_.path() / "not-mounted/default/data.img"));
}

TEST_F(LoopImages, ALinkInsteadOfTheNamespaceOrTheImageIsRefused) {
  fs::create_directories(dir_.path() / "state/images");
  fs::create_directory(dir_.path() / "elsewhere");
  fs::create_directory_symlink(dir_.path() / "elsewhere", dir_.path() / "state/images/default");
  EXPECT_TRUE(failed_with(loop_->provision(job("data", kMi)), ErrorCode::FailedPrecondition));
  EXPECT_TRUE(fs::is_empty(dir_.path() / "elsewhere"));
}

TEST_F(LoopImages, ReclaimRemovesItTwiceAndNothingElse) {
  ASSERT_TRUE(loop_->provision(job("data", kMi)).ok());
  ASSERT_TRUE(loop_->provision(job("other", kMi)).ok());
  EXPECT_TRUE(loop_->reclaim(reclaim_of(job("data", kMi))).ok());
  EXPECT_FALSE(fs::exists(image("data")));
  EXPECT_TRUE(loop_->reclaim(reclaim_of(job("data", kMi))).ok());
  EXPECT_TRUE(fs::exists(image("other")));
}

TEST_F(LoopImages, ReclaimLeavesAVolumeThatIsNotThisClaimsImage) {
  ASSERT_TRUE(loop_->provision(job("data", kMi)).ok());
  auto wrong = reclaim_of(job("data", kMi));
  wrong.claim = "other";
  EXPECT_TRUE(failed_with(loop_->reclaim(wrong), ErrorCode::FailedPrecondition));
  EXPECT_TRUE(fs::exists(image("data")));
}

}  // namespace
}  // namespace berth::volumes::helper
