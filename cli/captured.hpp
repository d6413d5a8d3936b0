// cli/captured.hpp - what another program says, bounded in size and time.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace berth::cli {

struct Captured {
  std::string text;  ///< Standard output and error, as they came; its end says what was cut.
  int code = 0;      ///< Of its end; 128 and the signal's number when one ended it.
};

/// Runs argv[0] (looked up in PATH) and waits for its end. What it says beyond `most` bytes is not kept; after
/// `patience` it is killed, with what it started, and not waited for when even that does not end it. Errors: as
/// run_child().
Result<Captured> capture(const std::vector<std::string>& argv, std::size_t most, std::chrono::milliseconds patience);

}  // namespace berth::cli
