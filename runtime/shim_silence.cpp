// runtime/shim_silence.cpp - see shim_silence.hpp.
#include "runtime/shim_silence.hpp"

#include <algorithm>

namespace berth::runtime {

void ShimSilence::asked(const std::string& container, SteadyTime begun, SteadyTime ended, WallTime wall,
                        bool is_answered) {
  const auto uid = pod_uid_of(container);
  if (uid.empty()) return;
  const std::scoped_lock lock(mutex_);
  if (is_answered) {
    // An answer to a question that is older than the silence may have waited on its way here: it ends it all the same,
    // and who asks next begins it anew.
    by_pod_.erase(uid);
    return;
  }
  auto& silence = by_pod_.try_emplace(uid, Silence{begun, ended, wall - (ended - begun)}).first->second;
  silence.last = std::max(silence.last, ended);
}

void ShimSilence::forget(const std::string& container) {
  const std::scoped_lock lock(mutex_);
  by_pod_.erase(pod_uid_of(container));
}

void ShimSilence::forget_all() {
  const std::scoped_lock lock(mutex_);
  by_pod_.clear();
}

std::vector<SilentShim> ShimSilence::silent() const {
  std::vector<SilentShim> out;
  const std::scoped_lock lock(mutex_);
  for (const auto& [uid, silence] : by_pod_) {
    if (silence.last - silence.first >= kLongest) out.push_back({uid, silence.since});
  }
  return out;
}

}  // namespace berth::runtime
