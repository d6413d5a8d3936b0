// volumes/remove_tree.hpp - rm -r that follows no link, enters no mount and stops in time.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace berth::volumes {

/// Removes `path` and all below it. Gone is success; a symbolic link is removed, never followed. Any depth is
/// handled with a bounded number of descriptors. Call again after an error: what is removed stays removed.
/// Errors: FailedPrecondition (something below is a mount point: named and left alone), DeadlineExceeded
/// (`deadline` of the steady clock came first), PermissionDenied (immutable file, ...).
Status remove_tree(const std::filesystem::path& path, SteadyTime deadline);

/// The same for `name` in the open directory `parent`: where somebody may exchange the directories on the way (another
/// client of a share), a path could lead elsewhere by now. `shown` is what messages call it.
Status remove_tree(int parent, const std::string& name, const std::filesystem::path& shown, SteadyTime deadline);

/// Names in the open directory that begin with `prefix`, sorted.
Result<std::vector<std::string>> names_in(int directory, std::string_view prefix);

}  // namespace berth::volumes
