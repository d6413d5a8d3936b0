// volumes/helper/block_device.hpp - what the kernel says of a block device.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace berth::volumes::helper {

/// The node behind `path`, links followed: /dev/disk/by-label/data -> /dev/sdb1.
/// Errors: NotFound, InvalidArgument (not a block device).
Result<std::filesystem::path> block_node(const std::filesystem::path& path);

/// "8:16", as in mountinfo and sysfs. Errors as of stat(2).
Result<std::string> device_number(const std::filesystem::path& node);

/// Size in bytes, of a device or an image file.
Result<std::uint64_t> device_bytes(const std::filesystem::path& node);

/// Does the kernel use it: a mount, a holder (LVM, RAID, multipath, swap), a program that opened it exclusively
/// (mkfs, fsck)? See open(2), O_EXCL. A process that merely has it open does not count. NotFound: no such device.
Result<bool> in_use(const std::filesystem::path& node);

/// Waits a moment for the last user to go; FailedPrecondition, saying where it is mounted, when it does not.
Status want_unused(const std::filesystem::path& node);

/// The multipath map that holds the disk ("sdb"), as a node (/dev/mapper/mpatha); none when there is none.
std::optional<std::filesystem::path> multipath_holder(const std::string& disk,
                                                      const std::filesystem::path& sys = "/sys");

/// Does multipathd run? It answers on an abstract socket.
bool multipathd_runs();

/// With several paths and a multipathd: waits up to a minute for the map, and returns it; else `disk`'s own node.
/// A disk that is held by a map is never used directly.
std::filesystem::path through_multipath(const std::string& disk, bool several_paths);

}  // namespace berth::volumes::helper
