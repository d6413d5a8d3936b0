// cli/messages.hpp - how failures reach the user: kubectl's words on stderr, exit code 1.
#pragma once

#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::cli {

/// Prints the error and returns 1. Sentences of the server stand as they are ("Error from server (NotFound): ...",
/// "The StatefulSet "web" is invalid: ..."); before all others goes "error: ".
int fail(const Error& error);

/// As fail(), with a pointer to the command's --help.
int usage_error(std::string_view command, const Error& error);

/// A failed answer as kubectl words it, from its HTTP code and Status. The error's code follows the HTTP code: 404
/// NotFound, 409 AlreadyExists or Aborted, 410 OutOfRange, 405 and 415 Unimplemented, 422 InvalidArgument, 429
/// ResourceExhausted, 401 and 403 as named.
Error server_error(unsigned http_code, const json::value& status);

}  // namespace berth::cli
