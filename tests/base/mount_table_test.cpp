// tests/base/mount_table_test.cpp - mountinfo lines of real hosts.
#include "base/mount_table.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

constexpr std::string_view kText =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
    "30 22 0:26 / /run rw,nosuid shared:5 master:3 - tmpfs tmpfs rw,size=10%\n"
    "31 30 0:40 / /run/berth/pods/u1/data rw - nfs4 server:/ex\\040port rw,vers=4.2\n"
    "32 30 0:41 / /run/berth/pods/u1 rw - tmpfs tmpfs rw\n"
    "33 32 0:42 /sub /run/berth/pods/u1 rw - tmpfs second rw\n"
    "not a mount line\n"
    "34 30 0:43 / /run/berth/pods/u10 rw unbindable - tmpfs tmpfs rw\n"
    "35 30 0:44 / /run/with\\040space\\134 rw - tmpfs tmpfs rw\n"
    "36 30 0:45 / /run/cut rw shared:9";

TEST(MountTable, ReadsEveryFieldPastTheOptionalOnes) {
  const auto table = MountTable::parse(kText);
  EXPECT_EQ(table.entries().size(), 7U);
  const auto* run = table.find("/run");
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->id, 30);
  EXPECT_EQ(run->parent, 22);
  EXPECT_EQ(run->device, "0:26");
  EXPECT_EQ(run->root, "/");
  EXPECT_EQ(run->options, "rw,nosuid");
  EXPECT_EQ(run->fs_type, "tmpfs");
  EXPECT_EQ(run->source, "tmpfs");
  EXPECT_EQ(run->fs_options, "rw,size=10%");
}

TEST(MountTable, DecodesOctalEscapes) {
  const auto table = MountTable::parse(kText);
  ASSERT_NE(table.find("/run/with space\\"), nullptr);
  EXPECT_EQ(table.find("/run/berth/pods/u1/data")->source, "server:/ex port");
}

TEST(MountTable, FindsTheTopmostOfMountsOnOneTarget) {
  const auto table = MountTable::parse(kText);
  ASSERT_NE(table.find("/run/berth/pods/u1/"), nullptr);
  EXPECT_EQ(table.find("/run/berth/pods/u1/")->source, "second");
  EXPECT_EQ(table.find("/run/berth"), nullptr);
}

TEST(MountTable, ListsBelowDeepestAndNewestFirstAndNoNeighbours) {
  const auto table = MountTable::parse(kText);
  std::vector<int> ids;
  for (const auto& entry : table.below("/run/berth/pods/u1")) ids.push_back(entry.id);
  EXPECT_EQ(ids, (std::vector<int>{31, 33, 32}));
  EXPECT_EQ(table.below("/").size(), 7U);
  EXPECT_TRUE(table.below("/nowhere").empty());
}

TEST(IsNetworkType, IsWhatWaitsForSomebodyElse) {
  for (const auto* type : {"nfs", "nfs4", "cifs", "ceph", "9p", "fuse", "fuse.glusterfs"}) {
    EXPECT_TRUE(is_network_type(type)) << type;
  }
  for (const auto* type : {"ext4", "xfs", "tmpfs", "nfsd", "fuseblk", ""}) EXPECT_FALSE(is_network_type(type)) << type;
}

TEST(MountTable, ReadsThisHost) {
  const auto table = MountTable::read();
  ASSERT_TRUE(table.ok()) << table.error().message();
  EXPECT_NE(table->find("/proc"), nullptr);
}

}  // namespace
}  // namespace berth
