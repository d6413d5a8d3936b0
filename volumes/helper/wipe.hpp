// volumes/helper/wipe.hpp - makes a device that holds something blank.
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace berth::volumes::helper {

enum class Wipe {
  None,
  Signatures,  ///< What blkid knows it by (wipefs -a), and zeros over the first and last MiB.
  Zero,        ///< Zeros everywhere.
  Discard,     ///< blkdiscard: what it holds is no longer needed; then as Signatures.
};

/// On it afterwards libblkid finds nothing (but with None). Killed half-way: call again. Errors: as of run_step,
/// FailedPrecondition (somebody has the device open exclusively).
Status wipe(const std::filesystem::path& device, Wipe how);

}  // namespace berth::volumes::helper
