// volumes/helper/device_users.hpp - who uses a block device or a disk image now.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/mount_table.hpp"
#include "base/result.hpp"

namespace berth::volumes::helper {

/// What of the host is looked at; tests bring their own.
struct HostView {
  MountTable mounts;
  std::string swaps;  ///< /proc/swaps
  std::filesystem::path sys = "/sys";
  std::vector<std::filesystem::path> run_dirs;  ///< Of all agents: for devices that pods have as they are.
};
/// `run_dir`: of the agent that asks; those of the others on this machine are found.
Result<HostView> look_at_host(const std::filesystem::path& run_dir);

/// Everybody who uses the device or a partition of it, as ends of "it is ...": "mounted at /data", "swap space",
/// "part of dm-3 (vg0-root)", "the disk behind /dev/loop4", "given to pod <uid> as data". Empty: nobody we can see from
/// here; only in_use() of block_device.hpp knows about other mount namespaces.
std::vector<std::string> device_users(dev_t device, const HostView& host);

/// Names of the partitions that the kernel sees on it: "sdb1". None for a partition.
std::vector<std::string> partitions_of(dev_t device, const HostView& host);

/// Only those of device_users() who have it as it is, or, with `mounts`, a file system of it: who must not share it.
std::vector<std::string> pods_and_mounts(dev_t device, const HostView& host, bool mounts);

/// Loop devices ("/dev/loop3") whose content is this file, found by device and inode: a renamed file is still found.
Result<std::vector<std::string>> loops_of(const std::filesystem::path& image, const HostView& host);

/// The number of a block device, links followed. NotFound, FailedPrecondition (not a block device).
Result<dev_t> block_number(const std::filesystem::path& device);

/// "8:16", as mountinfo and /sys/dev/block have it. Pure.
std::string number_text(dev_t device);

}  // namespace berth::volumes::helper
