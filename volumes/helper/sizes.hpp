// volumes/helper/sizes.hpp - bytes: rounded, shown, and what a file system has left.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace berth::volumes::helper {

/// "10Gi", "1.5Gi", "512": at most one decimal, cut off, never more than there is. Pure.
std::string format_bytes(std::int64_t bytes);

/// The next multiple of `unit` (positive); the largest there is when that does not fit. Pure.
std::int64_t round_up(std::int64_t bytes, std::int64_t unit);

/// What unprivileged users may still write there, see statvfs(3).
Result<std::int64_t> free_bytes(const std::filesystem::path& directory);

}  // namespace berth::volumes::helper
