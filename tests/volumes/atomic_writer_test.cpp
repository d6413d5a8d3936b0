// tests/volumes/atomic_writer_test.cpp - all of the new files or all of the old, whatever happened before.
#include "volumes/atomic_writer.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/temp_dir.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;

mode_t mode_of(const fs::path& path) {
  struct stat now = {};
  return ::stat(path.c_str(), &now) == 0 ? now.st_mode & 07777U : 0U;
}

std::size_t entries(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

TEST(AtomicWriter, FilesAreLinksThroughDataWithTheirModes) {
  const TempDir dir;
  const auto written = write_payload(dir.path(), {{"a.conf", {"one", 0640}}, {"certs/tls.key", {"two", 0400}}}, {});
  ASSERT_TRUE(written.ok()) << written.error().message();
  EXPECT_TRUE(*written);
  EXPECT_EQ(get(dir.path() / "a.conf"), "one");
  EXPECT_EQ(get(dir.path() / "certs/tls.key"), "two");
  EXPECT_EQ(fs::read_symlink(dir.path() / "a.conf"), "..data/a.conf");
  EXPECT_EQ(fs::read_symlink(dir.path() / "certs"), "..data/certs");
  EXPECT_EQ(mode_of(dir.path() / "a.conf"), 0640U);
  EXPECT_EQ(mode_of(dir.path() / "certs/tls.key"), 0400U);
}

TEST(AtomicWriter, SamePayloadWritesNothing) {
  const TempDir dir;
  const Payload payload = {{"a", {"one", 0644}}, {"b/c", {"two", 0600}}};
  ASSERT_TRUE(write_payload(dir.path(), payload, {}).ok());
  const auto before = fs::read_symlink(dir.path() / "..data");
  EXPECT_FALSE(write_payload(dir.path(), payload, {}).value_or(true));
  EXPECT_EQ(fs::read_symlink(dir.path() / "..data"), before);
}

TEST(AtomicWriter, ChangedContentModeOrKeySwitchesAndLeavesNoOldDirectory) {
  const TempDir dir;
  ASSERT_TRUE(write_payload(dir.path(), {{"a", {"one", 0644}}, {"b", {"two", 0644}}}, {}).ok());
  EXPECT_TRUE(write_payload(dir.path(), {{"a", {"ONE", 0644}}, {"b", {"two", 0644}}}, {}).value_or(false));
  EXPECT_EQ(get(dir.path() / "a"), "ONE");
  EXPECT_TRUE(write_payload(dir.path(), {{"a", {"ONE", 0600}}, {"b", {"two", 0644}}}, {}).value_or(false));
  EXPECT_EQ(mode_of(dir.path() / "a"), 0600U);
  EXPECT_TRUE(write_payload(dir.path(), {{"c", {"three", 0644}}}, {}).value_or(false));
  EXPECT_FALSE(fs::exists(fs::symlink_status(dir.path() / "a")));
  EXPECT_EQ(get(dir.path() / "c"), "three");
  EXPECT_EQ(entries(dir.path()), 3U);  // c, ..data and the directory it points to
}

TEST(AtomicWriter, LeftoversOfAKilledWriteAreCompletedOrRemoved) {
  const TempDir dir;
  const Payload payload = {{"a", {"one", 0644}}};
  ASSERT_TRUE(write_payload(dir.path(), payload, {}).ok());
  // Killed before the switch: a half-written directory and the link that was to be renamed.
  put(dir.path() / "..2020_01_01_00_00_00.7/a", "ha");
  fs::create_symlink("..2020_01_01_00_00_00.7", dir.path() / "..data_tmp");
  // Killed after the switch: the user's link is missing.
  fs::remove(dir.path() / "a");
  EXPECT_FALSE(write_payload(dir.path(), payload, {}).value_or(true));
  EXPECT_EQ(get(dir.path() / "a"), "one");
  EXPECT_EQ(entries(dir.path()), 3U);
}

TEST(AtomicWriter, DataPointingOutsideIsNeverFollowed) {
  const TempDir dir;
  const TempDir outside;
  put(outside.path() / "a", "one");
  fs::create_symlink(outside.path(), dir.path() / "..data");
  ASSERT_TRUE(write_payload(dir.path(), {{"a", {"one", 0644}}}, {}).ok());
  EXPECT_EQ(get(outside.path() / "a"), "one");
  EXPECT_EQ(fs::canonical(dir.path() / "a").string().rfind(dir.path().string(), 0), 0U);
}

TEST(AtomicWriter, EmptyPayloadIsAnEmptyVolumeAndTwiceIsNoChange) {
  const TempDir dir;
  EXPECT_TRUE(write_payload(dir.path(), {}, {}).value_or(false));
  EXPECT_FALSE(write_payload(dir.path(), {}, {}).value_or(true));
}

TEST(AtomicWriter, GroupCanReadFilesAndEnterDirectories) {
  const TempDir dir;
  ASSERT_TRUE(write_payload(dir.path(), {{"d/key", {"x", 0400}}}, ::getgid()).ok());
  EXPECT_EQ(mode_of(dir.path() / "d/key"), 0440U);
  EXPECT_EQ(mode_of(dir.path() / "d"), 02755U);
}

TEST(Payload, PathsThatEscapeHideOrCollideAreRefused) {
  for (const auto* path : {"", "/etc/passwd", "..", "../a", "a/../b", "a/..", "..data", "..x/y", "a//b", "a/", "./a"}) {
    EXPECT_TRUE(failed_with(check_payload({{path, {"", 0644}}}), ErrorCode::InvalidArgument)) << path;
  }
  EXPECT_TRUE(failed_with(check_payload({{"a", {"", 0644}}, {"a/b", {"", 0644}}}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(check_payload({{std::string(5000, 'a'), {"", 0644}}}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(check_payload({{std::string(300, 'a'), {"", 0644}}}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(check_payload({{"a..b", {"", 0644}}, {".hidden", {"", 0644}}, {"d/..x", {"", 0644}}}).ok());
}

TEST(Payload, TooManyFilesAreRefused) {
  Payload payload;
  for (std::size_t i = 0; i <= kMaxPayloadFiles; ++i) payload["f" + std::to_string(i)] = {};
  EXPECT_TRUE(failed_with(check_payload(payload), ErrorCode::ResourceExhausted));
}

}  // namespace
}  // namespace berth::volumes
