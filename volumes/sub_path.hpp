// volumes/sub_path.hpp - one file or directory inside a volume, found safely and pinned.
#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "volumes/pod_dirs.hpp"

namespace berth::volumes {

/// Opens (O_PATH) `sub_path` below `volume`, with no symbolic link on the way: a pod can plant one in its volume at any
/// moment. Missing directories are made with the volume's own mode.
/// Errors: InvalidArgument (absolute, "..", a link on the way, a file where a directory is needed).
Result<UniqueFd> open_sub_path(const std::filesystem::path& volume, const std::string& sub_path);

/// The same inside a volume of the atomic writer, whose entries are links by design (name -> ..data/name). Only we
/// write there, and the kernel keeps the walk below the volume whatever the links say. Nothing is made.
/// Errors: NotFound, InvalidArgument.
Result<UniqueFd> open_written_path(const std::filesystem::path& volume, const std::string& sub_path);

/// See PodVolumes::sub_path.
Result<std::filesystem::path> pin_sub_path(const PodDirs& dirs, const std::string& container, int mount_index,
                                           const std::filesystem::path& volume, const std::string& sub_path);

}  // namespace berth::volumes
