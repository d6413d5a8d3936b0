// agent/shutdown_plan.hpp - the host goes down: which pods are stopped now, and by when they have to be gone. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "model/priority.hpp"

namespace berth::agent {

/// How long pods have when the host goes down: the kubelet's shutdownGracePeriod and shutdownGracePeriodCriticalPods.
struct ShutdownBudget {
  std::chrono::milliseconds whole{0};
  std::chrono::milliseconds critical{0};  ///< Of `whole`: the last part of it, for critical pods.
};

/// One pod of this host.
struct LeavingPod {
  std::string uid;
  std::int64_t priority = 0;
  std::string set;                  ///< uid of the OrderedReady set that it belongs to; empty: none.
  std::int32_t ordinal = 0;         ///< In that set.
  bool left = false;                ///< Nothing of it runs, its volumes are released.
  std::optional<SteadyTime> until;  ///< It was told to go, and has that long.
};

struct LeaveOrder {
  std::string uid;
  SteadyTime until{};  ///< What runs of it then is killed.
};

/// The pods that are to be told now. Lower priorities go first; of an ordered set the highest ordinal, each when the
/// one above has left. What is left of the time is shared evenly by the priorities, and by the ordinals of a set, that
/// still have to go, so that the last has its share however long those before took. A pod that outstays its time by
/// kLateLeave holds up nobody.
std::vector<LeaveOrder> plan_shutdown(const std::vector<LeavingPod>& pods, const ShutdownBudget& budget,
                                      SteadyTime began, SteadyTime now);

/// When plan_shutdown() may have something new to say though nobody has left: a pod outstays its time. None: never.
std::optional<SteadyTime> next_late(const std::vector<LeavingPod>& pods, SteadyTime now);

/// spec.priority of a Pod object, or what its priorityClassName stands for: the two classes that Kubernetes has itself.
std::int64_t priority_of(const json::object& pod);

using model::kCriticalPriority;
/// For SIGKILL to act, and for volumes to be given back.
constexpr std::chrono::seconds kLateLeave{2};

}  // namespace berth::agent
