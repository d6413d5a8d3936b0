// agent/pods/pod_view.hpp - one pod as a pass sees it: what the host shows, and what the driver remembers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/pod.hpp"
#include "network/pod_network.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

/// What we know of one resource on this host. Unknown means a call may have happened (timeout,
/// crash): bringing up repeats it, tearing down undoes it.
enum class Presence { Absent, Present, Unknown };

/// The latest attempt of one container of the spec, as the host shows it.
struct ContainerView {
  enum class Phase {
    Absent,   ///< No record.
    Created,  ///< A record whose process was not started: start() replaces it.
    Running,
    Exited,
    Lost,  ///< Ended without telling how: shim killed, host rebooted.
  };
  Phase phase = Phase::Absent;
  std::string id;
  std::uint32_t attempt = 0;
  std::int32_t exit_code = 0;
  bool oom_killed = false;
  WallTime started_at{};
  WallTime finished_at{};
  std::string image_id;
  std::string message;  ///< Of an ended one: what it wrote to its termination message path.

  bool ended() const { return phase == Phase::Exited || phase == Phase::Lost; }
};

/// What the rooms reported in this pass. Never kept across passes.
struct PodView {
  Presence volumes = Presence::Absent;
  Presence network = Presence::Absent;
  std::optional<network::Attachment> attachment;
  std::vector<ContainerView> init;  ///< One per spec.init_containers, in order.
  std::vector<ContainerView> main;  ///< One per spec.containers, in order.
  std::vector<std::string> stale;   ///< Ids of older attempts, and of containers not in the spec.
};

/// What cannot be read from the host: kept by the driver, rebuilt with safe values after a restart.
struct ContainerMemory {
  std::uint32_t next_attempt = 0;  ///< Attempts below were used, in this process or per stored status.
  SteadyTime not_before{};         ///< Back-off: do not start again earlier.
  std::uint32_t failures = 0;      ///< Consecutive, of starting or staying up: decides the back-off.
  std::string waiting_reason;      ///< "ErrImagePull", "CreateContainerError", ...; empty: none.
  std::string waiting_message;
  std::uint32_t ended_attempts = 0;           ///< Attempts below have been counted as ended.
  std::uint32_t pull_failures = 0;            ///< Consecutive.
  std::uint32_t start_failures = 0;           ///< Consecutive.
  std::string stored_id;                      ///< The container that the stored status spoke of; empty once compared.
  bool pulling = false;                       ///< A pull is in flight: its end kicks the pod.
  std::uint32_t pulled_attempt = UINT32_MAX;  ///< The attempt for which `imagePullPolicy: Always` was satisfied.
  bool stop_begun = false;                    ///< preStop or SIGTERM is under way for the running attempt.
  SteadyTime kill_at{};                       ///< With stop_begun: SIGKILL from then on.
  std::string stop_reason;                    ///< Why, when it was not the pod's deletion: a failed probe.
  std::optional<model::ContainerStateTerminated> last_state;
  bool startup_passed = false;      ///< No startup probe, or it succeeded for the running attempt.
  bool ready_probe_passed = false;  ///< No readiness probe, or its last verdict is success.
  bool liveness_failed = false;     ///< Its last verdict, of liveness or startup probe, is failure.
};

struct PodMemory {
  std::vector<ContainerMemory> init;
  std::vector<ContainerMemory> main;
  bool terminal = false;  ///< Succeeded or Failed: nothing of it is started again, not even after a reboot.
  bool mounted = false;   ///< mount() succeeded: a pod without volumes leaves nothing on disk to see it by.
  bool detached = false;  ///< detach() succeeded since the last attach(): nothing partial is left of the network.
  /// From then on it has run for longer than activeDeadlineSeconds: it is stopped and Failed. Unset: no such limit.
  std::optional<SteadyTime> deadline;
  std::string error;  ///< Why the last step failed, for status and describe; empty: it did not.
};

/// Sorts what the runtime reported into the spec's containers; earlier attempts become stale. Pure.
PodView make_view(const model::PodSpec& spec, const std::vector<runtime::ContainerState>& containers);

}  // namespace berth::agent
