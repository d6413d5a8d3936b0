// agent/pods/pod_machine.hpp - all that becomes of a pod's memory: one pure function for whatever happens to it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/pods/image_words.hpp"
#include "agent/pods/next_step.hpp"
#include "agent/pods/pod_memory.hpp"
#include "agent/pods/pod_view.hpp"
#include "agent/probes/prober.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace berth::agent {

/// What the machine knows of the world outside of the pod.
struct World {
  SteadyTime now{};
  WallTime wall{};
  double jitter = 0;  ///< In [0,1): spreads what would otherwise happen at once.
  std::string host_ip;
  /// Of a look at a pod that would begin from nothing (begins_from_nothing): why it does not yet, and when to ask
  /// again.
  struct Hold {
    std::string why;  ///< Empty: it may.
    std::optional<std::chrono::milliseconds> look_again;
    std::string refused = {};  ///< Not empty: it never may, for this reason ("OutOfcpu"); it is Failed.
  };
  Hold hold = {};
  bool fenced = false;  ///< Of a look: this host's fence has taken it down, and it was not let start since.
};

// --- What can happen -----------------------------------------------------------------------------------------------

/// A pass has looked at the host: the machine answers with a step.
struct Looked {
  PodView view;
};
struct LookFailed {
  Error error;
};

/// The step of a pass was taken, or not.
struct Took {
  Step step;
  PodView view;             ///< That the step was decided by: Turn::view.
  Status status = Ok{};     ///< Of the step.
  bool wants_pull = false;  ///< The image of step.which has to be pulled first.
  std::string pending;      ///< What the step waits for; whoever works on it kicks the pod. Nothing was done, then.
  std::string reason;       ///< Of a failed StartContainer: "CreateContainerConfigError", "InvalidImageName", ...
};

struct PullEnded {
  ContainerRef which;
  std::uint32_t attempt = 0;
  Status status = Ok{};
  PullEffort effort{};
};

enum class HookKind { PostStart, PreStop };

/// The hook does its work from now on: the grace of a stop counts from here.
struct HookBegan {
  ContainerRef which;
  std::string id;
  HookKind kind = HookKind::PreStop;
};
/// Also when it could not be begun.
struct HookEnded {
  ContainerRef which;
  std::string id;
  HookKind kind = HookKind::PreStop;
  Status status = Ok{};
};

struct Judged {
  ProbeVerdict verdict;
};

/// Its object changed.
struct Changed {
  std::shared_ptr<const model::Pod> pod;
};
/// Its object is gone: what is left of it is taken down at once.
struct Removed {};
/// The host goes down: it is stopped and has that long; its object stays.
struct Leave {
  SteadyTime until{};
};
/// Something that its mounted files are made of changed.
struct FilesChanged {};
/// A secret that it pulls images with changed.
struct KeysChanged {};
/// The store has its newest status, or has refused it.
struct StatusAnswered {
  bool stored = false;
};
/// Its object could not be removed.
struct ForgetFailed {
  Error error;
};

using PodInput = std::variant<Looked, LookFailed, Took, PullEnded, HookBegan, HookEnded, Judged, Changed, Removed,
                              Leave, FilesChanged, KeysChanged, StatusAnswered, ForgetFailed>;

// --- What is to be done about it -----------------------------------------------------------------------------------

struct BeginPull {
  ContainerRef which;
  std::uint32_t attempt = 0;
  std::string image;
};
struct BeginHook {
  ContainerRef which;
  std::string id;
  HookKind kind = HookKind::PreStop;
  std::string address;                                ///< The pod's.
  std::optional<std::chrono::milliseconds> deadline;  ///< None: as long as its container.
};
/// Its container has ended: nobody waits for its hooks.
struct DropHooks {
  std::string id;
};
struct WatchProbes {
  ProbeTarget target;
};
struct ForgetProbes {
  std::string id;
};
struct WriteStatus {
  model::PodStatus status;
};
/// It was seen running for the first time, that long after it was first heard of.
struct CountStart {
  SteadyTime::duration took{};
};
/// A pass found nothing to do.
struct HasSettled {};
/// Its status is what this process saw, no more what the store remembers. Once.
struct HasBeenSeen {};
/// After Leave: nothing of it runs any more, and nothing is left to be done. Each time that this becomes true.
struct HasLeft {};
/// It is down: its object may go.
struct RemoveObject {};
/// Nothing is left of it, and nobody asks for it.
struct Discard {};
struct Say {
  LogLevel level = LogLevel::Info;
  std::string text;
  std::vector<std::pair<std::string, std::string>> fields;
};
/// A Kubernetes event about the pod.
struct Tell {
  std::string type;  ///< "Normal" or "Warning"
  std::string reason;
  std::string message;
  std::string field_path{};  ///< "spec.containers{main}": what it is about; empty: the whole pod.
};

using Effect = std::variant<BeginPull, BeginHook, DropHooks, WatchProbes, ForgetProbes, WriteStatus, CountStart,
                            HasSettled, HasBeenSeen, HasLeft, RemoveObject, Discard, Say, Tell>;

struct Turn {
  PodMemory memory;
  /// After Looked: what the pass is to do now. After Took: what it is to do next, without a look, as it is known what
  /// the last step did. Settled, and Forget, need nothing of the host: with them the pass ends.
  Step step;
  PodView view;  ///< With `step`: as the machine takes it, for Took.
  /// After an input that ends the pass (a pass may be ended before its next step, too): when to look again. After any
  /// other: no sooner than this is needed (none: the pod need not be looked at for this).
  std::optional<SteadyTime> look_at;
  std::vector<Effect> effects;  ///< In this order.
};

/// A pod that we hear of: what its stored status knows of attempts, so that ids are never used twice and readiness does
/// not flap when only the agent was restarted.
PodMemory first_memory(std::shared_ptr<const model::Pod> pod, SteadyTime now);

/// Which container an event is about, as tools filter them: "spec.containers{main}", "spec.initContainers{setup}". By
/// the id of one of its attempts; empty: the pod has none of that id.
std::string field_path_of(const model::Pod& pod, std::string_view container_id);

/// Pure: the same memory, input and world give the same turn.
Turn turn(PodMemory memory, const PodInput& input, const World& world);

/// How long an end by SIGKILL that was not ours waits for the kernel's word that memory ran out: it comes separately.
constexpr std::chrono::milliseconds kOomWord{500};
/// What a process has for its end after a hook that took all of its grace, as the kubelet grants it.
constexpr std::chrono::seconds kLeastGrace{2};
/// Longer graces and deadlines are this long: sums of times stay times.
constexpr std::chrono::hours kLongest{24 * 365 * 50};

}  // namespace berth::agent
