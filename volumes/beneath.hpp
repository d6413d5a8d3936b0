// volumes/beneath.hpp - openat2(2): opening paths that somebody hostile may be changing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::volumes {

/// What a component may be. See openat2(2) for the RESOLVE_ flags.
enum class Links {
  Refuse,       ///< RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS: any symbolic link is an error.
  StayBeneath,  ///< RESOLVE_BENEATH | NO_MAGICLINKS: links are followed while they stay below the directory.
};

/// Opens `path` below `dir` with open(2) `flags` (O_CLOEXEC is added). With `same_mount` a mount point on the
/// way is an error too (RESOLVE_NO_XDEV, which also stops at bind mounts of the same file system).
/// The descriptor, or -1 with errno: ELOOP (a link), EXDEV (leaves `dir` or its mount), EAGAIN (a rename raced; retried
/// here a few times first), or as of open(2).
UniqueFd open_beneath(int dir, const std::string& path, int flags, Links links, bool same_mount = false);

/// Opens a directory of ours by its full path, O_PATH; the last component may not be a link.
Result<UniqueFd> open_directory(const std::filesystem::path& path);

}  // namespace berth::volumes
