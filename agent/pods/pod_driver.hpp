// agent/pods/pod_driver.hpp - who runs now: the queue of pods, their passes on lanes, and what the machine asks for.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/pods/hooks.hpp"
#include "agent/pods/pod_machine.hpp"
#include "agent/pods/pod_worker.hpp"
#include "agent/probes/prober.hpp"
#include "base/keyed_queue.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"

namespace berth::agent {

/// What the driver tells the rest of the agent. All run on the loop.
struct PodDriverCallbacks {
  /// What a step that mounts or starts needs beyond the pod: config maps, secrets, claims, node.
  std::function<StepInput(const model::Pod&)> inputs;
  /// Only when it changed. What became of the write is told by status_answered().
  std::function<void(const model::Pod&, const model::PodStatus&)> on_status;
  /// Torn down and unwanted: remove the object. Its removal is told by remove_pod(), a failure by forget_failed().
  std::function<void(const model::Pod&)> on_forget;
  std::function<void(const model::Pod&, const Tell&)> on_event;
  std::function<void(const std::string& uid)> on_settled;  ///< A pass found nothing to do.
  /// seen_status() has it from now on. May be empty.
  std::function<void(const model::Pod&)> on_seen = {};
  /// has_left() of it is true from now on, after leave(). May be empty.
  std::function<void()> on_left = {};
  /// It would begin from nothing: may it? Asked in every pass in which it would. May be empty.
  std::function<World::Hold(const model::Pod&)> hold = {};
  /// Has this host's fence taken it down, and was it not let start since? May be empty.
  std::function<bool(const model::Pod&)> is_fenced = {};
  /// Nothing is left here of a pod whose object was gone. May be empty.
  std::function<void(const std::string& uid)> on_gone = {};
  std::function<PullKeys(const model::Pod&, const std::string& image)> pull_keys;
};

struct PodDriverRooms {
  Loop& loop;
  Lane& pods;  ///< Passes: local system calls and short containerd calls.
  Hooks& hooks;
  PodWorker& worker;
  runtime::PodRuntime& runtime;
  const Clock& clock;
  std::string host_ip;
};

/// Drives every pod of this host to where its object says. At most one pass per pod at a time; events
/// only say "look again". What becomes of a pod is decided by the machine (pod_machine.hpp); this is its queue and its
/// hands. Stopping the driver (destroying it) leaves all pods running.
class PodDriver {
 public:
  PodDriver(PodDriverRooms rooms, PodDriverCallbacks callbacks);
  ~PodDriver();

  /// The prober reports here; set before the first pod.
  void set_prober(Prober* prober) { prober_ = prober; }
  void on_verdict(const ProbeVerdict& verdict) { happen(verdict.pod_uid, Judged{verdict}); }

  /// A pod bound to this node is new or changed; wanted while it is not being deleted.
  void set_pod(std::shared_ptr<const model::Pod> pod);
  /// Its object is gone. Whatever is left of it on the host is taken down at once (grace 0).
  void remove_pod(const std::string& uid) { happen(uid, Removed{}); }
  /// The object of a pod that is down could not be removed: on_forget is called again later.
  void forget_failed(const std::string& uid, const Error& error) { happen(uid, ForgetFailed{error}); }

  /// The host goes down: the pod is stopped, has until then, and its object stays.
  void leave(const std::string& uid, SteadyTime until) { happen(uid, Leave{until}); }
  /// Nothing of it is left to be done. Also true for a pod that is not known.
  bool has_left(const std::string& uid) const;
  /// Null for one that is not known.
  std::shared_ptr<const model::Pod> pod(const std::string& uid) const;
  /// All that are known.
  std::vector<std::shared_ptr<const model::Pod>> pods() const;

  /// Look at it. One of many containers is looked at less often: many of them end at once, and each end kicks.
  void kick(const std::string& uid);
  /// Something that its mounted files are made of changed.
  void refresh(const std::string& uid) { happen(uid, FilesChanged{}); }
  /// There may be credentials for its images now: what waits for a pull does not wait out its back-off.
  void pull_again(const std::string& uid) { happen(uid, KeysChanged{}); }
  /// The store has the newest status that was given, or has refused it: then it is said again.
  void status_answered(const std::string& uid, bool stored) { happen(uid, StatusAnswered{stored}); }
  void kick_all();

  bool knows(const std::string& uid) const { return pods_.contains(uid); }
  std::size_t size() const { return pods_.size(); }
  /// The status as last computed; null for an unknown pod.
  const model::PodStatus* status(const std::string& uid) const;
  /// The same, once it is of a look of this process; null before: what the store remembers may be from before a boot.
  const model::PodStatus* seen_status(const std::string& uid) const;

 private:
  struct Hands;

  void schedule();
  void run_due();
  void begin_pass(const std::string& uid);
  void decide(const std::string& uid, const PodInput& input);
  /// `looked`: when the host was looked at, by which `turn` was decided.
  void take(const std::string& uid, const Turn& turn, SteadyTime looked);
  void took(const std::string& uid, const PodInput& input, SteadyTime looked);
  void end_pass(const std::string& uid, std::optional<SteadyTime> next);
  Turn apply(const std::string& uid, const PodInput& input);
  void happen(const std::string& uid, const PodInput& input);
  World world() const;

  PodDriverRooms rooms_;
  PodDriverCallbacks callbacks_;
  Prober* prober_ = nullptr;
  KeyedQueue queue_;
  std::map<std::string, PodMemory> pods_;    ///< By uid.
  std::map<std::string, SteadyTime> large_;  ///< Of pods with many containers: when a look at it last ended.
  std::unique_ptr<LoopHandle> timer_;
  bool run_posted_ = false;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  ///< False once destroyed: late lane results are dropped.
};

}  // namespace berth::agent
