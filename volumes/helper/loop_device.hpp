// volumes/helper/loop_device.hpp - a disk image as a block device, see loop(4).
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "base/result.hpp"

namespace berth::volumes::helper {

/// Which file it is, whatever it is called: what the kernel says of a loop device too.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
};

/// Errors as of stat(2); InvalidArgument: not a regular file.
Result<FileIdentity> file_identity(const std::filesystem::path& file);

/// The loop device (/dev/loop3) that has all of this file; none when none has.
Result<std::optional<std::filesystem::path>> find_loop(const FileIdentity& file);

/// Attaches the image to a free loop device, with direct I/O where its file system can; a device that has it already is
/// found, and made as large as the file has become. Writable unless the file cannot be: who mounts it read-only today
/// may share it with who does not tomorrow. Errors: NotFound, ResourceExhausted (no free device), PermissionDenied.
Result<std::filesystem::path> attach_loop(const std::filesystem::path& image);

/// Gives the device of this file back. None is success. One that is still open somewhere goes with its last user.
Status detach_loop(const FileIdentity& file);

}  // namespace berth::volumes::helper
