// agent/pods/next_step.hpp - the decision about one pod, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/pods/pod_memory.hpp"
#include "agent/pods/pod_view.hpp"

namespace berth::agent {

enum class StepKind {
  MountVolumes,
  RefreshFiles,  ///< Something that mounted files are made of changed.
  AttachNetwork,
  StartContainer,   ///< `which`; attempt in `attempt`.
  BeginStop,        ///< `which`: it has to end. Nothing is done on the host: its grace begins, and its hook.
  StopContainer,    ///< `which`: its hook is over and its turn has come: ask it to end.
  KillContainer,    ///< `which`: SIGKILL, its grace is over.
  RemoveContainer,  ///< `id`
  DetachNetwork,
  UnmountVolumes,
  ReleaseVolumes,  ///< The host goes down: what is mounted from servers and devices is given back, the rest stays.
  Settled,         ///< Nothing to do before `until` (none: before the next event).
  Forget,          ///< Down and unwanted: drop the object.
};

std::string_view to_string(StepKind kind);

struct Step {
  StepKind kind = StepKind::Settled;
  ContainerRef which;
  std::uint32_t attempt = 0;
  std::string id;
  std::optional<SteadyTime> until;
  std::uint64_t change = 0;  ///< Of MountVolumes and RefreshFiles: the change that the files will show.
};

/// The next thing to do so that the pod moves towards `wanted`.
///
///     volumes -> network -> init containers in order -> containers      wanted: first that is not there
///     volumes <- network <- sidecars, last first <- containers          unwanted: last that is not gone
///
/// A wanted pod that lost its network (the host rebooted) first removes its dead containers, then
/// starts over, init containers included, as Kubernetes does after losing a sandbox; not while it is held.
/// Ended containers are started again as restartPolicy says, not before their back-off is over.
/// No container is started while one before it is in its postStart hook.
/// A wanted pod whose activeDeadlineSeconds are over is stopped, and stays as it then is.
/// One that is Succeeded or Failed gives everything back as soon as the store knows, and stays: only its object is
/// left. When the host goes down a pod is stopped and gives back what must not be cut off; what its object asks for
/// comes back with the host. Pure: the same view, memory and time give the same step.
Step next_step(const model::PodSpec& spec, bool wanted, const PodView& view, const PodMemory& memory, SteadyTime now);

/// Will a container that ended like this be started again?
bool restarts(const model::PodSpec& spec, const model::Container& container, bool init, const ContainerView& view,
              const ContainerMemory& memory);

/// Init containers that restart for ever beside the others (KEP-753).
bool is_sidecar(const model::Container& container, bool init);

/// Does any process of the pod run?
bool any_running(const PodView& view);

/// Nothing runs, and there is no network: it begins, for the first time or after the host went down.
bool begins_from_nothing(const PodView& view);

/// The host goes down, and of this pod nothing is left to be done.
bool has_left(const model::PodSpec& spec, const PodView& view, const PodMemory& memory);

/// Are all init containers done (exited 0) or, for sidecars, started?
bool initialized(const model::PodSpec& spec, const PodView& view, const PodMemory& memory);

/// Did an init container fail that is not tried again? Then nothing else of the pod is started.
bool init_failed(const model::PodSpec& spec, const PodView& view, const PodMemory& memory);

}  // namespace berth::agent
