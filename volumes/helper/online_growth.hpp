// volumes/helper/online_growth.hpp - a file system grows with its device while pods use it.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "model/model.hpp"

namespace berth::volumes::helper {

/// Grows the file system that is staged from this volume (run_dir/staged/<key>/mount) to its device's size; nothing to
/// do when none is: the next publish grows it then. Errors: as of grow(); FailedPrecondition: this
/// process may not grow a mounted ext4 (capabilities(7), CAP_SYS_RESOURCE), the next publish does.
Status grow_if_staged(const std::filesystem::path& run_dir, const model::PersistentSource& source);

}  // namespace berth::volumes::helper
