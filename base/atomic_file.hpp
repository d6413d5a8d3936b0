// base/atomic_file.hpp - whole-file reads and writes: all of the new content or all of the old.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth {

/// Whether a write must survive a power cut before the call returns.
enum class Durability { Lazy, Durable };

/// Writes a temporary file next to `path`, then renames it over it. Durable: fsync of file and
/// directory first. Errors: as of open(2), write(2), rename(2); the old file is untouched then.
Status write_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0644,
                  Durability durability = Durability::Lazy);

/// The whole file; ResourceExhausted when it is larger than `max_bytes`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes = 16 * 1024 * 1024);

/// mkdir -p with `mode` for what is made.
Status make_directories(const std::filesystem::path& path, mode_t mode = 0755);

}  // namespace berth
