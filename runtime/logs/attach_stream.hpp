// runtime/logs/attach_stream.hpp - asks the collector for a copy of a stream: the other end of attach_server.hpp.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {

/// A descriptor, non-blocking, that gives what the container writes from now on, and the end when the stream ends.
/// Errors: Unavailable (no collector, or it does not answer in time), NotFound (no such stream), ResourceExhausted (too
/// many are attached). Blocks for at most `deadline`.
Result<UniqueFd> attach_stream(const std::filesystem::path& socket, const std::string& container, bool is_stderr,
                               std::chrono::milliseconds deadline);

}  // namespace berth::runtime
