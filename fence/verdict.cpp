// fence/verdict.cpp - see verdict.hpp.
#include "fence/verdict.hpp"

#include <algorithm>

namespace berth::fence {

Verdict judge(const Orders& orders, const Down& down, BootTime now) {
  Verdict out;
  out.past = orders.deadline != kNever && now >= orders.deadline;
  for (const auto& pod : orders.pods) {
    const auto before = down.find(pod.uid);
    if (out.past || (before != down.end() && before->second.admission == pod.admission)) {
      out.down.push_back(pod);
    } else if (before != down.end()) {
      out.release.push_back(before->second);
    }
  }
  for (const auto& [uid, pod] : down) {
    const auto is_it = [&uid = uid](const FencedPod& each) { return each.uid == uid; };
    if (std::none_of(orders.pods.begin(), orders.pods.end(), is_it)) out.release.push_back(pod);
  }
  if (!out.down.empty()) out.look_at = now + kLookEvery;
  if (!out.past && orders.deadline != kNever) {
    out.look_at = std::min(out.look_at.value_or(orders.deadline), orders.deadline);
  }
  return out;
}

}  // namespace berth::fence
