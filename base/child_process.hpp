// base/child_process.hpp - a helper process that was started; who waits for it is the caller's affair.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// A running child in a process group of its own. Destroying this neither ends nor reaps it.
struct ChildProcess {
  pid_t pid = 0;    ///< Also its process group: kill(2) with -pid ends what it started too.
  UniqueFd pidfd;   ///< Readable once it has ended; then waitpid(2) does not block. See pidfd_open(2).
  UniqueFd output;  ///< Its stdout, and its stderr unless that is shared; not blocking.
};

struct ChildStart {
  int input = -1;                 ///< Its stdin; -1: /dev/null.
  bool dies_with_caller = false;  ///< Killed when the calling thread ends (PR_SET_PDEATHSIG, prctl(2)).
  bool shares_errors = false;     ///< Its stderr is ours.
};

/// Starts argv[0], looked up in PATH as execvp(3) does, with no signal blocked.
/// Errors: NotFound (no such program), ResourceExhausted. Any thread.
Result<ChildProcess> start_child(const std::vector<std::string>& argv, const ChildStart& how = {});

}  // namespace berth
