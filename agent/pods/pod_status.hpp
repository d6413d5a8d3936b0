// agent/pods/pod_status.hpp - what we tell people about a pod: status from one observation, pure.
#pragma once

#include <string>

#include "agent/pods/pod_memory.hpp"
#include "agent/pods/pod_view.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// The status of a pod bound to this host. `old` gives what must not jump: start time, transition
/// times, restart counts from before a restart of the agent, times of containers that are gone.
/// While it goes down (not `wanted`) its phase stays what it was, and it never goes from Running back to Pending, or to
/// its end while one of its processes runs. What others say of its readiness gates is in `pod`'s status. Reasons and
/// phases are the kubelet's words.
model::PodStatus make_pod_status(const model::Pod& pod, const model::PodStatus& old, bool wanted, const PodView& view,
                                 const PodMemory& memory, const std::string& host_ip, WallTime now);

/// When activeDeadlineSeconds are over for a pod that was first seen at `start_time` (its status says); nullopt: never.
std::optional<WallTime> active_deadline(const model::PodSpec& spec, const std::string& start_time);

/// The status of a pod that no node takes: Pending, PodScheduled=False with `why`.
model::PodStatus make_unschedulable_status(const model::Pod& pod, const std::string& why, WallTime now);

/// How a container ended, in Kubernetes' words: "Completed", "Error", "OOMKilled", "ContainerStatusUnknown".
model::ContainerStateTerminated make_terminated(const ContainerView& view);

}  // namespace berth::agent
