// agent/host_agent.hpp - one running agent: its rooms, and what they are to each other. Of agent.cpp, which makes it,
// and host_changes.cpp.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.hpp"
#include "agent/agent_store.hpp"
#include "agent/budgets/disruption_controller.hpp"
#include "agent/budgets/quota_controller.hpp"
#include "agent/claims/attachment_controller.hpp"
#include "agent/claims/claim_controller.hpp"
#include "agent/config_reload.hpp"
#include "agent/ending/garbage_collector.hpp"
#include "agent/ending/namespace_controller.hpp"
#include "agent/fencing/fence_keeper.hpp"
#include "agent/fencing/fence_page.hpp"
#include "agent/first_objects.hpp"
#include "agent/health.hpp"
#include "agent/host_shutdown.hpp"
#include "agent/jobs/cron_controller.hpp"
#include "agent/jobs/job_controller.hpp"
#include "agent/log_watch.hpp"
#include "agent/name_publisher.hpp"
#include "agent/node/certificate_keeper.hpp"
#include "agent/node/node_reporter.hpp"
#include "agent/node/peer_keeper.hpp"
#include "agent/node/silence_controller.hpp"
#include "agent/node/trouble_watch.hpp"
#include "agent/node_session.hpp"
#include "agent/object_records.hpp"
#include "agent/objects/cache_feed.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/live_nodes.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/placing/node_admission.hpp"
#include "agent/placing/placement.hpp"
#include "agent/pods/pod_driver.hpp"
#include "agent/pods/pod_worker.hpp"
#include "agent/pods/status_writer.hpp"
#include "agent/policies/policy_keeper.hpp"
#include "agent/probes/prober.hpp"
#include "agent/recovery.hpp"
#include "agent/rehearsal.hpp"
#include "agent/scaling/pod_usage.hpp"
#include "agent/scaling/scale_controller.hpp"
#include "agent/services/endpoint_controller.hpp"
#include "agent/services/service_controller.hpp"
#include "agent/services/service_traffic.hpp"
#include "agent/sets/deployment_controller.hpp"
#include "agent/sets/replica_controller.hpp"
#include "agent/sets/set_controller.hpp"
#include "agent/sets/start_order.hpp"
#include "agent/sources/source_set.hpp"
#include "agent/status_board.hpp"
#include "agent/stranger_orders.hpp"
#include "base/alarm.hpp"
#include "base/clock_watch.hpp"
#include "network/dns.hpp"
#include "network/pod_network.hpp"
#include "store/backup.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

/// All of it is the loop's, but for what Agent says of other threads.
class HostAgent final : public Agent {
 public:
  /// `fence`, `term` and `session`: of a store that other hosts reach, too; else null.
  HostAgent(Config config, std::unique_ptr<FencePage> fence, std::unique_ptr<SessionTerm> term,
            std::unique_ptr<store::Store> store, std::unique_ptr<NodeSession> session,
            std::unique_ptr<network::PodNetwork> network, std::unique_ptr<network::DnsServer> dns);
  ~HostAgent() override;

  Status run() override;
  void stop() override { loop_.stop(); }
  void reload_by(std::function<Result<Config>()> read) override { reload_.read_by(std::move(read)); }
  store::Store& store() override { return *store_; }
  runtime::PodRuntime& runtime() override { return *runtime_; }
  runtime::LogReader& logs() override { return *logs_; }
  Result<UniqueFd> dial_pod(const std::string& pod_uid, std::uint16_t port) override;
  std::vector<std::pair<std::string, Status>> health() const override;
  Result<UniqueFd> back_up() override;
  std::unique_ptr<store::Store> copy_for_rehearsal() const override {
    return store::copy_in_memory(*store_, store_limits(config_));
  }
  std::vector<model::PlannedStep> rehearse(store::Store& copy,
                                           const std::set<model::ObjectKey>& objects) const override {
    return agent::rehearse(copy, config_.node_name, objects);
  }
  model::HostStatus status() const override;

 private:
  PodDriverCallbacks driver_callbacks();
  EventSink event_sink();
  std::function<bool(const model::ObjectKey&)> warden() const;
  std::function<bool(const model::ObjectKey&)> warden_of_all(const std::string& what) const;
  std::function<std::string(const model::Pod&, const std::string&)> attaching();
  void begin();
  void look_at_runtime();
  void say_ready() const;
  void begin_sources();
  void reload();
  void on_snapshot(const std::vector<PodPtr>& gone);
  void on_change(const store::Change& change);
  void trim_soon();
  void trim_now_and_then();
  void on_used(const model::Pod& pod, const model::Object& object);
  void on_node(const store::Change& change);
  void on_live_nodes();
  void on_troubles(const std::vector<NodeTrouble>& troubles);
  void follow_term();
  void on_pod(const store::Change& change);
  void on_pod_gone(const std::string& uid);
  void mark_logs_gone(std::function<Status(const runtime::LogSettings&, const std::filesystem::path&)> mark);
  void forget(const model::Pod& pod);
  void remove_orphan(const runtime::PodIdentity& orphan);
  void drive(const PodPtr& pod);
  void wake_set(const model::OwnerReference* set);
  void on_strangers(const std::vector<model::Stranger>& strangers);
  void note_strangers();
  bool waits_for_stranger(const model::Pod& pod);
  void drive_held();
  std::vector<std::string> dns_addresses() const;
  std::optional<std::set<std::string>> other_hosts() const;
  void on_stop_signal(int signal);
  void on_store_taken(const Error& error);
  void stop_alone(int signal);
  void write_status(const model::Pod& pod, const model::PodStatus& status);
  void on_probe_failure(const ProbeVerdict& failure);

  Config config_;
  SystemClock clock_;
  StatusBoard board_;
  Loop loop_;
  std::unique_ptr<FencePage> fence_page_;  ///< Of a store that other hosts reach, too; before what its sessions tell.
  std::unique_ptr<SessionTerm> term_;      ///< The same.
  std::unique_ptr<store::Store> store_;
  bool from_copy_;  ///< What is known is a copy's: the store is away since before we began.
  std::unique_ptr<runtime::PodRuntime> runtime_;
  std::unique_ptr<runtime::LogReader> logs_;
  std::unique_ptr<network::PodNetwork> network_;
  std::unique_ptr<volumes::PodVolumes> volumes_;
  std::unique_ptr<network::DnsServer> dns_;
  std::string host_ip_;
  std::unique_ptr<Lane> pods_lane_;
  std::unique_ptr<Lane> hooks_lane_;
  std::unique_ptr<Lane> probes_lane_;
  std::unique_ptr<Lane> files_lane_;
  std::unique_ptr<Lane> services_lane_;  ///< Of their own: a readiness does not wait for containers that start.
  std::unique_ptr<Lane> health_lane_;    ///< One call of containerd, which may hang.
  std::unique_ptr<Lane> troubles_lane_;  ///< Waits for what is broken. Null, where nobody else reaches the store.
  ObjectCache cache_;
  StoreWriter writer_;
  EventRecorder events_;
  StatusWriter statuses_;
  /// What the journal was told of a pod last.
  struct Told {
    std::string address;
    bool ready = false;
    bool operator==(const Told&) const = default;
  };
  std::map<std::string, Told> told_;  ///< By uid; of pods that are here.
  std::unique_ptr<Hooks> hooks_;
  PodWorker worker_;
  LiveNodes nodes_;
  ClaimController claims_;
  std::optional<AttachmentController> attachments_;  ///< Of a store that other hosts reach, too.
  std::optional<FenceKeeper> fence_;                 ///< The same.
  std::optional<CertificateKeeper> certificates_;    ///< The same.
  std::optional<TroubleWatch> troubles_;             ///< The same.
  SetController sets_;
  JobController jobs_;
  CronController cron_jobs_;
  DisruptionController disruptions_;
  QuotaController quotas_;
  ReplicaController replicas_;
  DeploymentController deployments_;
  PodUsage pod_usage_;
  ScaleController scaling_;
  NamespaceController namespaces_;
  GarbageCollector garbage_;
  EndpointController endpoints_;
  ServiceTraffic traffic_;
  PolicyKeeper policies_;
  ServiceController services_;
  ControllerRunner runner_;
  PeerKeeper peers_;
  FirstObjects first_objects_;
  NodeReporter node_;
  PodDriver driver_;
  StartOrder order_;
  HostShutdown shutdown_;
  Placement placement_;
  NodeAdmission admission_{cache_, *store_, config_.node_name};
  SilenceController silence_;
  Recovery recovery_;
  ObjectRecords records_;
  NamePublisher names_;
  StrangerOrders orders_;
  Health health_;
  LogWatch log_watch_;
  ConfigReload reload_;
  ClockWatch clock_watch_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<SourceSet> sources_;
  CacheFeed feed_;
  std::unique_ptr<store::Watch> holders_;
  std::optional<Alarm> stop_limit_;  ///< From the end of run() until nobody calls the runtime any more.
  std::atomic<bool> recovered_{false};
  std::mutex backing_up_;
  std::set<std::string> held_;  ///< uids of pods that wait, see Recovery::holds().
  std::unique_ptr<LoopHandle> trim_;
  std::unique_ptr<LoopHandle> trim_again_;
  bool begun_ = false;     ///< The store was seen as a whole, once.
  bool stopping_ = false;  ///< Told to stop.
  bool fence_stopping_ = false;
  Status ended_ = Ok{};  ///< What run() says.
  std::unique_ptr<NodeSession> session_;
};

}  // namespace berth::agent
