// agent/pods/pod_memory.hpp - what the host does not show of a pod: kept on the loop, rebuilt after a restart.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/pod.hpp"

namespace berth::agent {

/// Names one container of the spec.
struct ContainerRef {
  bool init = false;
  std::size_t index = 0;
};

/// How far the stop of a running container has got.
enum class StopStage {
  None,
  Hook,       ///< Its preStop hook runs, or is being begun: the grace counts from when it has.
  Turn,       ///< Its hook is over. It is asked to end when its turn comes: sidecars go after those they serve.
  Signalled,  ///< It was asked to end.
};

struct ContainerMemory {
  static constexpr std::uint32_t kNoAttempt = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t next_attempt = 0;    ///< Attempts below were used, in this process or per stored status.
  std::uint32_t ended_attempts = 0;  ///< Attempts below have been counted as ended.
  SteadyTime not_before{};           ///< Back-off: do not start again earlier.
  std::uint32_t failures = 0;        ///< Consecutive, of staying up: decides the back-off.
  std::uint32_t start_failures = 0;  ///< Consecutive.
  std::uint32_t pull_failures = 0;   ///< Consecutive.
  std::string waiting_reason;        ///< "ErrImagePull", "CreateContainerError", ...; empty: none.
  std::string waiting_message;
  std::string stored_id;  ///< The container that the stored status spoke of; empty once compared.
  model::Boxed<model::ContainerStateTerminated> last_state;
  bool pulling = false;                         ///< A pull is in flight: its end is told.
  bool keys_changed = false;                    ///< With `pulling`: it may not have what there is to pull with now.
  std::uint32_t pulled_attempt = kNoAttempt;    ///< For which `imagePullPolicy: Always` was satisfied.
  std::uint32_t replaced_attempt = kNoAttempt;  ///< Stopped for a change of its image: comes back whatever the policy.
  std::uint32_t message_attempt = kNoAttempt;   ///< Whose termination message `message` is: read once.
  std::string message;

  // Of the attempt that runs.
  bool startup_passed = false;      ///< No startup probe, or it succeeded.
  bool ready_probe_passed = false;  ///< No readiness probe, or its last verdict is success.
  bool probed = false;              ///< The prober watches it.
  bool post_start = false;          ///< Its postStart hook is not over: it does not count as running yet.
  std::string restart_why;          ///< It has to be stopped and started again: the event that says why; empty: no.
  StopStage stop = StopStage::None;
  std::chrono::milliseconds grace{0};  ///< With `stop`: how long all of it may take.
  SteadyTime kill_at{};                ///< With `stop`: when the grace is over; max while a hook is being begun.
};

struct PodMemory {
  std::shared_ptr<const model::Pod> pod;
  bool wanted = true;  ///< It is not being deleted.
  bool gone = false;   ///< Its object was removed under us: nothing to publish any more.
  bool down = false;   ///< Torn down: its object is being removed.
  std::vector<ContainerMemory> init;
  std::vector<ContainerMemory> main;

  model::PodStatus status;  ///< As last computed: what the store has, or will have when `published`.
  bool published = true;
  bool terminal = false;      ///< Succeeded or Failed: nothing of it is started again, not even after a reboot.
  bool end_stored = false;    ///< With `terminal`: the store knows, so what it held may go.
  bool mounted = false;       ///< mount() succeeded: a pod without volumes leaves nothing on disk to see it by.
  bool detached = false;      ///< detach() succeeded since the last attach(): nothing partial is left of the network.
  std::uint64_t changes = 0;  ///< Of what its files are made of, counted: each is served by the files of that number.
  std::uint64_t served = 0;   ///< The last change that its files show.
  /// From then on it has run for longer than activeDeadlineSeconds: it is stopped and Failed. Unset: no such limit.
  std::optional<SteadyTime> deadline;
  bool seen = false;  ///< `status` is of a look of this process.
  std::string held;   ///< Why it does not begin yet; empty: it may.
  /// The host goes down: it is stopped, its volumes are released, and its object stays. By then it has to be gone.
  std::optional<SteadyTime> leave_by;
  bool released = false;       ///< With `leave_by`: its volumes are.
  bool left = false;           ///< With `leave_by`: nothing of it runs, and nothing is left to be done.
  std::string error;           ///< Why the last step failed, or what it waits for; for status and describe.
  std::uint32_t failures = 0;  ///< Consecutive failed steps: decides the back-off.
  std::string last_failure;    ///< The last one that was told: each is said once.
  SteadyTime seen_at{};        ///< When we heard of it first.

  ContainerMemory& of(ContainerRef which) { return which.init ? init[which.index] : main[which.index]; }
  const ContainerMemory& of(ContainerRef which) const { return which.init ? init[which.index] : main[which.index]; }
  const model::Container& spec(ContainerRef which) const {
    return which.init ? pod->spec.init_containers[which.index] : pod->spec.containers[which.index];
  }
  /// Is there such a container? A late answer may name one of an earlier spec.
  bool has(ContainerRef which) const { return which.index < (which.init ? init.size() : main.size()); }
};

}  // namespace berth::agent
