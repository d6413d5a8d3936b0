// tests/agent/directory_judge_test.cpp - when missing manifests prove that somebody removed them.
#include "agent/sources/directory_judge.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using std::chrono::seconds;
using Names = std::set<std::string>;

constexpr std::uint64_t kDisk = 1;
constexpr std::uint64_t kOtherDisk = 2;

class DirectoryJudgeTest : public testing::Test {
 protected:
  /// Whether it is believed.
  bool believes(const Names& names, std::uint64_t device = kDisk, std::uint64_t inode = 7, bool confirmed = false) {
    why_ = judge_.judge({device, inode, names, confirmed}, now_);
    return why_.empty();
  }
  void later(seconds by) { now_ += by; }
  void restart() { judge_ = DirectoryJudge(judge_.memory()); }

  DirectoryJudge judge_;
  SteadyTime now_{seconds{1000}};
  std::string why_;
};

TEST_F(DirectoryJudgeTest, FirstSightIsBelievedAlsoWhenEmpty) {
  EXPECT_TRUE(believes({}));
  EXPECT_TRUE(believes({"a"}));
}

TEST_F(DirectoryJudgeTest, OneOfManyAndTheOnlyOneMayBeRemoved) {
  EXPECT_TRUE(believes({"a", "b"}));
  EXPECT_TRUE(believes({"b"}));
  later(seconds{60});
  EXPECT_TRUE(believes({"b"}));
  EXPECT_TRUE(believes({})) << "the only one";
  EXPECT_TRUE(believes({})) << "and it stays believed";
}

TEST_F(DirectoryJudgeTest, SeveralAtOnceAreNotBelievedHoweverOftenWeLookMeanwhile) {
  EXPECT_TRUE(believes({"a", "b", "c"}));
  EXPECT_TRUE(believes({"b", "c"}));
  EXPECT_TRUE(believes({"c"}));
  EXPECT_FALSE(believes({})) << "rm -r is one step, also when it was seen in the middle";
  EXPECT_NE(why_.find("3 manifests (a, b and c) vanished at once"), std::string::npos) << why_;
  EXPECT_NE(why_.find(kConfirmationName), std::string::npos) << why_;
  later(seconds{86'400});
  EXPECT_FALSE(believes({})) << "time proves nothing";
  restart();
  EXPECT_FALSE(believes({})) << "nor does a restart";
  EXPECT_TRUE(believes({}, kDisk, 7, /*confirmed=*/true));
  EXPECT_TRUE(believes({})) << "confirmed once";
}

TEST_F(DirectoryJudgeTest, AToolThatBeginsAnewIsAwaited) {
  EXPECT_TRUE(believes({"a", "b"}));
  EXPECT_FALSE(believes({}));
  later(seconds{1});
  EXPECT_FALSE(believes({"a"})) << "b is on its way";
  EXPECT_NE(why_.find("still without 1 manifest (b)"), std::string::npos) << why_;
  later(seconds{1});
  EXPECT_TRUE(believes({"a", "b", "c"}));
  EXPECT_TRUE(believes({"a", "b"})) << "from now on as ever";
}

TEST_F(DirectoryJudgeTest, WhatAToolDoesNotBringBackIsGoneWhenItHasStopped) {
  EXPECT_TRUE(believes({"a", "b"}));
  EXPECT_FALSE(believes({}));
  EXPECT_FALSE(believes({"a"}));
  later(DirectoryJudge::kOneStep - seconds{1});
  EXPECT_FALSE(believes({"a"}));
  later(seconds{1});
  EXPECT_TRUE(believes({"a"}));
}

TEST_F(DirectoryJudgeTest, AnEmptyDirectoryThatIsAnotherOneIsNotBelieved) {
  EXPECT_TRUE(believes({"a"}));
  EXPECT_FALSE(believes({}, kOtherDisk, 2)) << "the directory below the mount";
  EXPECT_FALSE(believes({}, kDisk, 8)) << "made anew";
  EXPECT_TRUE(believes({"a"}, kDisk, 8)) << "a swapped directory with content is";
}

TEST_F(DirectoryJudgeTest, ASwappedDirectoryWithNewNamesIsARelease) {
  EXPECT_TRUE(believes({"app-1", "db-1"}));
  EXPECT_TRUE(believes({"app-2", "db-2"}, kDisk, 8));
}

TEST_F(DirectoryJudgeTest, AnotherFileSystemWithNothingOfWhatWasThereIsNotBelieved) {
  EXPECT_TRUE(believes({"a", "b"}));
  EXPECT_FALSE(believes({"stale"}, kOtherDisk)) << "left below the mount";
  later(seconds{86'400});
  EXPECT_FALSE(believes({"stale"}, kOtherDisk));
  EXPECT_TRUE(believes({"a", "b"}, kDisk));
  EXPECT_TRUE(believes({"a", "b"}, kOtherDisk)) << "the numbers of disks change over a reboot";
  EXPECT_TRUE(believes({"b"}, kDisk)) << "and one may have been removed meanwhile";
}

}  // namespace
}  // namespace berth::agent
