// agent/pods/pod_view.hpp - one pod as the host shows it in one pass.
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
  std::string image;  ///< As its container was made with: the spec may ask for another since.
  std::string image_id;
  std::string stop_signal;
  model::Boxed<model::ContainerUser> user;
  std::string message;  ///< Of an ended one: what it wrote to its termination message path.

  bool ended() const { return phase == Phase::Exited || phase == Phase::Lost; }
};

/// What the rooms reported in this pass. Never kept across passes.
struct PodView {
  /// Steps of this pass have changed what was seen, and the view as it is known that they do: enough to decide by, and
  /// not what anybody saw.
  bool foreseen = false;
  Presence volumes = Presence::Absent;
  Presence network = Presence::Absent;
  std::optional<network::Attachment> attachment;
  std::vector<ContainerView> init;  ///< One per spec.init_containers, in order.
  std::vector<ContainerView> main;  ///< One per spec.containers, in order.
  std::vector<std::string> stale;   ///< Ids of older attempts, and of containers not in the spec.
};

/// Sorts what the runtime reported into the spec's containers; earlier attempts become stale. Pure.
PodView make_view(const model::PodSpec& spec, const std::vector<runtime::ContainerState>& containers);

}  // namespace berth::agent
