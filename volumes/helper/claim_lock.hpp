// volumes/helper/claim_lock.hpp - one job at a time on one claim, also when the agent that began it is gone.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::volumes::helper {

/// Do programs that we start keep the lock after we were killed? Yes, where they change what is locked: a mkfs or
/// lvcreate that lives on must have ended before anybody looks again. No, where they may leave a daemon behind.
enum class HandDown { Yes, No };

/// flock(2) on locks/<name>-<hash of what> in host_dir(), so also against another agent of this machine; free when
/// destroyed. Waits up to a minute, then Unavailable: `an earlier job on <what> is still running`.
Result<UniqueFd> take_lock(const std::string& name, const std::string& what, HandDown hand_down = HandDown::Yes);

}  // namespace berth::volumes::helper
