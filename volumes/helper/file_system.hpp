// volumes/helper/file_system.hpp - what is on a device, and making, checking and growing a file system on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth::volumes::helper {

struct DeviceContent {
  enum class Kind {
    Blank,             ///< libblkid looked everywhere and found nothing.
    FileSystem,        ///< One that can be mounted: `type` as mount(8) calls it.
    UnfinishedFormat,  ///< mkfs.xfs marks what it has begun (sb_inprogress) until it is done.
    Other,             ///< Partition table, LVM, RAID, LUKS, swap, ...: `type` names it for a message.
  };
  Kind kind = Kind::Blank;
  std::string type;
};

/// Looks at a device or an image. Blank is said only of what could be read.
/// Errors: Unavailable (cannot be read), NotFound.
Result<DeviceContent> probe(const std::filesystem::path& device);

/// Are its first and last MiB nothing but zeros? Blank says only that there is no signature that libblkid knows.
Result<bool> ends_are_zero(const std::filesystem::path& device);

/// The file system's size in bytes by its superblock; 0 for types that we do not grow. Errors: Unavailable.
Result<std::uint64_t> file_system_bytes(const std::filesystem::path& device, std::string_view type);

/// Which file system `mount` shall get: `wanted` (the volume's fsType, may be empty) against what is there.
struct MountPlan {
  std::string type;
  bool format = false;  ///< The device is blank, or a format of it was broken off.
};
/// Errors: FailedPrecondition (something else is on it; blank but read-only), InvalidArgument (blank, and fsType is
/// none that we make). Pure.
Result<MountPlan> plan_mount(const std::filesystem::path& device, const DeviceContent& content,
                             const std::string& wanted, bool read_only);

/// The kubelet's command lines. Pure.
std::vector<std::string> format_command(const std::filesystem::path& device, const std::string& type,
                                        const DeviceContent& content);

/// Makes the file system. Killed on the way it leaves Blank or UnfinishedFormat: mke2fs and mkfs.btrfs write what they
/// are known by last. Errors: NotFound (mkfs is not installed), FailedPrecondition (mkfs's words: too small, ...).
Status format(const std::filesystem::path& device, const std::string& type, const DeviceContent& content);

/// Would repair() find nothing to do? Writes nothing, and takes as long.
bool is_clean(const std::filesystem::path& device, const std::string& type);

/// fsck -a of ext2, 3 and 4; the others repair themselves when mounted. Errors: DataLoss (fsck's words), Unavailable.
Status repair(const std::filesystem::path& device, const std::string& type);

/// mount(8) with these options. Mounted already is success. Errors: FailedPrecondition, DataLoss (the file system is
/// damaged), Unavailable.
Status mount_device(const std::filesystem::path& device, const std::string& type,
                    const std::vector<std::string>& options, const std::filesystem::path& target);

/// When the device is larger than the ext file system on it, and this process may not grow one in use (that needs
/// CAP_SYS_RESOURCE, which containers rarely have): checks it wholly and grows it before it is mounted.
/// Errors: as repair(), Unavailable.
Status grow_unmounted(const std::filesystem::path& device, const std::string& type);

/// When the device is larger than the file system mounted at `target`: grows it, in use. One that may not be grown in
/// use here is left for its next mount. Errors: NotFound, Unavailable.
Status grow(const std::filesystem::path& device, const std::string& type, const std::filesystem::path& target);

/// Is the device larger than the file system on it, by as much as is worth growing?
Result<bool> has_room_to_grow(const std::filesystem::path& device, const std::string& type);

}  // namespace berth::volumes::helper
