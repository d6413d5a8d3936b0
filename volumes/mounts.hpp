// volumes/mounts.hpp - the few mount(2) calls of this room.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace berth::volumes {

/// Is anything mounted exactly at `target`? From mountinfo: touches no file system.
Result<bool> is_mounted(const std::filesystem::path& target);

/// Is the directory itself on tmpfs or ramfs? For our own directories only. See statfs(2).
Result<bool> in_memory(const std::filesystem::path& directory);

/// Mounts a tmpfs with `options` (tmpfs(5)) at `target`, which is made. Mounted already is success.
Status mount_tmpfs(const std::filesystem::path& target, const std::string& options);

/// Binds what `source` (a descriptor, O_PATH will do) refers to at `target`, which must exist and be of its kind.
/// The new mount is private: mounts that appear below it never travel back to the source when it is detached.
Status bind_descriptor(int source, const std::filesystem::path& target, bool read_only);

/// Detaches (MNT_DETACH) every mount at or below `directory`, deepest first. None is success. `directory` must
/// be one of ours. Unavailable: some came back meanwhile.
Status unmount_below(const std::filesystem::path& directory);

}  // namespace berth::volumes
