// agent/sets/daemon_set_plan.hpp - one pod of a DaemonSet on each node that takes it. Pure.
#pragma once

#include "agent/sets/set_plan.hpp"

namespace berth::agent {

/// Kubernetes' DaemonSet rules: a pod on each node of `facts` exactly when selector, affinity and taints allow it; a
/// failed one is made again; a changed template replaces it (RollingUpdate) or waits for its deletion (OnDelete).
///
/// A new pod's name comes from the set, the node and `facts.salt`, so that a second try of the same creation has the
/// same name and is refused. The salt is to be drawn anew when a pod has the name.
SetPlan plan_daemon_set(const model::DaemonSet& set, const SetFacts& facts);

/// How often the template changed: an annotation of the set, and a label of its pods, which clients of old select by.
inline constexpr const char* kTemplateGeneration = "deprecated.daemonset.template.generation";
inline constexpr const char* kTemplateGenerationLabel = "pod-template-generation";

/// "agent-x7k2p"
std::string daemon_pod_name(const model::ObjectMeta& set, const std::string& node, const std::string& salt);

}  // namespace berth::agent
