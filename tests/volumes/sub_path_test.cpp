// tests/volumes/sub_path_test.cpp - attacks from inside a volume; none may reach what is outside.
#include "volumes/sub_path.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "tests/temp_dir.hpp"
#include "volumes/atomic_writer.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;

fs::path where(const UniqueFd& fd) { return fs::read_symlink("/proc/self/fd/" + std::to_string(fd.get())); }

class SubPath : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(volume_);
    put(outside_ / "secret", "do not touch");
  }

  TempDir dir_;
  fs::path volume_ = dir_.path() / "volume";
  fs::path outside_ = dir_.path() / "outside";
};

TEST_F(SubPath, ExistingFileAndDirectoryAreFound) {
  put(volume_ / "etc/app/config.yaml", "x");
  EXPECT_EQ(where(*open_sub_path(volume_, "etc/app/config.yaml")), volume_ / "etc/app/config.yaml");
  EXPECT_EQ(where(*open_sub_path(volume_, "./etc//app/")), volume_ / "etc/app");
  EXPECT_EQ(where(*open_sub_path(volume_, "")), volume_);
}

TEST_F(SubPath, MissingDirectoriesAreMadeWithTheVolumesMode) {
  fs::permissions(volume_, fs::perms(0771));
  ASSERT_TRUE(open_sub_path(volume_, "a/b").ok());
  EXPECT_EQ(fs::status(volume_ / "a/b").permissions(), fs::perms(0771));
  EXPECT_TRUE(open_sub_path(volume_, "a/b").ok());
}

TEST_F(SubPath, AbsoluteAndDotDotAreRefused) {
  for (const auto* path : {"/", "/etc", "..", "../outside", "a/../../outside", "a/.."}) {
    EXPECT_TRUE(failed_with(open_sub_path(volume_, path), ErrorCode::InvalidArgument)) << path;
  }
  EXPECT_TRUE(failed_with(open_sub_path(volume_, std::string("a\0b", 3)), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(open_sub_path(volume_, std::string(5000, 'a')), ErrorCode::InvalidArgument));
}

TEST_F(SubPath, LinkToRootIsRefusedInEveryPlace) {
  fs::create_symlink("/", volume_ / "root");
  fs::create_symlink("../outside", volume_ / "up");
  fs::create_symlink(outside_ / "secret", volume_ / "file");
  for (const auto* path : {"root", "root/etc", "up", "up/secret", "up/made", "file"}) {
    EXPECT_TRUE(failed_with(open_sub_path(volume_, path), ErrorCode::InvalidArgument)) << path;
  }
  EXPECT_FALSE(fs::exists(outside_ / "made"));
}

TEST_F(SubPath, LinkInsideTheVolumeIsRefusedToo) {
  put(volume_ / "v1/data", "x");
  fs::create_symlink("v1", volume_ / "current");
  EXPECT_TRUE(failed_with(open_sub_path(volume_, "current/data"), ErrorCode::InvalidArgument));
}

TEST_F(SubPath, FileOnTheWayIsRefused) {
  put(volume_ / "file", "x");
  EXPECT_TRUE(failed_with(open_sub_path(volume_, "file/below"), ErrorCode::InvalidArgument));
}

TEST_F(SubPath, DirectorySwappedForALinkInALoopNeverLetsUsOut) {
  fs::create_directories(volume_ / "dir");
  fs::create_symlink(outside_, volume_ / "link");
  std::atomic<bool> stop = false;
  std::thread attacker([&] {
    const auto dir = volume_ / "dir";
    const auto link = volume_ / "link";
    while (!stop) ::renameat2(AT_FDCWD, dir.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
  });
  int found = 0;
  int refused = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto opened = open_sub_path(volume_, "dir/made/deeper");
    if (!opened) {
      EXPECT_TRUE(failed_with(opened, ErrorCode::InvalidArgument) || failed_with(opened, ErrorCode::Unavailable))
          << opened.error().message();
      ++refused;
      continue;
    }
    ++found;
    EXPECT_EQ(where(*opened).string().rfind(volume_.string() + "/", 0), 0U) << where(*opened);
  }
  stop = true;
  attacker.join();
  EXPECT_EQ(found + refused, 5000);
  EXPECT_GT(found, 0);
  EXPECT_FALSE(fs::exists(outside_ / "made"));
}

TEST_F(SubPath, WrittenVolumeIsFoundThroughItsLinks) {
  ASSERT_TRUE(write_payload(volume_, {{"nginx.conf", {"x", 0644}}, {"d/e", {"y", 0644}}}, {}).ok());
  const auto file = open_written_path(volume_, "nginx.conf");
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(get("/proc/self/fd/" + std::to_string(file->get())), "x");
  EXPECT_TRUE(open_written_path(volume_, "d/e").ok());
  EXPECT_TRUE(failed_with(open_written_path(volume_, "absent"), ErrorCode::NotFound));
}

TEST_F(SubPath, WrittenVolumeWithPlantedLinksStaysClosed) {
  ASSERT_TRUE(write_payload(volume_, {{"a", {"x", 0644}}}, {}).ok());
  fs::create_symlink(outside_ / "secret", volume_ / "absolute");
  fs::create_symlink("../outside/secret", volume_ / "relative");
  for (const auto* path : {"absolute", "relative", "..", "/etc"}) {
    EXPECT_TRUE(failed_with(open_written_path(volume_, path), ErrorCode::InvalidArgument)) << path;
  }
}

}  // namespace
}  // namespace berth::volumes
