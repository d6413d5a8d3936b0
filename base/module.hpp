// base/module.hpp - a part of the program that is loaded when it is first needed.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace berth {

/// Loads `file` ("berth-https.so") from beside the program or from ../lib/berth, and returns the address of `symbol` in
/// it. It stays loaded for the life of the process, see dlopen(3). FailedPrecondition: not installed, or it does not
/// load; what dlerror(3) says. Any thread.
Result<void*> load_module(std::string_view file, std::string_view symbol);

}  // namespace berth
