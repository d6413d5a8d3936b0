// agent/sets/daemon_set_plan.hpp - one pod of a DaemonSet on this node, or none. Pure.
#pragma once

#include "agent/sets/set_plan.hpp"

namespace berth::agent {

/// Kubernetes' DaemonSet rules for one node: a pod here exactly when selector, affinity and taints allow it; a
/// failed one is made again; a changed template replaces it (RollingUpdate) or waits for its deletion (OnDelete).
SetPlan plan_daemon_set(const model::DaemonSet& set, const SetFacts& facts);

}  // namespace berth::agent
