// tests/base/drop_ins_test.cpp - which files are laid over a configuration file, and in which order.
#include "base/drop_ins.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

namespace berth {
namespace {

class DropInsTest : public testing::Test {
 protected:
  void put(const std::string& name) {
    ASSERT_TRUE(make_directories(root_ / "berthd.d"));
    ASSERT_TRUE(write_file(root_ / "berthd.d" / name, "{}"));
  }

  const TempDir dir_;
  const std::filesystem::path& root_ = dir_.path();
};

TEST_F(DropInsTest, AreBesideTheFile) {
  EXPECT_EQ(drop_in_directory("/etc/berth/berthd.yaml"), "/etc/berth/berthd.d");
  EXPECT_EQ(drop_in_directory("/etc/berth/second"), "/etc/berth/second.d");
}

TEST_F(DropInsTest, NoDirectoryIsNone) {
  const auto files = drop_ins(root_ / "berthd.yaml");
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_TRUE(files->empty());
}

TEST_F(DropInsTest, ComeByNameAndOnlyYaml) {
  for (const auto* name : {"20-b.yaml", "10-a.yaml", ".10-a.yaml", "10-a.yaml.dpkg-new", "README", "30-c.yml"})
    put(name);
  const auto files = drop_ins(root_ / "berthd.yaml");
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(*files, (std::vector{root_ / "berthd.d" / "10-a.yaml", root_ / "berthd.d" / "20-b.yaml"}));
}

TEST_F(DropInsTest, AHundredAreEnough) {
  for (auto i = 100; i < 200; ++i) put(std::to_string(i) + ".yaml");
  EXPECT_EQ(drop_ins(root_ / "berthd.yaml")->size(), 100U);
  put("one-more.yaml");
  EXPECT_TRUE(failed_with(drop_ins(root_ / "berthd.yaml"), ErrorCode::ResourceExhausted));
}

TEST_F(DropInsTest, AFileInItsPlaceIsAnError) {
  ASSERT_TRUE(write_file(root_ / "berthd.d", ""));
  const auto files = drop_ins(root_ / "berthd.yaml");
  ASSERT_FALSE(files);
  EXPECT_NE(files.error().message().find("berthd.d: Not a directory"), std::string::npos) << files.error().message();
}

}  // namespace
}  // namespace berth
