// fence/storage_cut.hpp - takes a killed pod's volumes from this host, so that nothing of it is written any more.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/mount_table.hpp"

namespace berth::fence {

/// What there is to cut.
struct Cut {
  std::vector<std::string> unmount;  ///< In this order.
  std::vector<std::string> force;    ///< Of them, those of a server that may be silent: MNT_FORCE first.
  std::vector<std::string> devices;  ///< "8:16": disks that the pod had, mounted or as they are.
  bool empty() const { return unmount.empty() && devices.empty(); }
};

/// Pure: the volumes of servers and devices that pod `uid` has, as volumes/pod_dirs.hpp lays them out, and what is
/// staged (RUN_DIR/staged/*/mount) of the same devices. What stays: files of the host itself, which are nobody else's.
Cut find_cut(const MountTable& table, const std::filesystem::path& run_dir, const std::string& uid);

/// The same, as it is now, with the devices that the pod has as they are.
Cut look(const std::filesystem::path& run_dir, const std::string& uid);

/// umount2(2) with MNT_FORCE where a server is behind it, then with MNT_DETACH; then the SCSI device goes
/// (/sys/block/X/device/delete) where an iSCSI session brought it, and no disk of the host's own ever does. May block
/// for as long as the kernel likes: call it from a child. `sysfs` is "/sys".
void make_cut(const Cut& cut, const std::filesystem::path& sysfs);

/// /sys/devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdb/sdb1 is of sdb: the disk's directory where it
/// came by an iSCSI session; empty: it did not. Pure.
std::filesystem::path iscsi_disk(const std::filesystem::path& device);

}  // namespace berth::fence
