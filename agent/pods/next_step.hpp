// agent/pods/next_step.hpp - the decision about one pod, pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "agent/pods/pod_view.hpp"

namespace berth::agent {

enum class StepKind {
  MountVolumes,
  AttachNetwork,
  StartContainer,   ///< `which`; attempt in `attempt`.
  StopContainer,    ///< `which`: begin a graceful stop (preStop, then the stop signal).
  KillContainer,    ///< `which`: SIGKILL, its grace is over.
  RemoveContainer,  ///< `id`
  DetachNetwork,
  UnmountVolumes,
  Settled,  ///< Nothing to do before `until` (none: before the next event).
  Forget,   ///< Down and unwanted: drop the object.
};

std::string_view to_string(StepKind kind);

/// Names one container of the spec.
struct ContainerRef {
  bool init = false;
  std::size_t index = 0;
};

struct Step {
  StepKind kind = StepKind::Settled;
  ContainerRef which;
  std::uint32_t attempt = 0;
  std::string id;
  std::optional<SteadyTime> until;
};

/// The next thing to do so that the pod moves towards `wanted`.
///
///     volumes -> network -> init containers in order -> containers      wanted: first that is not there
///     volumes <- network <- containers, sidecars last                   unwanted: last that is not gone
///
/// A wanted pod that lost its network (the host rebooted) first removes its dead containers, then
/// starts over, init containers included, as Kubernetes does after losing a sandbox.
/// Ended containers are started again as restartPolicy says, not before their back-off is over.
/// A wanted pod whose activeDeadlineSeconds are over is stopped, and stays as it then is.
/// Pure: the same view, memory and time give the same step.
Step next_step(const model::PodSpec& spec, bool wanted, const PodView& view, const PodMemory& memory, SteadyTime now);

/// Will a container that ended like this be started again?
bool restarts(const model::PodSpec& spec, const model::Container& container, bool init, const ContainerView& view);

/// Init containers that restart for ever beside the others (KEP-753).
bool is_sidecar(const model::Container& container, bool init);

/// Are all init containers done (exited 0) or, for sidecars, started?
bool initialized(const model::PodSpec& spec, const PodView& view, const PodMemory& memory);

}  // namespace berth::agent
