// fence/verdict.hpp - which pods must be down now, and when to look again. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fence/page.hpp"

namespace berth::fence {

/// Pods that were killed and may not run before they are admitted anew, by uid: as they were then.
using Down = std::map<std::string, FencedPod>;

struct Verdict {
  std::vector<FencedPod> down;      ///< Killed and kept from running: whatever comes to their cgroups is killed, too.
  std::vector<FencedPod> release;   ///< Were down, and were admitted anew or are no pods of this host any more.
  bool past = false;                ///< The deadline is over.
  std::optional<BootTime> look_at;  ///< None: when other orders come.
};

/// While pods are down, so often is looked whether anything has come to them: a start that was under way when its agent
/// was stopped.
constexpr std::chrono::milliseconds kLookEvery{200};

/// From the deadline on all pods of the orders are down. They stay so when it moves on: the agent that was hung may
/// have been about to start one by what it knew before, and others may have it by now. Only an admission that is newer
/// lets it run.
Verdict judge(const Orders& orders, const Down& down, BootTime now);

}  // namespace berth::fence
