// volumes/helper/release.hpp - unmounts and detaches staged devices that nobody uses any more.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.hpp"
#include "volumes/helper/stage_record.hpp"

namespace berth::volumes::helper {

/// Undoes the staging of the device if these targets, which are taken down already, were its last.
/// Unavailable: still busy, named. DataLoss: its record cannot be understood; nothing is touched.
Status release_after(const StageDir& stage, const std::filesystem::path& run_dir,
                     const std::vector<std::filesystem::path>& targets);

/// The same for whatever was left behind: targets that are not there any more are forgotten. A stage that another
/// process works on is left to it.
Status release_if_unused(const StageDir& stage, const std::filesystem::path& run_dir);

}  // namespace berth::volumes::helper
