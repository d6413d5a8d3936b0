// agent/pods/pod_driver.hpp - who runs now: the queue of pods, their passes, pulls, stops and probes. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/pods/pod_worker.hpp"
#include "agent/probes/prober.hpp"
#include "base/keyed_queue.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"

namespace berth::agent {

/// What the driver tells the rest of the agent. All run on the loop.
struct PodDriverCallbacks {
  /// What a pass needs beyond the pod: config maps, secrets, claims, node. Fills everything but pod, wanted and memory.
  std::function<PassInput(const model::Pod&)> inputs;
  /// Only when it changed. A write that fails is told by status_lost().
  std::function<void(const model::Pod&, const model::PodStatus&)> on_status;
  std::function<void(const model::Pod&)> on_forget;  ///< Torn down and unwanted: drop the object.
  /// A Kubernetes event about the pod: type "Normal" or "Warning", reason, message.
  std::function<void(const model::Pod&, std::string_view type, std::string_view reason, const std::string& message)>
      on_event;
  std::function<void(const std::string& uid)> on_settled;  ///< A pass found nothing to do.
  /// Credentials for the registry of `image` only.
  std::function<std::vector<runtime::RegistryAuth>(const model::Pod&, const std::string& image)> registry_auths;
};

struct PodDriverRooms {
  Loop& loop;
  Lane& pods;   ///< Passes: local system calls and short containerd calls.
  Lane& hooks;  ///< preStop and postStart: each may take its pod's whole grace period.
  PodWorker& worker;
  runtime::PodRuntime& runtime;
  const Clock& clock;
  std::string host_ip;
};

/// Drives every pod of this host to where its object says. At most one pass per pod at a time; events
/// only say "look again". Stopping the driver (destroying it) leaves all pods running.
class PodDriver {
 public:
  PodDriver(PodDriverRooms rooms, PodDriverCallbacks callbacks);
  ~PodDriver();

  /// The prober reports here; set before the first pod.
  void set_prober(Prober* prober) { prober_ = prober; }
  void on_verdict(const ProbeVerdict& verdict);

  /// A pod bound to this node is new or changed; wanted while it is not being deleted.
  void set_pod(std::shared_ptr<const model::Pod> pod);
  /// Its object is gone. Whatever is left of it on the host is taken down at once (grace 0).
  void remove_pod(const std::string& uid);

  void kick(const std::string& uid);
  /// Something that its mounted files are made of changed.
  void refresh(const std::string& uid);
  /// The last status that was published did not get into the store: say it again.
  void status_lost(const std::string& uid);
  void kick_all();

  bool knows(const std::string& uid) const { return records_.contains(uid); }
  std::size_t size() const { return records_.size(); }
  /// The status as last computed; null for an unknown pod.
  const model::PodStatus* status(const std::string& uid) const;

 private:
  struct Record;

  void schedule();
  void run_due();
  void begin_pass(const std::string& uid);
  void end_pass(const std::string& uid, const PassInput& input, const PassResult& result);
  void absorb_view(Record& record, const PassResult& result);
  void absorb_container(Record& record, const model::Container& spec, const ContainerView& view,
                        ContainerMemory& memory, bool init, const PodView& pod_view);
  std::optional<SteadyTime> absorb_step(Record& record, const PassInput& input, const PassResult& result);
  std::optional<SteadyTime> absorb_failure(Record& record, const PassResult& result);
  void begin_stop(Record& record, const PassInput& input, const PassResult& result);
  void begin_pull(Record& record, const Step& step);
  void end_pull(const std::string& uid, ContainerRef which, std::uint32_t attempt,
                const Result<runtime::ImageInfo>& image);
  void begin_post_start(Record& record, const PassInput& input, const PassResult& result);
  void publish_status(Record& record, const PodView& view);
  void event(const Record& record, std::string_view type, std::string_view reason, const std::string& message);

  PodDriverRooms rooms_;
  PodDriverCallbacks callbacks_;
  Prober* prober_ = nullptr;
  KeyedQueue queue_;
  std::map<std::string, std::unique_ptr<Record>> records_;
  std::unique_ptr<LoopHandle> timer_;
  bool run_posted_ = false;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  ///< False once destroyed: late lane results are dropped.
};

}  // namespace berth::agent
