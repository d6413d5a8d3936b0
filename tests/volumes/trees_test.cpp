// tests/volumes/trees_test.cpp - removing and giving away trees that a pod filled: links, depth, time.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/unique_fd.hpp"
#include "tests/temp_dir.hpp"
#include "volumes/ownership.hpp"
#include "volumes/remove_tree.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;

SteadyTime soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(60); }
SteadyTime past() { return std::chrono::steady_clock::now() - std::chrono::seconds(1); }

mode_t mode_of(const fs::path& path) {
  struct stat now = {};
  return ::lstat(path.c_str(), &now) == 0 ? now.st_mode & 07777U : 0U;
}

TEST(RemoveTree, LinksAreRemovedAndWhatTheyPointAtStays) {
  const TempDir dir;
  put(dir.path() / "outside/precious", "x");
  put(dir.path() / "tree/a/b", "x");
  fs::create_directory_symlink(dir.path() / "outside", dir.path() / "tree/a/link");
  const auto removed = remove_tree(dir.path() / "tree", soon());
  ASSERT_TRUE(removed.ok()) << removed.error().message();
  EXPECT_FALSE(fs::exists(dir.path() / "tree"));
  EXPECT_EQ(get(dir.path() / "outside/precious"), "x");
}

TEST(RemoveTree, LinkInPlaceOfTheTreeIsOnlyUnlinked) {
  const TempDir dir;
  put(dir.path() / "outside/precious", "x");
  fs::create_directory_symlink(dir.path() / "outside", dir.path() / "tree");
  EXPECT_TRUE(remove_tree(dir.path() / "tree", soon()).ok());
  EXPECT_EQ(get(dir.path() / "outside/precious"), "x");
  EXPECT_TRUE(remove_tree(dir.path() / "tree", soon()).ok());
  EXPECT_TRUE(remove_tree(dir.path() / "absent/tree", soon()).ok());
}

TEST(RemoveTree, ByADescriptorTheWayThereMayBeExchanged) {
  const TempDir dir;
  put(dir.path() / "outside/tree/precious", "x");
  put(dir.path() / "share/trash/tree/file", "x");
  const UniqueFd trash(::open((dir.path() / "share/trash").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  // As another client of the share may, between our look and our removal.
  fs::rename(dir.path() / "share/trash", dir.path() / "share/moved");
  fs::create_directory_symlink(dir.path() / "outside", dir.path() / "share/trash");
  EXPECT_EQ(names_in(trash.get(), "tr").value_or({}), std::vector<std::string>{"tree"});
  EXPECT_TRUE(remove_tree(trash.get(), "tree", "share/trash/tree", soon()).ok());
  EXPECT_FALSE(fs::exists(dir.path() / "share/moved/tree"));
  EXPECT_EQ(get(dir.path() / "outside/tree/precious"), "x");
}

TEST(RemoveTree, TreeDeeperThanPathMaxIsRemoved) {
  const TempDir dir("/dev/shm");
  const std::string level(60, 'x');
  const auto root = dir.path() / "tree";
  fs::create_directory(root);
  UniqueFd here(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int depth = 0; depth < 150; ++depth) {
    ASSERT_EQ(::mkdirat(here.get(), level.c_str(), 0755), 0);
    here.reset(::openat(here.get(), level.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  here.reset();
  const auto removed = remove_tree(root, soon());
  ASSERT_TRUE(removed.ok()) << removed.error().message();
  EXPECT_FALSE(fs::exists(root));
}

TEST(RemoveTree, OutOfTimeSaysSoAndASecondCallCompletes) {
  const TempDir dir;
  put(dir.path() / "tree/a", "x");
  EXPECT_TRUE(failed_with(remove_tree(dir.path() / "tree", past()), ErrorCode::DeadlineExceeded));
  EXPECT_TRUE(fs::exists(dir.path() / "tree/a"));
  EXPECT_TRUE(remove_tree(dir.path() / "tree", soon()).ok());
  EXPECT_FALSE(fs::exists(dir.path() / "tree"));
}

TEST(RemoveTree, ManyFilesInOneDirectoryAreRemovedInBatches) {
  const TempDir dir("/dev/shm");
  for (int i = 0; i < 2500; ++i) put(dir.path() / "tree" / std::to_string(i), "");
  EXPECT_TRUE(remove_tree(dir.path() / "tree", soon()).ok());
  EXPECT_FALSE(fs::exists(dir.path() / "tree"));
}

TEST(Ownership, GroupGetsFilesDirectoriesAndSetgidButNotWhatLinksPointAt) {
  const TempDir dir;
  put(dir.path() / "volume/d/file", "x");
  put(dir.path() / "outside", "x");
  fs::permissions(dir.path() / "volume/d/file", fs::perms(0600));
  fs::permissions(dir.path() / "outside", fs::perms(0600));
  fs::create_symlink("../outside", dir.path() / "volume/link");
  const auto given = give_to_group(dir.path() / "volume", {::getgid(), false}, soon());
  ASSERT_TRUE(given.ok()) << given.error().message();
  EXPECT_EQ(mode_of(dir.path() / "volume/d/file"), 0660U);
  EXPECT_EQ(mode_of(dir.path() / "volume/d"), 02775U);
  EXPECT_EQ(mode_of(dir.path() / "volume"), 02775U);
  EXPECT_EQ(mode_of(dir.path() / "outside"), 0600U);
}

TEST(Ownership, OnRootMismatchLeavesAFinishedVolumeAlone) {
  const TempDir dir;
  const auto volume = dir.path() / "volume";
  put(volume / "file", "x");
  ASSERT_TRUE(give_to_group(volume, {::getgid(), true}, soon()).ok());
  EXPECT_EQ(mode_of(volume / "file"), 0664U);
  fs::permissions(volume / "file", fs::perms(0600));
  ASSERT_TRUE(give_to_group(volume, {::getgid(), true}, soon()).ok());
  EXPECT_EQ(mode_of(volume / "file"), 0600U);
  ASSERT_TRUE(give_to_group(volume, {::getgid(), false}, soon()).ok());
  EXPECT_EQ(mode_of(volume / "file"), 0660U);
}

TEST(Ownership, OutOfTimeLeavesTheRootUnfinished) {
  const TempDir dir;
  put(dir.path() / "volume/file", "x");
  EXPECT_TRUE(
      failed_with(give_to_group(dir.path() / "volume", {::getgid(), true}, past()), ErrorCode::DeadlineExceeded));
  EXPECT_NE(mode_of(dir.path() / "volume"), 02775U);
}

TEST(Ownership, FsGroupOutOfRangeIsRefused) {
  model::PodSecurity security;
  EXPECT_FALSE(group_owner(security)->has_value());
  security.fs_group = -1;
  EXPECT_TRUE(failed_with(group_owner(security), ErrorCode::InvalidArgument));
  security.fs_group = 999;
  security.fs_group_change_policy = "OnRootMismatch";
  EXPECT_TRUE((*group_owner(security))->only_on_root_mismatch);
}

}  // namespace
}  // namespace berth::volumes
