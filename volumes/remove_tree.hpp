// volumes/remove_tree.hpp - rm -r that follows no link, enters no mount and stops in time.
#pragma once

#include <filesystem>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace berth::volumes {

/// Removes `path` and all below it. Gone is success; a symbolic link is removed, never followed. Any depth is
/// handled with a bounded number of descriptors. Call again after an error: what is removed stays removed.
/// Errors: FailedPrecondition (something below is a mount point: named and left alone), DeadlineExceeded
/// (`deadline` of the steady clock came first), PermissionDenied (immutable file, ...).
Status remove_tree(const std::filesystem::path& path, SteadyTime deadline);

}  // namespace berth::volumes
