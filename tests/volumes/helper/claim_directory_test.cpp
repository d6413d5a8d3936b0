// tests/volumes/helper/claim_directory_test.cpp - directories of claims on a share, which others change meanwhile.
#include "volumes/helper/claim_directory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/temp_dir.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

const auto kLater = std::chrono::steady_clock::now() + std::chrono::hours(1);

mode_t mode_of(const fs::path& path) {
  struct stat now = {};
  return ::lstat(path.c_str(), &now) == 0 ? now.st_mode & 07777U : 0;
}

class ClaimDirectory : public ::testing::Test {
 protected:
  TempDir dir_;
  const fs::path& base_ = dir_.path();
};

TEST_F(ClaimDirectory, AppearsWithItsModeWhateverTheUmaskAndKeepsItsContentTheSecondTime) {
  const auto mask = ::umask(077);
  ASSERT_TRUE(make_claim_directory(base_, "default", "data", 0777).ok());
  ::umask(mask);
  EXPECT_EQ(mode_of(base_ / "default"), 0755U);
  EXPECT_EQ(mode_of(base_ / "default/data"), 0777U);
  put(base_ / "default/data/file", "x");
  fs::permissions(base_ / "default/data", fs::perms(0700));  // a pod's own affair
  ASSERT_TRUE(make_claim_directory(base_, "default", "data", 0777).ok());
  EXPECT_EQ(get(base_ / "default/data/file"), "x");
  EXPECT_EQ(mode_of(base_ / "default/data"), 0700U);
}

TEST_F(ClaimDirectory, WhatAKilledAttemptLeftIsCompleted) {
  fs::create_directories(base_ / "default/.new-data");
  ASSERT_TRUE(make_claim_directory(base_, "default", "data", 02770).ok());
  EXPECT_EQ(mode_of(base_ / "default/data"), 02770U);
  EXPECT_FALSE(fs::exists(base_ / "default/.new-data"));
}

TEST_F(ClaimDirectory, NoLinkIsFollowed) {
  const TempDir outside;
  fs::create_directory_symlink(outside.path(), base_ / "default");
  EXPECT_TRUE(failed_with(make_claim_directory(base_, "default", "data", 0777), ErrorCode::FailedPrecondition));
  EXPECT_TRUE(failed_with(remove_claim_directory(base_, "default", "data", kLater), ErrorCode::FailedPrecondition));
  fs::create_directory(base_ / "other");
  fs::create_directory_symlink(outside.path(), base_ / "other/data");
  EXPECT_TRUE(failed_with(make_claim_directory(base_, "other", "data", 0777), ErrorCode::FailedPrecondition));
  put(outside.path() / "precious", "x");
  // Removing a link removes the link.
  EXPECT_TRUE(remove_claim_directory(base_, "other", "data", kLater).ok());
  EXPECT_FALSE(fs::exists(fs::symlink_status(base_ / "other/data")));
  EXPECT_EQ(get(outside.path() / "precious"), "x");
}

TEST_F(ClaimDirectory, NamesThatClimbAreRefused) {
  for (const auto* name : {"", "..", ".trash", "a/b"}) {
    EXPECT_TRUE(failed_with(make_claim_directory(base_, "default", name, 0777), ErrorCode::InvalidArgument)) << name;
    EXPECT_TRUE(failed_with(remove_claim_directory(base_, name, "data", kLater), ErrorCode::InvalidArgument)) << name;
    EXPECT_TRUE(failed_with(archive_claim_directory(base_, "default", name), ErrorCode::InvalidArgument)) << name;
  }
}

TEST_F(ClaimDirectory, RemovedTwiceItIsGoneAndItsNeighbourIsNot) {
  for (const auto* claim : {"data", "data-1"}) {
    ASSERT_TRUE(make_claim_directory(base_, "default", claim, 0777).ok());
    put(base_ / "default" / claim / "deep/file", "x");
  }
  EXPECT_TRUE(remove_claim_directory(base_, "default", "data", kLater).ok());
  EXPECT_TRUE(remove_claim_directory(base_, "default", "data", kLater).ok());
  EXPECT_TRUE(remove_claim_directory(base_, "absent", "data", kLater).ok());
  EXPECT_FALSE(fs::exists(base_ / "default/data"));
  EXPECT_FALSE(fs::exists(base_ / "default/.trash"));
  EXPECT_EQ(get(base_ / "default/data-1/deep/file"), "x");
}

TEST_F(ClaimDirectory, ARemovalThatWasBrokenOffGoesOnAndTheNextClaimOfThatNameIsNew) {
  ASSERT_TRUE(make_claim_directory(base_, "default", "data", 0777).ok());
  put(base_ / "default/data/file", "old");
  const auto now = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_TRUE(failed_with(remove_claim_directory(base_, "default", "data", now), ErrorCode::DeadlineExceeded));
  EXPECT_FALSE(fs::exists(base_ / "default/data"));
  ASSERT_TRUE(make_claim_directory(base_, "default", "data", 0777).ok());
  EXPECT_TRUE(fs::is_empty(base_ / "default/data"));
  put(base_ / "default/data/file", "new");
  EXPECT_TRUE(failed_with(remove_claim_directory(base_, "default", "data", now), ErrorCode::DeadlineExceeded));
  EXPECT_EQ(std::distance(fs::directory_iterator(base_ / "default/.trash"), fs::directory_iterator()), 2);
  EXPECT_TRUE(remove_claim_directory(base_, "default", "data", kLater).ok());
  EXPECT_FALSE(fs::exists(base_ / "default/.trash"));
}

TEST_F(ClaimDirectory, ArchivedContentIsKeptUnderAnotherNameEachTime) {
  for (const auto* name : {"archived_data", "archived_data_1"}) {
    ASSERT_TRUE(make_claim_directory(base_, "default", "data", 0777).ok());
    put(base_ / "default/data/file", name);
    EXPECT_TRUE(archive_claim_directory(base_, "default", "data").ok());
    EXPECT_FALSE(fs::exists(base_ / "default/data"));
    EXPECT_EQ(get(base_ / "default" / name / "file"), name);
  }
  EXPECT_TRUE(archive_claim_directory(base_, "default", "data").ok());
}

}  // namespace
}  // namespace berth::volumes::helper
