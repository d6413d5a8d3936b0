// tests/fence/verdict_test.cpp - who is killed, who stays down, who may run again, and when it is looked.
#include "fence/verdict.hpp"

#include <gtest/gtest.h>

#include "fence/storage_cut.hpp"

namespace berth::fence {
namespace {

using std::chrono::seconds;

constexpr BootTime kNow = seconds(1000);

FencedPod pod(const std::string& uid, std::uint64_t admission) {
  return {.uid = uid, .cgroup = "/berth-pods/pod" + uid, .admission = admission};
}

TEST(FenceVerdict, BeforeTheDeadlineNothingIsDoneAndTheDeadlineIsWaitedFor) {
  const Orders orders{.generation = 1, .deadline = kNow + seconds(1), .pods = {pod("a", 1)}};
  const auto verdict = judge(orders, {}, kNow);
  EXPECT_TRUE(verdict.down.empty());
  EXPECT_TRUE(verdict.release.empty());
  EXPECT_FALSE(verdict.past);
  EXPECT_EQ(verdict.look_at, orders.deadline);
}

TEST(FenceVerdict, FromTheDeadlineOnAllAreDownAndItIsLookedAgainAndAgain) {
  const Orders orders{.generation = 1, .deadline = kNow, .pods = {pod("a", 1), pod("b", 1)}};
  for (const auto later : {seconds(0), seconds(1), seconds(100'000)}) {
    const auto verdict = judge(orders, {{"a", pod("a", 1)}}, kNow + later);
    EXPECT_EQ(verdict.down, orders.pods);
    EXPECT_TRUE(verdict.past);
    EXPECT_EQ(verdict.look_at, kNow + later + kLookEvery);
  }
}

TEST(FenceVerdict, DisarmedNothingIsEverDone) {
  const Orders orders{.generation = 1, .deadline = kNever, .pods = {pod("a", 1)}};
  const auto verdict = judge(orders, {}, kNow);
  EXPECT_TRUE(verdict.down.empty());
  EXPECT_EQ(verdict.look_at, std::nullopt);
}

/// An agent that was hung wakes up, its session is new, and a start that it began before is still under way.
TEST(FenceVerdict, WhatWasKilledStaysDownUntilItIsAdmittedAnew) {
  Orders orders{.generation = 2, .deadline = kNow + seconds(9), .pods = {pod("a", 1), pod("b", 1)}};
  const Down down{{"a", pod("a", 1)}, {"b", pod("b", 1)}};
  auto verdict = judge(orders, down, kNow);
  EXPECT_EQ(verdict.down, orders.pods) << "a deadline that moves on lets nobody run";
  EXPECT_EQ(verdict.look_at, kNow + kLookEvery);
  orders.pods[0].admission = 3;
  verdict = judge(orders, down, kNow);
  EXPECT_EQ(verdict.down, std::vector{pod("b", 1)});
  EXPECT_EQ(verdict.release, std::vector{pod("a", 1)});
}

TEST(FenceVerdict, APodThatIsGoneFromTheHostIsLetGo) {
  const Orders orders{.generation = 2, .deadline = kNow + seconds(9), .pods = {}};
  const auto verdict = judge(orders, {{"a", pod("a", 1)}}, kNow);
  EXPECT_EQ(verdict.release, std::vector{pod("a", 1)});
  EXPECT_TRUE(verdict.down.empty());
  EXPECT_EQ(verdict.look_at, orders.deadline);
}

TEST(FenceVerdict, AnAdmissionDoesNotHelpPastTheDeadline) {
  const Orders orders{.generation = 3, .deadline = kNow - seconds(1), .pods = {pod("a", 3)}};
  const auto verdict = judge(orders, {{"a", pod("a", 1)}}, kNow);
  EXPECT_EQ(verdict.down, orders.pods);
  EXPECT_TRUE(verdict.release.empty());
}

TEST(FenceStorage, OnlyAPodsVolumesOfServersAndDevicesAreCutAndWhatTheyAreStagedFrom) {
  const auto table = MountTable::parse(
      "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
      "30 21 0:50 / /run/berth/pods/a/mounts/share rw - nfs4 server:/x rw\n"
      "31 21 8:16 / /run/berth/pods/a/mounts/disk rw - ext4 /dev/sdb rw\n"
      "32 31 8:16 /sub /run/berth/pods/a/subpaths/main/0 rw - ext4 /dev/sdb rw\n"
      "33 21 8:16 / /run/berth/staged/k1/mount rw - ext4 /dev/sdb rw\n"
      "34 21 8:32 / /run/berth/staged/k2/mount rw - ext4 /dev/sdc rw\n"
      "35 21 8:32 / /run/berth/pods/b/mounts/disk rw - ext4 /dev/sdc rw\n"
      "36 21 8:1 /var/x /run/berth/pods/a/mounts/local rw - ext4 /dev/sda1 rw\n"
      "37 21 0:60 / /run/berth/pods/a/volumes/memory/tmp rw - tmpfs tmpfs rw\n");
  const auto cut = find_cut(table, "/run/berth", "a");
  EXPECT_EQ(cut.unmount.front(), "/run/berth/pods/a/subpaths/main/0");
  EXPECT_EQ(cut.unmount.back(), "/run/berth/staged/k1/mount");
  EXPECT_EQ(cut.unmount.size(), 5U);
  EXPECT_EQ(cut.force, std::vector<std::string>{"/run/berth/pods/a/mounts/share"});
  EXPECT_EQ(cut.devices, std::vector<std::string>{"8:16"}) << "not the disk that the host itself is on";
  EXPECT_TRUE(find_cut(table, "/run/berth", "c").empty());
}

TEST(FenceStorage, OnlyADiskThatAnIscsiSessionBroughtMayBeDeleted) {
  const std::string disk = "/sys/devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdb";
  EXPECT_EQ(iscsi_disk(disk), disk);
  EXPECT_EQ(iscsi_disk(disk + "/sdb1"), disk);
  EXPECT_EQ(iscsi_disk("/sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1"), "");
  EXPECT_EQ(iscsi_disk("/sys/devices/virtual/block/loop0"), "");
  EXPECT_EQ(iscsi_disk(""), "");
}

}  // namespace
}  // namespace berth::fence
