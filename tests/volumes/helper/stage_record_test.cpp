// tests/volumes/helper/stage_record_test.cpp - who has a device, as its staging directory tells it.
#include "volumes/helper/stage_record.hpp"

#include <gtest/gtest.h>

#include "tests/temp_dir.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

class Stage : public ::testing::Test {
 protected:
  TempDir dir_;
  StageDir stage_{dir_.path() / "staged/local-1"};
};

TEST_F(Stage, RecordIsReadAsItWasWrittenAndHasNoSecret) {
  EXPECT_FALSE(read_record(stage_)->has_value());
  fs::create_directories(stage_.dir);
  const StageRecord record{"data-db-0", model::LocalSource{"/images/a.img", "xfs"}, true, {{"loop", {{"ours", true}}}}};
  ASSERT_TRUE(write_record(stage_, record).ok());
  const auto read = read_record(stage_);
  ASSERT_TRUE(read.ok() && read->has_value());
  EXPECT_EQ((*read)->name, "data-db-0");
  EXPECT_EQ(std::get<model::LocalSource>((*read)->source).path, "/images/a.img");
  EXPECT_TRUE((*read)->block);
  EXPECT_EQ((*read)->attachment, record.attachment);
}

TEST_F(Stage, RecordThatCannotBeUnderstoodIsAnErrorNotAnAbsence) {
  for (const auto* const text : {"", "{", "[]", "{}", R"({"source": {}, "block": 1, "attachment": {}})"}) {
    put(stage_.record, text);
    EXPECT_TRUE(failed_with(read_record(stage_), ErrorCode::DataLoss)) << text;
  }
}

TEST_F(Stage, TheLastTargetStaysForWhoeverReleases) {
  const fs::path one = "/run/berth/pods/one/mounts/data";
  const fs::path two = "/run/berth/pods/two/mounts/data";
  ASSERT_TRUE(add_target(stage_, one).ok());
  ASSERT_TRUE(add_target(stage_, one).ok());
  ASSERT_TRUE(add_target(stage_, two).ok());
  EXPECT_EQ(read_targets(stage_)->size(), 2U);
  EXPECT_TRUE(leave_to_others(stage_, {one}).value_or(false));
  EXPECT_EQ(read_targets(stage_).value_or(std::vector<fs::path>()), std::vector<fs::path>{two});
  EXPECT_FALSE(leave_to_others(stage_, {two}).value_or(true));
  EXPECT_EQ(read_targets(stage_)->size(), 1U);  // still there when the release is killed and run again
  put(stage_.record, "{}");
  fs::create_directory(stage_.mount);
  ASSERT_TRUE(remove_stage(stage_).ok());
  EXPECT_FALSE(fs::exists(stage_.dir));
  EXPECT_TRUE(leave_to_others(stage_, {two}).value_or(false));  // released by another
}

TEST_F(Stage, LockOfARemovedDirectoryIsTakenAnew) {
  auto first = FileLock::wait(stage_.lock, "data-db-0", std::chrono::seconds(0));
  ASSERT_TRUE(first.ok());
  const auto second = FileLock::wait(stage_.lock, "data-db-0", std::chrono::seconds(0));
  ASSERT_TRUE(failed_with(second, ErrorCode::Unavailable));
  EXPECT_FALSE(FileLock::try_existing(stage_.lock)->has_value());
  ASSERT_TRUE(remove_stage(stage_).ok());
  EXPECT_TRUE(FileLock::wait(stage_.lock, "data-db-0", std::chrono::seconds(0)).ok());
  EXPECT_FALSE(FileLock::try_existing(dir_.path() / "absent")->has_value());
}

TEST(IsBelow, KnowsNamesThatOnlyBeginAlike) {
  EXPECT_TRUE(is_below("/run/pods/a/mounts", "/run/pods/a"));
  EXPECT_TRUE(is_below("/run/pods/a", "/run/pods/a/"));
  EXPECT_FALSE(is_below("/run/pods/ab", "/run/pods/a"));
  EXPECT_FALSE(is_below("/run/pods", "/run/pods/a"));
}

}  // namespace
}  // namespace berth::volumes::helper
