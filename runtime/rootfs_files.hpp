// runtime/rootfs_files.hpp - reads user databases out of an image's root before anything runs in it.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.hpp"
#include "runtime/containerd_client.hpp"
#include "runtime/user.hpp"

namespace berth::runtime {

/// /etc/passwd and /etc/group of the file system that `mounts` (of a snapshot just prepared) describe; a file that is
/// not there is empty. Symbolic links in the image cannot lead out of it (openat2(2), RESOLVE_IN_ROOT). An overlay is
/// mounted read-only under `scratch` and detached at once, so that nothing stays; see clear_scratch().
/// Errors: those of mount(2), and Unimplemented for a snapshotter that is neither bind nor overlay.
Result<UserFiles> read_user_files(const std::vector<SnapshotMount>& mounts, const std::filesystem::path& scratch);

/// Takes away what a read_user_files() left that was killed half way. Nothing there is success.
void clear_scratch(const std::filesystem::path& scratch);

}  // namespace berth::runtime
