// tests/volumes/helper/probe_test.cpp - what is on an image decides whether it is formatted: only nothing is blank.
#include "volumes/helper/file_system.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>

#include "base/child.hpp"
#include "tests/temp_dir.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;
using Kind = DeviceContent::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uintmax_t kMi = 1024 * 1024;

class Probe : public ::testing::Test {
 protected:
  fs::path make_image(std::uintmax_t bytes) {
    std::ofstream(image_).close();
    fs::resize_file(image_, bytes);
    return image_;
  }
  void write_at(std::uintmax_t offset, std::string_view bytes) const {
    std::fstream file(image_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  /// False where the tool is not installed.
  static bool run(const std::vector<std::string>& argv) {
    const auto ran = run_child(argv, {.deadline = std::chrono::seconds(60)});
    return ran && ran->exit_code == 0;
  }
  DeviceContent look() const {
    const auto content = probe(image_);
    EXPECT_TRUE(content.ok()) << content.error().message();
    return content.value_or({Kind::Other, "nothing"});
  }

  TempDir dir_;
  fs::path image_ = dir_.path() / "disk.img";
};

TEST_F(Probe, ZerosAndGarbageAreBlank) {
  make_image(16 * kMi);
  EXPECT_EQ(look().kind, Kind::Blank);
  std::string garbage(2 * kMi, '\0');
  for (std::size_t i = 0; i < garbage.size(); ++i) garbage[i] = static_cast<char>(i * 2654435761U >> 13U);
  write_at(0, garbage);
  EXPECT_EQ(look().kind, Kind::Blank);
}

TEST_F(Probe, WhatCannotBeReadIsNotBlank) {
  EXPECT_TRUE(failed_with(probe(dir_.path() / "absent"), ErrorCode::NotFound));
  make_image(0);
  EXPECT_TRUE(failed_with(probe(image_), ErrorCode::Unavailable));
}

TEST_F(Probe, FileSystemsAreNamedWithTheirSizes) {
  for (const std::string type : {"ext2", "ext3", "ext4", "xfs", "btrfs"}) {
    make_image(512 * kMi);
    if (!run({fmt::format("mkfs.{}", type), image_.string()})) {
      ASSERT_TRUE(type == "xfs" || type == "btrfs") << type;
      continue;  // not installed
    }
    EXPECT_EQ(look().kind, Kind::FileSystem) << type;
    EXPECT_EQ(look().type, type);
    const auto bytes = file_system_bytes(image_, type).value_or(0);
    EXPECT_LE(bytes, 512 * kMi) << type;
    EXPECT_GE(bytes, 511 * kMi) << type;
  }
}

TEST_F(Probe, DamagedSuperblockIsNotBlank) {
  make_image(64 * kMi);
  ASSERT_TRUE(run({"mkfs.ext4", "-q", image_.string()}));
  constexpr std::uintmax_t kLabel = 1024 + 0x78;
  write_at(kLabel, "flipped");  // its checksum is wrong now
  EXPECT_EQ(look().kind, Kind::FileSystem);
}

TEST_F(Probe, XfsWhoseMkfsWasKilledIsUnfinishedAndIsMadeAgain) {
  make_image(512 * kMi);
  if (!run({"mkfs.xfs", "-q", image_.string()})) GTEST_SKIP() << "no mkfs.xfs";
  write_at(126, "\x01");  // sb_inprogress
  const auto content = look();
  EXPECT_EQ(content.kind, Kind::UnfinishedFormat);
  EXPECT_EQ(content.type, "xfs");
  ASSERT_TRUE(format(image_, "xfs", content).ok());
  EXPECT_EQ(look().kind, Kind::FileSystem);
}

TEST_F(Probe, PartitionTablesVolumesAndSwapAreSomethingElse) {
  make_image(64 * kMi);
  ASSERT_TRUE(run({"mkswap", image_.string()}));
  EXPECT_EQ(look().kind, Kind::Other);
  EXPECT_EQ(look().type, "swap");

  make_image(64 * kMi);  // MBR with one Linux partition
  std::string table(66, '\0');
  table[0] = '\x80';
  table[4] = '\x83';
  table[9] = '\x08';
  table[13] = '\x08';
  table[64] = '\x55';
  table[65] = '\xAA';
  write_at(446, table);
  EXPECT_EQ(look().kind, Kind::Other);
  EXPECT_THAT(look().type, HasSubstr("partition table (dos)"));

  make_image(64 * kMi);  // LVM2's label in sector 1, with a checksum that is wrong
  std::string label("LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001", 32);
  label += "abcdefghijklmnopqrstuvwxyz012345";
  write_at(512, label);
  EXPECT_EQ(look().kind, Kind::Other);
  EXPECT_EQ(look().type, "LVM2_member");

  make_image(64 * kMi);
  write_at(0, std::string_view("LUKS\xba\xbe\0\x02", 8));
  EXPECT_EQ(look().kind, Kind::Other);
}

TEST_F(Probe, FormatsOverNothingButItsOwn) {
  make_image(64 * kMi);
  ASSERT_TRUE(format(image_, "ext4", look()).ok());
  EXPECT_EQ(look().type, "ext4");
  EXPECT_TRUE(repair(image_, "ext4").ok());
  const auto small = make_image(4096);
  const auto failed = format(small, "ext4", {});
  EXPECT_TRUE(failed_with(failed, ErrorCode::FailedPrecondition));
}

TEST(MountPlan, FollowsWhatIsThere) {
  const fs::path device = "/dev/sdb";
  const auto plan = [&](const DeviceContent& content, const std::string& wanted, bool read_only) {
    const auto made = plan_mount(device, content, wanted, read_only);
    if (!made) return fmt::format("{}: {}", to_string(made.error().code()), made.error().message());
    return fmt::format("{}{}", made->type, made->format ? " new" : "");
  };
  EXPECT_EQ(plan({Kind::Blank, ""}, "", false), "ext4 new");
  EXPECT_EQ(plan({Kind::Blank, ""}, "xfs", false), "xfs new");
  EXPECT_EQ(plan({Kind::UnfinishedFormat, "xfs"}, "xfs", false), "xfs new");
  EXPECT_EQ(plan({Kind::FileSystem, "xfs"}, "", false), "xfs");
  EXPECT_EQ(plan({Kind::FileSystem, "xfs"}, "xfs", true), "xfs");
  EXPECT_EQ(plan({Kind::FileSystem, "ext3"}, "ext4", false), "ext3");
  EXPECT_EQ(plan({Kind::FileSystem, "vfat"}, "vfat", false), "vfat");
  EXPECT_EQ(plan({Kind::FileSystem, "xfs"}, "ext4", false),
            "FailedPrecondition: device /dev/sdb holds xfs, the volume says ext4");
  EXPECT_EQ(plan({Kind::Other, "LVM2_member"}, "", false),
            "FailedPrecondition: device /dev/sdb holds LVM2_member: neither mounted nor formatted");
  EXPECT_EQ(plan({Kind::Blank, ""}, "", true),
            "FailedPrecondition: device /dev/sdb is blank, and a read-only volume is not formatted");
  EXPECT_THAT(plan({Kind::Blank, ""}, "zfs", false),
              HasSubstr("InvalidArgument: device /dev/sdb is blank, and fsType"));
}

TEST(FormatCommand, IsTheKubelets) {
  EXPECT_THAT(format_command("/dev/sdb", "ext4", {}), ElementsAre("mkfs.ext4", "-F", "-m0", "/dev/sdb"));
  EXPECT_THAT(format_command("/dev/sdb", "xfs", {}), ElementsAre("mkfs.xfs", "/dev/sdb"));
  EXPECT_THAT(format_command("/dev/sdb", "xfs", {Kind::UnfinishedFormat, "xfs"}),
              ElementsAre("mkfs.xfs", "-f", "/dev/sdb"));
}

}  // namespace
}  // namespace berth::volumes::helper
