// agent/agent.cpp - see agent.hpp.
#include "agent/agent.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <utility>

#include <fmt/format.h>

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
#include "agent/health_parts.hpp"
#include "agent/host_shutdown.hpp"
#include "agent/jobs/cron_controller.hpp"
#include "agent/jobs/job_controller.hpp"
#include "agent/log_watch.hpp"
#include "agent/name_publisher.hpp"
#include "agent/node/node_reporter.hpp"
#include "agent/node/peer_keeper.hpp"
#include "agent/node/pod_subnet.hpp"
#include "agent/node/silence_controller.hpp"
#include "agent/node/trouble_watch.hpp"
#include "agent/node_admission.hpp"
#include "agent/node_session.hpp"
#include "agent/object_records.hpp"
#include "agent/objects/cache_feed.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/host_addresses.hpp"
#include "agent/objects/live_nodes.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/placement.hpp"
#include "agent/pods/pod_driver.hpp"
#include "agent/pods/pod_inputs.hpp"
#include "agent/pods/pod_status.hpp"
#include "agent/pods/pod_worker.hpp"
#include "agent/pods/status_writer.hpp"
#include "agent/policies/policy_keeper.hpp"
#include "agent/probes/prober.hpp"
#include "agent/recovery.hpp"
#include "agent/rehearsal.hpp"
#include "agent/scaling/pod_usage.hpp"
#include "agent/scaling/scale_controller.hpp"
#include "agent/services/endpoint_controller.hpp"
#include "agent/services/host_listeners.hpp"
#include "agent/services/service_controller.hpp"
#include "agent/services/service_traffic.hpp"
#include "agent/sets/deployment_controller.hpp"
#include "agent/sets/replica_controller.hpp"
#include "agent/sets/set_controller.hpp"
#include "agent/sets/start_order.hpp"
#include "agent/sources/source_set.hpp"
#include "agent/status_board.hpp"
#include "agent/stranger_notes.hpp"
#include "agent/stranger_orders.hpp"
#include "base/alarm.hpp"
#include "base/clock_watch.hpp"
#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "network/dns.hpp"
#include "network/pod_network.hpp"
#include "store/backup.hpp"
#include "systemd/host_state.hpp"
#include "systemd/notify.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {
namespace {

using model::Kind;

// containerd saturates at about twice the cores (measured); hooks and exec probes wait elsewhere.
constexpr std::size_t kPodThreads = 4;
constexpr std::size_t kHookThreads = 8;           // Each may wait for its pod's whole grace period.
constexpr std::size_t kProbeThreads = 4;          // exec probes.
constexpr std::size_t kFileThreads = 2;           // Sources, provisioning.
constexpr std::chrono::seconds kStopPatience{5};  // For what runs when we stop; systemd's is 30 s.
constexpr std::chrono::seconds kDialDeadline{3};  // Within one host: only a full backlog takes longer.

/// Where systemd runs, its slice for pods: they show in systemd-cgls(1), and no service's end touches them.
std::string cgroup_parent() {
  std::error_code error;
  return std::filesystem::exists("/run/systemd/system", error) ? "/berth-pods.slice" : "/berth-pods";  // sd_booted(3)
}

network::OverlayMode overlay_mode(const Config& config) {
  if (config.overlay == "wireguard") return network::OverlayMode::WireGuard;
  return config.overlay == "routes" ? network::OverlayMode::Routes : network::OverlayMode::Vxlan;
}

/// What is to be said of this host and does not change while we run.
model::HostStatus what_stays(const Config& config) {
  model::HostStatus out;
  out.version = BERTH_VERSION;
  out.node = config.node_name;
  out.containerd.address = config.containerd_address;
  out.store.path = store_place(config);
  for (const auto& source : config.sources) {
    out.sources.emplace_back().name = source.is_clusters() ? "cluster:" + source.name
                                      : source.url.empty() ? "directory:" + source.directory.string()
                                                           : "url:" + source.url;
  }
  return out;
}

class HostAgent final : public Agent {
 public:
  /// `fence` and `session`: of a store that other hosts reach, too; else null.
  HostAgent(Config config, std::unique_ptr<FencePage> fence, std::unique_ptr<store::Store> store,
            std::unique_ptr<NodeSession> session, std::unique_ptr<network::PodNetwork> network,
            std::unique_ptr<network::DnsServer> dns)
      : config_(std::move(config)),
        board_(clock_, what_stays(config_)),
        fence_page_(std::move(fence)),
        store_(std::move(store)),
        runtime_(runtime::make_containerd_runtime({.address = config_.containerd_address,
                                                   .ns = config_.containerd_namespace,
                                                   .runtime = config_.containerd_runtime,
                                                   .run_dir = config_.run_dir,
                                                   .cgroup_parent = cgroup_parent()})),
        logs_(runtime::make_honest_log_reader(runtime::make_log_reader(config_.state_dir / "logs"), config_.run_dir)),
        network_(std::move(network)),
        volumes_(volumes::make_pod_volumes(
            {.run_dir = config_.run_dir,
             .state_dir = config_.state_dir,
             .helper = {},
             .on_progress = [this](const std::string& uid) { loop_.post([this, uid] { driver_.kick(uid); }); }})),
        dns_(std::move(dns)),
        host_ip_(config_.node_address.empty() ? network_->host_address() : config_.node_address),
        pods_lane_(make_thread_lane("pods", kPodThreads)),
        hooks_lane_(make_thread_lane("hooks", kHookThreads)),
        probes_lane_(make_thread_lane("probes", kProbeThreads)),
        files_lane_(make_thread_lane("files", kFileThreads)),
        troubles_lane_(make_thread_lane("troubles", 1)),
        services_lane_(make_thread_lane("services", 1)),
        writer_(loop_, *store_, clock_),
        events_(loop_, *store_, writer_, clock_, config_.node_name),
        statuses_(writer_,
                  [this](const std::string& uid, const Status& written) {
                    shutdown_.look_again();
                    if (failed_with(written, ErrorCode::NotFound)) return;
                    driver_.status_answered(uid, written.ok());
                  }),
        hooks_(make_hooks(loop_, *hooks_lane_, *runtime_)),
        worker_(*runtime_, *network_, *volumes_),
        nodes_(config_.node_name, config_.etcd ? LiveNodes::Store::Shared : LiveNodes::Store::OwnHost),
        claims_({.loop = loop_,
                 .clock = clock_,
                 .lane = *files_lane_,
                 .cache = cache_,
                 .store = *store_,
                 .volumes = *volumes_,
                 .node_name = config_.node_name,
                 .kick = [this](const std::string& uid) { driver_.kick(uid); },
                 .nodes = config_.etcd ? &nodes_ : nullptr,
                 .is_warden = warden(),
                 .may_mount = attaching()}),
        sets_(clock_, cache_, *store_, nodes_, /*shared=*/config_.etcd.has_value()),
        jobs_(clock_, cache_, *store_, /*shared=*/config_.etcd.has_value()),
        cron_jobs_(clock_, cache_, *store_),
        disruptions_(clock_, cache_, *store_),
        quotas_(*store_),
        replicas_(clock_, cache_, *store_, /*shared=*/config_.etcd.has_value()),
        deployments_(clock_, cache_, *store_),
        pod_usage_(loop_, *files_lane_, *runtime_, clock_),
        scaling_(clock_, cache_, pod_usage_, config_.node_name),
        namespaces_(clock_, *store_),
        garbage_(*store_),
        endpoints_(*store_, cache_),
        traffic_({.loop = loop_,
                  .lane = *services_lane_,
                  .network = *network_,
                  .objects = [this]() -> const ObjectCache& { return names_.world(); },
                  .node = config_.node_name,
                  .range = config_.service_range(),
                  .listeners = [this] { return host_listeners(dns_addresses()); },
                  .on_settled = [this] { names_.on_settled(); },
                  .on_grant = [this](const Name& name) { services_.on_grant(name); }}),
        policies_({.loop = loop_,
                   .lane = *services_lane_,
                   .network = *network_,
                   .objects = [this]() -> const ObjectCache& { return names_.world(); },
                   .node = config_.node_name,
                   .kick = [this](const std::string& uid) { driver_.kick(uid); },
                   .on_refused =
                       [this](const model::Pod& pod, const std::string& message) {
                         events_.record({Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, "Warning",
                                        "FailedCreatePodSandBox", message);
                       }}),
        services_({.cache = cache_,
                   .range = config_.service_range(),
                   .host_ip = host_ip_,
                   .grants = [this]() -> const HostPortGrants& { return traffic_.grants(); },
                   .others = [this] { return other_hosts(); },
                   .is_warden = warden()}),
        runner_({.loop = loop_, .clock = clock_, .writer = writer_, .events = event_sink(), .is_mine = warden()}),
        peers_({.loop = loop_,
                .lane = *services_lane_,
                .network = *network_,
                .store = *store_,
                .writer = writer_,
                .node = config_.node_name}),
        first_objects_(loop_, *store_, writer_, clock_, config_, config_.etcd ? &nodes_ : nullptr),
        node_(loop_, writer_, clock_, config_.node_name, config_.state_dir,
              config_.etcd ? Heartbeat::Session : Heartbeat::Written),
        driver_({.loop = loop_,
                 .pods = *pods_lane_,
                 .hooks = *hooks_,
                 .worker = worker_,
                 .runtime = *runtime_,
                 .clock = clock_,
                 .host_ip = host_ip_},
                driver_callbacks()),
        order_(clock_, cache_, config_.node_name, [this](const std::string& uid) { return driver_.seen_status(uid); }),
        shutdown_({.loop = loop_,
                   .clock = clock_,
                   .cache = cache_,
                   .store = *store_,
                   .driver = driver_,
                   .all_written = [this] { return statuses_.size() == 0; }},
                  {.whole = config_.shutdown_grace, .critical = config_.shutdown_grace_critical},
                  [this] { loop_.stop(); }),
        placement_(clock_, *store_, cache_, event_sink(), nodes_),
        silence_(clock_, cache_, *store_, nodes_, /*shared=*/config_.etcd.has_value()),
        recovery_({.loop = loop_,
                   .lane = *pods_lane_,
                   .store = *store_,
                   .runtime = *runtime_,
                   .network = *network_,
                   .volumes = *volumes_,
                   .mark_file = config_.run_dir / "store.json",
                   .node = config_.node_name},
                  {.on_orphan = [this](const runtime::PodIdentity& orphan) { remove_orphan(orphan); },
                   .on_strangers = [this](const std::vector<model::Stranger>& all) { on_strangers(all); }}),
        records_(config_.run_dir / "objects", *files_lane_),
        names_({.loop = loop_,
                .lane = *services_lane_,
                .store = *store_,
                .cache = cache_,
                .records = records_,
                .dns = *dns_,
                .cluster_domain = config_.cluster_domain,
                .leads_on = [this](const model::Service& service) { return traffic_.in_force(service); },
                .is_settling = [this] { return traffic_.is_settling(); },
                .on_first = [this] { say_ready(); }}),
        orders_({.loop = loop_,
                 .store = *store_,
                 .writer = writer_,
                 .recovery = recovery_,
                 .records = records_,
                 .events = event_sink(),
                 .node = config_.node_name,
                 .take_down = [this](const runtime::PodIdentity& pod) { remove_orphan(pod); }}),
        health_(loop_, *pods_lane_, *runtime_, cache_, config_.node_name, {pods_lane_.get(), files_lane_.get()},
                [this](const std::string& error, const std::string& version) {
                  board_.set_containerd(error, version);
                  node_.on_runtime(error, version);
                }),
        log_watch_(loop_, *files_lane_, config_.run_dir, event_sink(),
                   [this](std::vector<model::HostProblem> logs) { board_.set_logs(std::move(logs)); }),
        reload_({.loop = loop_, .lane = *files_lane_, .running = config_},
                {.on_node = [this] { first_objects_.write(host_ip_); },
                 .on_sources =
                     [this] {
                       sources_.reset();  // First: two of one directory must not write its memory.
                       begin_sources();
                     }}),
        clock_watch_(loop_,
                     [this] {
                       log(LogLevel::Info, "the clock was set, looking at what waits for a time of day");
                       runner_.wake_all();
                     }),
        prober_(make_prober(
            loop_, *probes_lane_, *runtime_, clock_,
            [this](const ProbeVerdict& verdict) { driver_.on_verdict(verdict); },
            [this](const ProbeVerdict& failure) { on_probe_failure(failure); })),
        feed_(loop_, *store_, cache_,
              {.on_snapshot = [this](const std::vector<PodPtr>& gone) { on_snapshot(gone); },
               .on_change = [this](const store::Change& change) { on_change(change); }},
              config_.etcd ? config_.node_name : std::string()),
        session_(std::move(session)) {
    driver_.set_prober(prober_.get());
    auto placement = placement_.row();
    placement.is_mine = warden_of_all(placement.name);
    runner_.add(std::move(placement));
    runner_.add(silence_.row());
    runner_.add(namespaces_.row());
    runner_.add(garbage_.row());
    runner_.add(claims_.row());
    if (config_.etcd) {
      attachments_.emplace(
          AttachmentController::Context{.loop = loop_,
                                        .lane = *files_lane_,
                                        .cache = cache_,
                                        .volumes = *volumes_,
                                        .node_name = config_.node_name,
                                        .kick = [this](const std::string& uid) { driver_.kick(uid); },
                                        .is_driven = [this](const std::string& uid) { return driver_.knows(uid); }});
      attachments_->wake_by(runner_.add(attachments_->row()));
      fence_.emplace(FenceKeeper::Context{.loop = loop_,
                                          .writer = writer_,
                                          .store = *store_,
                                          .page = *fence_page_,
                                          .events = event_sink(),
                                          .node = config_.node_name,
                                          .wanted = config_.fencing,
                                          .cgroup_parent = cgroup_parent(),
                                          .kick = [this](const std::string& uid) { driver_.kick(uid); }});
      const auto& said = config_.cluster ? config_.cluster->advertise.host : host_ip_;
      troubles_.emplace(TroubleWatch::Context{
          .loop = loop_,
          .lane = *troubles_lane_,
          .store = *store_,
          .nodes = nodes_,
          .own_member = own_member(config_.etcd->endpoints, said),
          .fence_is_off = [this] { return fence_->facts().wanted && !fence_->facts().fence_answers; },
          .probes = trouble_probes({dns_addresses().front(), dns_->port()}, config_.cluster_domain),
          .on_change = [this](const auto& troubles) { on_troubles(troubles); }});
    }
    runner_.add(sets_.row());
    runner_.add(jobs_.row());
    runner_.add(cron_jobs_.row());
    runner_.add(disruptions_.row());
    runner_.add(quotas_.row());
    runner_.add(replicas_.row());
    runner_.add(deployments_.row());
    runner_.add(scaling_.row());
    runner_.add(endpoints_.row());
    auto services = services_.row();
    services.is_mine = [](const model::ObjectKey&) { return true; };  // Each host has its part in a service's status.
    services_.wake_by(runner_.add(std::move(services)));
  }

  ~HostAgent() override {
    holders_.reset();
    feed_.end();
    sources_.reset();
    names_.end();
    // Lanes first: their jobs use the rooms. What they post to the loop is never run.
    pods_lane_.reset();
    hooks_lane_.reset();
    probes_lane_.reset();
    files_lane_.reset();
    services_lane_.reset();
    stop_limit_.reset();
    if (auto flushed = store_->flush(); !flushed) {
      log(LogLevel::Error, "store not flushed", {{"error", flushed.error().message()}});
    }
  }

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
  void say_ready() const;
  void begin_sources();
  void reload();
  void on_snapshot(const std::vector<PodPtr>& gone);
  void on_change(const store::Change& change);
  void trim_soon();
  void trim_now_and_then();
  void on_node(const store::Change& change);
  void on_live_nodes();
  void on_troubles(const std::vector<NodeTrouble>& troubles);
  void on_pod(const store::Change& change);
  void on_pod_gone(const std::string& uid);
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
  std::unique_ptr<store::Store> store_;
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
  std::unique_ptr<Lane> troubles_lane_;  ///< Its jobs wait for what may be broken.
  std::unique_ptr<Lane> services_lane_;  ///< Of their own: a readiness does not wait for containers that start.
  ObjectCache cache_;
  StoreWriter writer_;
  EventRecorder events_;
  StatusWriter statuses_;
  std::unique_ptr<Hooks> hooks_;
  PodWorker worker_;
  LiveNodes nodes_;
  ClaimController claims_;
  std::optional<AttachmentController> attachments_;  ///< Of a store that other hosts reach, too.
  std::optional<FenceKeeper> fence_;                 ///< The same.
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

PodDriverCallbacks HostAgent::driver_callbacks() {
  return {
      .inputs =
          [this](const model::Pod& pod) {
            auto input = make_step_input(pod, cache_, claims_, config_.node_name, host_ip_);
            input.not_yet = policies_.may_start(pod);
            if (fence_ && input.not_yet.empty()) input.not_yet = fence_->may_start(pod);
            return input;
          },
      .on_status = [this](const model::Pod& pod, const model::PodStatus& status) { write_status(pod, status); },
      .on_forget = [this](const model::Pod& pod) { forget(pod); },
      .on_event =
          [this](const model::Pod& pod, std::string_view type, std::string_view reason, const std::string& message) {
            events_.record({Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, type, reason, message);
          },
      .on_settled = [this](const std::string& uid) { recovery_.on_settled(uid); },
      .on_seen = [this](const model::Pod& pod) { wake_set(pod.meta.controller()); },
      .on_left = [this] { shutdown_.look_again(); },
      .hold =
          [this](const model::Pod& pod) {
            if (shutdown_.begun()) return World::Hold{"does not start: the host goes down", std::nullopt};
            if (auto refusal = admission_.ask(pod)) {
              return World::Hold{std::move(refusal->message), std::nullopt, std::move(refusal->reason)};
            }
            auto wait = order_.ask(pod);
            return World::Hold{std::move(wait.why), wait.look_again};
          },
      .on_gone =
          [this](const std::string& uid) {
            shutdown_.look_again();
            loop_.post([this, uid] {
              orders_.on_gone(uid);
              if (fence_) fence_->on_gone(uid);
              if (attachments_) attachments_->on_gone(uid);
            });
          },
      .registry_auths = [this](const model::Pod& pod,
                               const std::string& image) { return registry_auths(pod, image, cache_); }};
}

EventSink HostAgent::event_sink() {
  return [this](const model::ObjectKey& key, const std::string& uid, std::string_view type, std::string_view reason,
                const std::string& message) { events_.record(key, uid, type, reason, message); };
}

/// Is this host the one that plans the key? Empty where there is no other.
std::function<bool(const model::ObjectKey&)> HostAgent::warden() const {
  if (!nodes_.is_shared()) return {};
  return [this](const model::ObjectKey& key) { return nodes_.is_warden_of(key.display()); };
}

/// The same for what one host plans for all keys: each of its choices looks at the others.
std::function<bool(const model::ObjectKey&)> HostAgent::warden_of_all(const std::string& what) const {
  if (!nodes_.is_shared()) return {};
  return [this, what](const model::ObjectKey&) { return nodes_.is_warden_of(what); };
}

/// One host's own store keeps nobody else from mounting anything.
std::function<std::string(const model::Pod&, const std::string&)> HostAgent::attaching() {
  if (!config_.etcd) return {};
  return [this](const model::Pod& pod, const std::string& volume) { return attachments_->may_mount(pod, volume); };
}

void HostAgent::write_status(const model::Pod& pod, const model::PodStatus& status) {
  // What is not stored yet has been said, too.
  const auto said = statuses_.under_way(pod.meta.uid);
  const auto& before = said != nullptr ? *said : pod.status;
  const auto addresses_changed = before.pod_ip != status.pod_ip || before.ready() != status.ready();
  statuses_.write({Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, status);
  wake_set(pod.meta.controller());
  if (addresses_changed) {
    log(LogLevel::Info, status.ready() ? "pod ready" : "pod not ready",
        {{"pod", pod.meta.ns + "/" + pod.meta.name}, {"phase", status.phase}, {"address", status.pod_ip}});
  }
}

void HostAgent::on_probe_failure(const ProbeVerdict& failure) {
  for (const auto& [name, pod] : cache_.pods()) {
    if (pod->meta.uid != failure.pod_uid) continue;
    events_.record({Kind::Pod, name.first, name.second}, failure.pod_uid, "Warning", "Unhealthy",
                   fmt::format("{} probe failed: {}", to_string(failure.kind), failure.message));
    return;
  }
}

/// Torn down, and nobody's finalizers hold it: its object goes.
void HostAgent::forget(const model::Pod& pod) {
  const model::ObjectKey key{Kind::Pod, pod.meta.ns, pod.meta.name};
  writer_.remove(key, pod.meta.uid, [this, uid = pod.meta.uid](const Status& removed) {
    if (!removed) driver_.forget_failed(uid, removed.error());
  });
}

/// Takes down what the rooms hold for a pod that has no object.
void HostAgent::remove_orphan(const runtime::PodIdentity& orphan) {
  if (driver_.knows(orphan.uid)) return;
  log(LogLevel::Warning, "removing what is left of a deleted pod",
      {{"pod", orphan.ns + "/" + orphan.name}, {"uid", orphan.uid}});
  auto pod = std::make_shared<model::Pod>();
  pod->meta.uid = orphan.uid;
  pod->meta.ns = orphan.ns;
  pod->meta.name = orphan.name;
  driver_.set_pod(pod);
  driver_.remove_pod(orphan.uid);
}

/// Hands a pod that is bound to this node to the driver, unless a stranger of its name may run.
void HostAgent::drive(const PodPtr& pod) {
  if (recovery_.holds(*pod)) {
    held_.insert(pod->meta.uid);
    return;
  }
  if (waits_for_stranger(*pod)) return;
  held_.erase(pod->meta.uid);
  if (!records_.has_pod(pod->meta.uid)) records_.keep(store_->get({Kind::Pod, pod->meta.ns, pod->meta.name}));
  driver_.set_pod(pod);
  shutdown_.look_again();
}

/// One of its name may run on another host, unseen by the store. What runs here already goes on.
bool HostAgent::waits_for_stranger(const model::Pod& pod) {
  if (pod.meta.deleting() || driver_.knows(pod.meta.uid)) return false;
  const auto node = node_of_stranger(pod, cache_, config_.node_name);
  if (node.empty()) return false;
  if (held_.insert(pod.meta.uid).second) {
    events_.record({Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, "Warning", "HeldByStranger",
                   fmt::format("A pod of this name that has no object runs on host {}: adopt or remove it there first, "
                               "see berth pods strangers",
                               node));
  }
  return true;
}

void HostAgent::drive_held() {
  for (const auto& [name, pod] : cache_.pods()) {
    if (held_.contains(pod->meta.uid)) drive(pod);
  }
}

/// Tells the hosts that share the store, by our Node.
void HostAgent::note_strangers() {
  if (!config_.etcd || !recovery_.strangers_known()) return;
  writer_.modify({Kind::Node, "", config_.node_name}, {}, Durability::Durable,
                 [all = recovery_.strangers()](json::object& raw) { return agent::note_strangers(raw, all); }, {});
}

/// Something about the set or one of its pods changed: those that wait for their turn ask again.
void HostAgent::wake_set(const model::OwnerReference* set) {
  if (set == nullptr) return;
  for (const auto& uid : order_.waiting_in(set->uid)) driver_.kick(uid);
}

void HostAgent::on_strangers(const std::vector<model::Stranger>& strangers) {
  board_.set_strangers(strangers);
  note_strangers();
  std::set<std::string> uids;
  for (const auto& stranger : strangers) uids.insert(stranger.uid);
  names_.judge(std::move(uids));
  traffic_.look_at_all();
  policies_.look_at_all();
  for (const auto& [name, pod] : cache_.pods()) {
    if (!held_.contains(pod->meta.uid)) continue;
    drive(pod);
    if (!recovery_.holds(*pod)) continue;
    events_.record(
        {Kind::Pod, name.first, name.second}, pod->meta.uid, "Warning", "HeldByStranger",
        "A pod of this name, or of this DaemonSet, that has no object runs on this host: adopt or remove it first, see "
        "berth pods strangers");
  }
  if (strangers.empty()) records_.sweep();
  if (const auto node = store_->get({Kind::Node, "", config_.node_name})) orders_.take(*node);
}

/// Once, with all that the store has.
void HostAgent::begin() {
  if (config_.etcd) trim_now_and_then();
  first_objects_.write(host_ip_);
  node_.begin();
  if (fence_) fence_->begin();
  if (troubles_) troubles_->look();

  runtime_->subscribe([this](const std::string& uid) { loop_.post([this, uid] { driver_.kick(uid); }); },
                      [this] {
                        loop_.post([this] {
                          log(LogLevel::Info, "containerd connected");
                          driver_.kick_all();
                          health_.check_runtime();
                          recovery_.retry();
                        });
                      });
  health_.check_runtime();

  std::set<std::string> here;
  for (const auto& name : cache_.pods_of_node(config_.node_name)) {
    const auto pod = cache_.pod(name);
    here.insert(pod->meta.uid);
    drive(pod);
  }
  log_watch_.begin();
  names_.tell_host(
      {.link = config_.bridge, .servers = dns_addresses(), .port = static_cast<std::uint16_t>(config_.dns_port)});
  recovery_.begin(std::move(here));
  if (!recovery_.trusts_store()) names_.remember();
  peers_.look_at_all();
  traffic_.look_at_all();
  policies_.look_at_all();
  names_.on_snapshot();
  recovery_.look_for_orphans();
  runner_.wake_all();
  begin_sources();
  recovered_ = true;
  health_.feed_watchdog();
}

/// What begin() began, names last, is in force: who waits for us may ask.
void HostAgent::say_ready() const {
  log(LogLevel::Info, "ready",
      {{"node", config_.node_name}, {"pods", std::to_string(driver_.size())}, {"version", BERTH_VERSION}});
  systemd::notify_ready(fmt::format("{} pods", driver_.size()));
}

Result<UniqueFd> HostAgent::dial_pod(const std::string& pod_uid, std::uint16_t port) {
  const auto attachment = network_->observe(pod_uid);
  if (!attachment) return attachment.error();
  if (!*attachment) return Error(ErrorCode::NotFound, fmt::format("pod {} has no network here", pod_uid));
  return network::dial_localhost((*attachment)->netns_path, port, kDialDeadline);
}

std::vector<std::pair<std::string, Status>> HostAgent::health() const {
  return health_parts({.containerd = health_.state(),
                       .store = store_->problems(),
                       .recovered = recovered_,
                       .sources = board_.read().sources});
}

Result<UniqueFd> HostAgent::back_up() {
  const std::scoped_lock one_at_a_time(backing_up_);
  const auto file = config_.state_dir / "berth.db.sending";
  const ScopeExit forget([&] { ::unlink(file.c_str()); });
  if (auto copied = store::copy_store(*store_, file); !copied) return copied.error();
  UniqueFd open{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!open) return Error::from_errno(errno, "open " + file.native());
  return open;
}

model::HostStatus HostAgent::status() const {
  auto out = board_.read();
  out.store.revision = store_->revision();
  out.store.id = store_->identity().id;
  for (const auto& problem : store_->problems()) {
    out.store.problems.emplace_back().subject = problem.what;
    out.store.problems.back().message = problem.reason;
  }
  if (std::error_code error; true) {
    const auto at = std::filesystem::last_write_time(copy_file(config_), error);
    if (!error) {
      out.store.backup_path = copy_file(config_).string();
      out.store.backup_at = std::chrono::time_point_cast<WallTime::duration>(std::chrono::file_clock::to_sys(at));
    }
  }
  for (const auto& dir : {config_.state_dir, config_.run_dir}) out.disks.push_back(look_at_disk(dir.string()));
  return out;
}

/// After a burst (30 pods start, a snapshot) the heap has grown: give back what is free, see malloc_trim(3).
void HostAgent::trim_soon() {
  constexpr std::chrono::seconds kTrimAfter{5};
  if (trim_) return;
  trim_ = loop_.after(kTrimAfter, [this] {
    trim_.reset();
    ::malloc_trim(0);
  });
}

/// What readers of a packed object had of it is free by then: nothing need have changed.
void HostAgent::trim_now_and_then() {
  constexpr std::chrono::minutes kTrimEvery{1};
  trim_again_ = loop_.after(kTrimEvery, [this] {
    ::malloc_trim(0);
    trim_now_and_then();
  });
}

void HostAgent::on_change(const store::Change& change) {
  trim_soon();
  runner_.on_change(change);
  traffic_.on_change(change);
  policies_.on_change(change);
  const auto& object = *change.object;
  if (object.kind == Kind::Pod) {
    on_pod(change);
    if (change.type == store::ChangeType::Deleted || object.meta.deleting()) wake_set(object.meta.controller());
  } else if (object.kind == Kind::StatefulSet) {
    for (const auto& uid : order_.waiting_in(object.meta.uid)) driver_.kick(uid);
  } else if (object.kind == Kind::ConfigMap || object.kind == Kind::Secret) {
    for (const auto& name : cache_.pods_using(object.key())) driver_.refresh(cache_.pod(name)->meta.uid);
  } else if (object.kind == Kind::Node) {
    on_node(change);
  }
  first_objects_.on_change(change);
  names_.on_change(change);
}

void HostAgent::on_troubles(const std::vector<NodeTrouble>& troubles) {
  node_.on_troubles(troubles);
  std::vector<model::HostProblem> said;
  for (const auto& each : troubles) {
    // What the store says of itself is told with it.
    if (each.reason != kStoreSays)
      said.emplace_back(model::HostProblem{.subject = each.reason, .message = each.message});
  }
  board_.set_cluster(std::move(said));
}

void HostAgent::on_node(const store::Change& change) {
  const auto& object = *change.object;
  const auto own = object.meta.name == config_.node_name;
  peers_.on_node(change);
  if (change.type != store::ChangeType::Deleted) {
    orders_.take(object);
    if (own) {
      // Without a session others say so again and again, and they are right.
      if (nodes_.known()) node_.on_node(object, change.type == store::ChangeType::Added);
      note_strangers();  // It may have been made anew.
      if (fence_) fence_->on_node();
    }
  } else if (own && begun_) {
    log(LogLevel::Warning, "the Node of this host was deleted: writing it anew", {{"node", object.meta.name}});
    first_objects_.write(host_ip_);
  }
  if (!own && notes_otherwise(change)) drive_held();
}

/// Others are there than before, or we are again.
void HostAgent::on_live_nodes() {
  silence_.on_nodes();
  placement_.on_nodes();
  first_objects_.on_peers();
  if (sources_) sources_->on_nodes();
  if (const auto node = store_->get({Kind::Node, "", config_.node_name}); node && nodes_.known()) {
    node_.on_node(*node, /*is_new=*/false);
  }
  runner_.wake_all();
}

/// The store tells everything: at the start, and whenever it had lost us. What went and came meanwhile nobody tells.
void HostAgent::on_snapshot(const std::vector<PodPtr>& gone) {
  trim_soon();
  if (!std::exchange(begun_, true)) return begin();
  log(LogLevel::Info, "the store is in sight again: looking at everything", {{"gone", std::to_string(gone.size())}});
  for (const auto& pod : gone) on_pod_gone(pod->meta.uid);
  for (const auto& name : cache_.pods_of_node(config_.node_name)) {
    const auto pod = cache_.pod(name);
    drive(pod);
    driver_.refresh(pod->meta.uid);
  }
  driver_.kick_all();
  if (const auto node = store_->get({Kind::Node, "", config_.node_name})) {
    orders_.take(*node);
    if (nodes_.known()) node_.on_node(*node, /*is_new=*/false);
    first_objects_.on_peers();
  } else {
    first_objects_.write(host_ip_);
  }
  if (troubles_) troubles_->look();
  silence_.on_snapshot();
  peers_.look_at_all();
  runner_.wake_all();
  traffic_.look_at_all();
  policies_.look_at_all();
  names_.on_snapshot();
}

void HostAgent::on_pod_gone(const std::string& uid) {
  held_.erase(uid);
  order_.forget(uid);
  records_.forget_pod(uid);
  driver_.remove_pod(uid);
  recovery_.on_settled(uid);
}

void HostAgent::on_pod(const store::Change& change) {
  const auto& object = *change.object;
  if (change.type == store::ChangeType::Deleted) {
    on_pod_gone(object.meta.uid);
    return;
  }
  // The same name with another uid: the old one was removed and made again between two looks.
  if (change.previous && change.previous->meta.uid != object.meta.uid) on_pod_gone(change.previous->meta.uid);
  const auto found = cache_.pods().find({object.meta.ns, object.meta.name});
  // What the cache kept of an object that does not decode may be of another pod.
  if (found == cache_.pods().end() || found->second->meta.uid != object.meta.uid) return;
  const auto& pod = found->second;
  if (pod->spec.node_name == config_.node_name) drive(pod);
}

std::vector<std::string> HostAgent::dns_addresses() const {
  return config_.dns_listen.empty() ? std::vector<std::string>{network_->gateway()} : config_.dns_listen;
}

/// Where they are; nothing: it is not known who is there.
std::optional<std::set<std::string>> HostAgent::other_hosts() const {
  if (!config_.etcd) return std::set<std::string>();
  return addresses_of_others(nodes_, cache_, *store_);
}

/// A second signal ends us at once, whatever the first has begun.
void HostAgent::on_stop_signal(int signal) {
  systemd::notify_stopping();
  if (std::exchange(stopping_, true) || !begun_ || config_.shutdown_grace.count() == 0 || !systemd::is_booted()) {
    return stop_alone(signal);
  }
  hooks_lane_->run([this, signal] {
    loop_.post([this, signal, down = systemd::host_goes_down()] {
      if (!down) return stop_alone(signal);
      systemd::notify_stopping("the host goes down: stopping pods", shutdown_.patience() + 2 * kStopPatience);
      shutdown_.begin();
    });
  });
}

void HostAgent::stop_alone(int signal) {
  log(LogLevel::Info, "stopping, pods keep running", {{"signal", std::to_string(signal)}});
  if (!fence_ || fence_stopping_) return loop_.stop();
  fence_stopping_ = true;  // A second signal waits for nothing.
  fence_->stop([this] { loop_.stop(); });
}

void HostAgent::begin_sources() {
  sources_ = make_source_set(
      {.loop = loop_,
       .lane = *files_lane_,
       .store = *store_,
       .clock = clock_,
       .on_event = event_sink(),
       .on_status = [this](std::vector<model::SourceStatus> sources) { board_.set_sources(std::move(sources)); },
       .shared = config_.etcd ? std::optional(SharedSources{writer_, nodes_}) : std::nullopt},
      config_);
}

void HostAgent::reload() {
  if (!begun_ || stopping_ || !reload_.can_read()) {
    log(LogLevel::Warning, "told to read the configuration again, but not ready for it");
    return;
  }
  reload_.ask();
}

void HostAgent::on_store_taken(const Error& error) {
  log(LogLevel::Error, "ending, pods keep running", {{"error", error.message()}});
  ended_ = error;
  loop_.stop();
}

Status HostAgent::run() {
  const std::array signals{SIGTERM, SIGINT, SIGHUP};
  loop_.on_signals(signals, [this](int signal) { signal == SIGHUP ? reload() : on_stop_signal(signal); });
  loop_.post([this] {
    feed_.begin();
    holders_ = store_->follow_holders([this](const store::Holders& all) {
      loop_.post([this, all] {
        if (!nodes_.take(all)) return;
        on_live_nodes();
      });
    });
  });
  if (session_) session_->keep([this](const Error& error) { loop_.post([this, error] { on_store_taken(error); }); });
  loop_.run();
  // Lanes, and the API's, wait for what runs. A containerd that hangs must not hold us for a minute: a new agent, or
  // the host's shutdown, waits for our end.
  stop_limit_.emplace(kStopPatience, [this] {
    log(LogLevel::Warning, "stopping takes long: what waits for containerd is given up");
    runtime_->shutdown();
  });
  return ended_;
}

}  // namespace

Result<std::unique_ptr<Agent>> make_agent(const Config& configured, const KeptSockets& kept) {
  // Many small allocations from many threads: a few arenas keep the footprint flat (mallopt(3)).
  ::mallopt(M_ARENA_MAX, 1);
  auto config = configured;
  for (const auto& dir : {config.run_dir, config.state_dir}) {
    if (auto made = make_directories(dir, 0755); !made) return std::move(made).error().context("prepare directories");
  }
  std::unique_ptr<FencePage> fence;  // Outlives the store, whose sessions tell it.
  store::etcd::SessionHooks hooks;
  if (config.etcd) {
    auto page = FencePage::open(config.run_dir, /*arm=*/config.fencing);
    if (!page) return std::move(page).error().context("share with berth-fence");
    fence = *std::move(page);
    hooks.on_kept = [page = fence.get()](std::uint64_t session, store::BootClock::time_point until) {
      page->on_kept(session, until);
    };
    hooks.may_give_back = [page = fence.get()] { return !page->is_armed(); };
  }
  auto store = open_store(config, std::move(hooks));
  if (!store) return std::move(store).error();
  std::unique_ptr<NodeSession> session;
  if (config.etcd) {
    auto taken = NodeSession::take(**store, {.node = config.node_name, .lock = config.state_dir / "node.lock"});
    if (!taken) return std::move(taken).error();
    session = *std::move(taken);
    const SubnetRequest subnet{
        .node = config.node_name, .cluster_cidr = config.cluster_cidr, .pod_cidr = config.pod_cidr};
    auto block = take_pod_subnet(**store, subnet, SystemClock().wall());
    if (!block) return std::move(block).error().context("choose the pods' addresses");
    config.pod_cidr = *std::move(block);
  }

  auto network = network::make_pod_network({.bridge = config.bridge,
                                            .pod_cidr = config.pod_cidr,
                                            .cluster_cidr = config.cluster_cidr,
                                            .mode = overlay_mode(config),
                                            .node_address = config.node_address,
                                            .cluster_domain = config.cluster_domain,
                                            .dns_servers = {},
                                            .dns_listen = config.dns_listen,
                                            .dns_port = static_cast<std::uint16_t>(config.dns_port),
                                            .run_dir = config.run_dir,
                                            .state_dir = config.state_dir});
  if (!network) return std::move(network).error().context("network");
  if (auto up = (*network)->set_up_host(); !up) return std::move(up).error().context("set up the pod network");

  network::DnsConfig dns;
  dns.listen = config.dns_listen.empty() ? std::vector<std::string>{(*network)->gateway()} : config.dns_listen;
  dns.port = static_cast<std::uint16_t>(config.dns_port);
  if (config.dns_upstreams) dns.upstreams = *config.dns_upstreams;
  dns.resolv_conf = "/etc/resolv.conf";
  dns.kept = kept;
  dns.hold = std::chrono::milliseconds(config.dns_hold);
  dns.allow_recursion = {config.pod_cidr, "127.0.0.0/8", (*network)->gateway() + "/32"};
  if (!config.cluster_cidr.empty()) dns.allow_recursion.push_back(config.cluster_cidr);
  auto server = network::start_dns_server(dns);
  if (!server) return std::move(server).error().context("start the DNS server");

  return std::unique_ptr<Agent>(std::make_unique<HostAgent>(std::move(config), std::move(fence), *std::move(store),
                                                            std::move(session), *std::move(network),
                                                            *std::move(server)));
}

}  // namespace berth::agent
