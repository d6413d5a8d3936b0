// base/child.hpp - run a helper process: deadline, bounded output, SIGKILL.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace berth {

struct ChildResult {
  int exit_code = 0;     ///< As wait(2) gives it; 128+N when ended by signal N.
  std::string output;    ///< stdout and stderr together, cut at the limit.
  std::size_t said = 0;  ///< How many bytes it wrote, what was cut included.
  bool in_time = true;   ///< False, with `late_output` only: killed at its deadline.
};

struct ChildOptions {
  std::chrono::milliseconds deadline{10'000};
  std::size_t max_output = 64 * 1024;
  /// Killed when the calling thread ends, even by SIGKILL (PR_SET_PDEATHSIG, prctl(2)): for disposable callers.
  bool dies_with_caller = false;
  bool shares_errors = false;  ///< Its stderr is ours, and not in `output`.
  /// At its deadline what it said until then is the result, and no error.
  bool late_output = false;
};

/// Runs argv[0] (looked up in PATH) and waits. Blocks: call it on a lane. It speaks English (LC_ALL=C), whatever the
/// host's language is.
///
/// Errors: NotFound (no such program), DeadlineExceeded (killed with SIGKILL; when even that does not
/// end it, a process in state D, it is left to itself and its pid is named in the text).
/// A program that ran and failed is not an error here: look at exit_code.
Result<ChildResult> run_child(const std::vector<std::string>& argv, const ChildOptions& options = {});

}  // namespace berth
