// tests/volumes/helper/device_users_test.cpp - who uses a device, from a made-up /sys and mountinfo.
#include "volumes/helper/device_users.hpp"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "tests/temp_dir.hpp"

namespace berth::volumes::helper {
namespace {

class DeviceUsers : public ::testing::Test {
 protected:
  DeviceUsers() {
    host_.sys = dir_.path();
    host_.mounts = MountTable::parse(
        "30 1 8:17 / /data rw - ext4 /dev/sdb1 rw\n"
        "31 1 8:33 / /other\\040place rw - xfs /dev/sdc1 rw\n");
    put(dir_.path() / "dev/block/8:16/size", "2048");
    put(dir_.path() / "dev/block/8:16/sdb1/partition", "1\n");
    put(dir_.path() / "dev/block/8:16/sdb1/dev", "8:17\n");
    put(dir_.path() / "dev/block/8:16/sdb2/partition", "2\n");
    put(dir_.path() / "dev/block/8:16/sdb2/dev", "8:18\n");
    put(dir_.path() / "dev/block/8:18/holders/dm-3/dm/name", "vg0-root\n");
    put(dir_.path() / "dev/block/8:48/holders/md0/size", "1");
  }

  TempDir dir_;
  HostView host_;
};

TEST_F(DeviceUsers, AMountIsOfItsDeviceOnly) {
  EXPECT_EQ(device_users(makedev(8, 17), host_), std::vector<std::string>{"mounted at /data"});
  EXPECT_EQ(device_users(makedev(8, 33), host_), std::vector<std::string>{"mounted at /other place"});
  EXPECT_TRUE(device_users(makedev(8, 34), host_).empty());
}

TEST_F(DeviceUsers, UsersOfPartitionsAreUsersOfTheDisk) {
  EXPECT_EQ(device_users(makedev(8, 16), host_),
            (std::vector<std::string>{"mounted at /data (sdb1)", "part of dm-3 (vg0-root) (sdb2)"}));
  EXPECT_EQ(partitions_of(makedev(8, 16), host_), (std::vector<std::string>{"sdb1", "sdb2"}));
  EXPECT_TRUE(partitions_of(makedev(8, 17), host_).empty());
}

TEST_F(DeviceUsers, HoldersAreNamed) {
  EXPECT_EQ(device_users(makedev(8, 48), host_), std::vector<std::string>{"part of md0"});
}

}  // namespace
}  // namespace berth::volumes::helper
