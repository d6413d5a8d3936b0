// volumes/atomic_writer.hpp - replaces the files of a volume all at once, as the kubelet's AtomicWriter does.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.hpp"
#include "volumes/payload.hpp"

namespace berth::volumes {

/// Makes `directory` (which exists, and is ours) show exactly `payload`:
///
///     directory/mongod.conf                   -> ..data/mongod.conf
///     directory/..data                        -> ..2026_11_21_09_45_00.1234
///     directory/..2026_11_21_09_45_00.1234/mongod.conf
///
/// A reader sees all of the old files or all of the new ones: one rename(2) of ..data switches. Nothing is
/// written when content and modes are the same. Killed half-way, the next call completes or cleans up.
/// With `group`, files belong to it and it can read them. True when something changed.
/// Errors: InvalidArgument, ResourceExhausted (see check_payload), or as of the file system.
Result<bool> write_payload(const std::filesystem::path& directory, const Payload& payload, std::optional<gid_t> group);

}  // namespace berth::volumes
