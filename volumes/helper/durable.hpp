// volumes/helper/durable.hpp - directories and names that survive a power cut.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.hpp"

namespace berth::volumes::helper {

/// fsync(2) of the directory: names made, moved or removed in it stay so.
Status sync_directory(const std::filesystem::path& directory);

/// One directory, with its name durable. There already is success; a link or anything else is FailedPrecondition.
Status make_durable_directory(const std::filesystem::path& directory, mode_t mode);

}  // namespace berth::volumes::helper
