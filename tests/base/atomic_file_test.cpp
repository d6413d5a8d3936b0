// tests/base/atomic_file_test.cpp - all of the new content or all of the old.
#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace berth {
namespace {

namespace fs = std::filesystem;

class AtomicFile : public testing::Test {
 protected:
  TempDir temp_;
  const fs::path dir_ = temp_.path();
};

TEST_F(AtomicFile, WritesReplacesAndReadsBack) {
  const auto path = dir_ / "state";
  ASSERT_TRUE(write_file(path, "one", 0640, Durability::Durable).ok());
  ASSERT_TRUE(write_file(path, "two", 0600).ok());
  const auto text = read_file(path);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "two");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(AtomicFile, SetsTheModeWhateverTheUmask) {
  const auto before = ::umask(0077);
  const auto written = write_file(dir_ / "open", "x", 0666);
  const auto made = make_directories(dir_ / "a/b", 0775);
  ::umask(before);
  ASSERT_TRUE(written.ok());
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(static_cast<unsigned>(fs::status(dir_ / "open").permissions()), 0666U);
  EXPECT_EQ(static_cast<unsigned>(fs::status(dir_ / "a").permissions()), 0775U);
  EXPECT_EQ(static_cast<unsigned>(fs::status(dir_ / "a/b").permissions()), 0775U);
}

TEST_F(AtomicFile, AFailedWriteLeavesTheOldFileAndNoLitter) {
  const auto path = dir_ / "target";
  ASSERT_TRUE(make_directories(path / "not-empty").ok());  // rename over it fails
  EXPECT_FALSE(write_file(path, "x").ok());
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()), 1);
  EXPECT_TRUE(failed_with(write_file(dir_ / "none" / "x", "x"), ErrorCode::NotFound));
}

TEST_F(AtomicFile, RefusesAFileOverTheLimit) {
  const auto path = dir_ / "big";
  ASSERT_TRUE(write_file(path, std::string(1000, 'x')).ok());
  EXPECT_EQ(read_file(path, 1000)->size(), 1000U);
  EXPECT_TRUE(failed_with(read_file(path, 999), ErrorCode::ResourceExhausted));
}

TEST_F(AtomicFile, ReadsFilesWhoseSizeTheKernelDoesNotSay) {
  const auto text = read_file("/proc/self/status");
  ASSERT_TRUE(text.ok());
  EXPECT_NE(text->find("Pid:"), std::string::npos);
  EXPECT_TRUE(failed_with(read_file("/proc/self/status", 10), ErrorCode::ResourceExhausted));
}

TEST_F(AtomicFile, DoesNotHangOnAFifoOrReadADirectory) {
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(failed_with(read_file(dir_ / "fifo"), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(read_file(dir_), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(read_file(dir_ / "none"), ErrorCode::NotFound));
}

TEST_F(AtomicFile, MakingADirectoryTwiceSucceedsAndAFileInTheWayDoesNot) {
  EXPECT_TRUE(make_directories(dir_ / "a" / "b" / "").ok());
  EXPECT_TRUE(make_directories(dir_ / "a/b").ok());
  ASSERT_TRUE(write_file(dir_ / "file", "x").ok());
  EXPECT_TRUE(failed_with(make_directories(dir_ / "file" / "x"), ErrorCode::InvalidArgument));
}

}  // namespace
}  // namespace berth
