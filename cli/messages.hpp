// cli/messages.hpp - how failures reach the user: kubectl's words on stderr, exit code 1.
#pragma once

#include "base/result.hpp"

namespace berth::cli {

/// Prints the error, with "error: " before it unless it comes from the server. Returns 1.
int fail(const Error& error);

}  // namespace berth::cli
