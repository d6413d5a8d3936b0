// agent/agent.cpp - see agent.hpp.
#include "agent/agent.hpp"

#include <malloc.h>

#include <csignal>

#include <fmt/format.h>

#include "agent/claims/claim_controller.hpp"
#include "agent/ending/garbage_collector.hpp"
#include "agent/ending/namespace_controller.hpp"
#include "agent/node/node_object.hpp"
#include "agent/node/node_reporter.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/pods/pod_driver.hpp"
#include "agent/pods/pod_inputs.hpp"
#include "agent/pods/pod_status.hpp"
#include "agent/pods/pod_worker.hpp"
#include "agent/probes/prober.hpp"
#include "agent/services/endpoint_controller.hpp"
#include "agent/services/names.hpp"
#include "agent/sets/set_controller.hpp"
#include "agent/sources/source_set.hpp"
#include "base/log.hpp"
#include "network/dns.hpp"
#include "network/pod_network.hpp"
#include "systemd/notify.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {
namespace {

using model::Kind;

// containerd saturates at about twice the cores (measured); hooks and exec probes wait elsewhere.
constexpr std::size_t kPodThreads = 4;
constexpr std::size_t kHookThreads = 8;   // Each may wait for its pod's whole grace period.
constexpr std::size_t kProbeThreads = 4;  // exec probes.
constexpr std::size_t kFileThreads = 2;   // Sources, provisioning.
// A pass is bounded by its calls' deadlines (10 s each); older than this, something hangs.
constexpr std::chrono::seconds kLaneTooOld{120};
constexpr std::chrono::seconds kRuntimeRetry{2};
constexpr std::chrono::seconds kDialDeadline{3};  // Within one host: only a full backlog takes longer.
// Enough for a watch that reconnects; each entry holds a whole object.
constexpr std::size_t kStoreHistory = 256;

/// Where systemd runs, its slice for pods: they show in systemd-cgls(1), and no service's end touches them.
std::string cgroup_parent() {
  std::error_code error;
  return std::filesystem::exists("/run/systemd/system", error) ? "/berth-pods.slice" : "/berth-pods";  // sd_booted(3)
}

class HostAgent final : public Agent {
 public:
  HostAgent(Config config, std::unique_ptr<store::Store> store, std::unique_ptr<network::PodNetwork> network,
            std::unique_ptr<network::DnsServer> dns)
      : config_(std::move(config)),
        store_(std::move(store)),
        runtime_(runtime::make_containerd_runtime({.address = config_.containerd_address,
                                                   .ns = config_.containerd_namespace,
                                                   .runtime = config_.containerd_runtime,
                                                   .run_dir = config_.run_dir,
                                                   .cgroup_parent = cgroup_parent()})),
        logs_(runtime::make_log_reader(config_.state_dir / "logs")),
        network_(std::move(network)),
        volumes_(volumes::make_pod_volumes(
            {.run_dir = config_.run_dir,
             .state_dir = config_.state_dir,
             .helper = {},
             .on_progress = [this](const std::string& uid) { loop_.post([this, uid] { driver_.kick(uid); }); }})),
        dns_(std::move(dns)),
        host_ip_(network_->host_address()),
        pods_lane_(make_thread_lane("pods", kPodThreads)),
        hooks_lane_(make_thread_lane("hooks", kHookThreads)),
        probes_lane_(make_thread_lane("probes", kProbeThreads)),
        files_lane_(make_thread_lane("files", kFileThreads)),
        writer_(loop_, *store_, clock_),
        events_(loop_, *store_, writer_, clock_, config_.node_name),
        worker_(*runtime_, *network_, *volumes_),
        claims_(loop_, clock_, *files_lane_, cache_, writer_, *volumes_, event_sink(), config_.node_name,
                [this](const std::string& uid) { driver_.kick(uid); }),
        sets_(loop_, clock_, cache_, writer_, event_sink(), config_.node_name),
        namespaces_(loop_, clock_, *store_, writer_),
        garbage_(*store_, writer_),
        endpoints_(loop_, *store_, cache_, writer_),
        node_(loop_, writer_, clock_, config_.node_name, config_.state_dir),
        driver_({.loop = loop_,
                 .pods = *pods_lane_,
                 .hooks = *hooks_lane_,
                 .worker = worker_,
                 .runtime = *runtime_,
                 .clock = clock_,
                 .host_ip = host_ip_},
                driver_callbacks()),
        prober_(make_prober(
            loop_, *probes_lane_, *runtime_, clock_,
            [this](const ProbeVerdict& verdict) { driver_.on_verdict(verdict); },
            [this](const ProbeVerdict& failure) { on_probe_failure(failure); })) {
    driver_.set_prober(prober_.get());
  }

  ~HostAgent() override {
    watches_.reset();
    sources_.reset();
    // Lanes first: their jobs use the rooms. What they post to the loop is never run.
    pods_lane_.reset();
    hooks_lane_.reset();
    probes_lane_.reset();
    files_lane_.reset();
    if (auto flushed = store_->flush(); !flushed) {
      log(LogLevel::Error, "store not flushed", {{"error", flushed.error().message()}});
    }
  }

  void run() override;
  void stop() override { loop_.stop(); }
  store::Store& store() override { return *store_; }
  runtime::PodRuntime& runtime() override { return *runtime_; }
  runtime::LogReader& logs() override { return *logs_; }
  Result<UniqueFd> dial_pod(const std::string& pod_uid, std::uint16_t port) override;
  Status health() const override;

 private:
  PodDriverCallbacks driver_callbacks();
  EventSink event_sink();
  void begin();
  void check_runtime();
  void adopt_orphans();
  void on_change(const store::Change& change);
  void on_pod(const store::Change& change);
  void on_node(const store::Change& change);
  void on_settled(const std::string& uid);
  void place(const model::Pod& pod);
  void place_all();
  void forget(const model::Pod& pod);
  void publish_names();
  void write_status(const model::Pod& pod, const model::PodStatus& status);
  void on_probe_failure(const ProbeVerdict& failure);
  void create_defaults();
  void feed_watchdog();
  void report_status();

  Config config_;
  SystemClock clock_;
  Loop loop_;
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
  ObjectCache cache_;
  StoreWriter writer_;
  EventRecorder events_;
  PodWorker worker_;
  ClaimController claims_;
  SetController sets_;
  NamespaceController namespaces_;
  GarbageCollector garbage_;
  EndpointController endpoints_;
  NodeReporter node_;
  PodDriver driver_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<SourceSet> sources_;
  std::unique_ptr<store::Watch> watches_;
  std::set<std::string> torn_down_;  ///< uids of pods that only their finalizers keep.
  std::set<std::string> unadopted_;  ///< uids of pods that were here before us and have not been looked at yet.
  std::size_t adopting_ = 0;
  std::unique_ptr<LoopHandle> watchdog_;
  std::unique_ptr<LoopHandle> retry_;
  std::unique_ptr<LoopHandle> place_retry_;
  std::unique_ptr<LoopHandle> trim_;
  bool orphans_unknown_ = false;  ///< containerd could not be asked yet.
  bool names_posted_ = false;
  std::string last_report_;
  mutable std::mutex health_mutex_;
  std::string runtime_error_ = "not asked yet";
};

PodDriverCallbacks HostAgent::driver_callbacks() {
  return {
      .inputs =
          [this](const model::Pod& pod) { return make_pass_input(pod, cache_, claims_, config_.node_name, host_ip_); },
      .on_status = [this](const model::Pod& pod, const model::PodStatus& status) { write_status(pod, status); },
      .on_forget = [this](const model::Pod& pod) { forget(pod); },
      .on_event =
          [this](const model::Pod& pod, std::string_view type, std::string_view reason, const std::string& message) {
            events_.record({Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, type, reason, message);
          },
      .on_settled = [this](const std::string& uid) { on_settled(uid); },
      .registry_auths = [this](const model::Pod& pod,
                               const std::string& image) { return registry_auths(pod, image, cache_); }};
}

EventSink HostAgent::event_sink() {
  return [this](const model::ObjectKey& key, const std::string& uid, std::string_view type, std::string_view reason,
                const std::string& message) { events_.record(key, uid, type, reason, message); };
}

void HostAgent::write_status(const model::Pod& pod, const model::PodStatus& status) {
  const auto addresses_changed = pod.status.pod_ip != status.pod_ip || pod.status.ready() != status.ready();
  writer_.modify(
      {Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, Durability::Lazy,
      [encoded = model::encode_pod_status(status)](json::object& raw) {
        raw["status"] = encoded;
        return true;
      },
      [this, uid = pod.meta.uid](const Status& written) {
        if (!written && written.error().code() != ErrorCode::NotFound) driver_.status_lost(uid);
      });
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

/// Torn down: its object goes, once its finalizers are gone. Tried again when that fails, so that it does not stay
/// Terminating.
void HostAgent::forget(const model::Pod& pod) {
  const model::ObjectKey key{Kind::Pod, pod.meta.ns, pod.meta.name};
  const auto stored = store_->get(key);
  if (stored && stored->meta.uid == pod.meta.uid && !stored->meta.finalizers.empty()) {
    torn_down_.insert(pod.meta.uid);
    return;
  }
  writer_.remove(key, pod.meta.uid, [this, key](const Status& removed) {
    if (removed) return;
    log(LogLevel::Warning, "pod object not removed, trying again",
        {{"pod", key.ns + "/" + key.name}, {"error", removed.error().message()}});
    const auto found = cache_.pods().find({key.ns, key.name});
    if (found != cache_.pods().end()) driver_.set_pod(found->second);
  });
}

void HostAgent::create_defaults() {
  const auto quiet = [](const Status&) {};
  for (const auto* name : {"default", "kube-system", kNodeLeaseNamespace.data()}) {
    writer_.create({{"apiVersion", "v1"},
                    {"kind", "Namespace"},
                    {"metadata", {{"name", name}}},
                    {"status", {{"phase", "Active"}}}},
                   Durability::Durable, quiet);
  }
  if (store_->list(Kind::StorageClass).objects.empty()) {
    writer_.create(
        {{"apiVersion", "storage.k8s.io/v1"},
         {"kind", "StorageClass"},
         {"metadata",
          {{"name", "directory"}, {"annotations", {{"storageclass.kubernetes.io/is-default-class", "true"}}}}},
         {"provisioner", std::string(kDirectoryProvisioner)},
         {"reclaimPolicy", "Delete"},
         {"volumeBindingMode", "WaitForFirstConsumer"}},
        Durability::Durable, quiet);
  }
  auto node = make_node_object(config_, host_ip_, "containerd", clock_.wall());
  const model::ObjectKey key{Kind::Node, "", config_.node_name};
  if (store_->get(key)) {
    writer_.modify(
        key, {}, Durability::Durable,
        [node](json::object& raw) {
          merge_node(raw, node);
          auto status = node.at("status").get_object();
          // When they changed is known better there.
          const json::value stored(raw);
          if (const auto* conditions = find(stored, {"status", "conditions"})) status["conditions"] = *conditions;
          raw["status"] = std::move(status);
          return true;
        },
        quiet);
  } else {
    writer_.create(std::move(node), Durability::Durable, quiet);
  }
  node_.begin();
}

void HostAgent::begin() {
  // The watch begins at the listings' common revision: nothing is missed, nothing comes twice.
  const auto from = store_->revision();
  for (const auto& kind : model::all_kinds()) cache_.load(store_->list(kind.kind));
  auto watch = store_->watch(
      std::nullopt, from, [this](const store::Change& change) { loop_.post([this, change] { on_change(change); }); });
  if (!watch) {
    log(LogLevel::Error, "cannot watch the store", {{"error", watch.error().message()}});
    loop_.stop();
    return;
  }
  watches_ = *std::move(watch);
  create_defaults();

  runtime_->subscribe([this](const std::string& uid) { loop_.post([this, uid] { driver_.kick(uid); }); },
                      [this] {
                        loop_.post([this] {
                          log(LogLevel::Info, "containerd connected");
                          driver_.kick_all();
                          check_runtime();
                          if (orphans_unknown_) adopt_orphans();
                        });
                      });
  check_runtime();

  for (const auto& [name, pod] : cache_.pods()) {
    if (pod->spec.node_name == config_.node_name) {
      unadopted_.insert(pod->meta.uid);
      driver_.set_pod(pod);
    } else {
      place(*pod);
    }
  }
  adopting_ = unadopted_.size();
  adopt_orphans();
  namespaces_.plan_all();
  garbage_.scan_all();
  claims_.plan_all();
  sets_.plan_all();
  endpoints_.plan_all();
  publish_names();
  sources_ = make_source_set({.loop = loop_, .lane = *files_lane_, .store = *store_, .clock = clock_}, config_);
  log(LogLevel::Info, "ready",
      {{"node", config_.node_name}, {"pods", std::to_string(driver_.size())}, {"version", BERTH_VERSION}});
  systemd::notify_ready(fmt::format("{} pods", driver_.size()));
  feed_watchdog();
}

Result<UniqueFd> HostAgent::dial_pod(const std::string& pod_uid, std::uint16_t port) {
  const auto attachment = network_->observe(pod_uid);
  if (!attachment) return attachment.error();
  if (!*attachment) return Error(ErrorCode::NotFound, fmt::format("pod {} has no network here", pod_uid));
  return network::dial_localhost((*attachment)->netns_path, port, kDialDeadline);
}

void HostAgent::check_runtime() {
  pods_lane_->run([this] {
    auto status = std::make_shared<Status>(runtime_->check());
    loop_.post([this, status] {
      const auto text = *status ? std::string() : status->error().message();
      {
        const std::lock_guard lock(health_mutex_);
        if (text != runtime_error_ && !text.empty()) {
          log(LogLevel::Warning, "containerd is not usable, waiting", {{"error", text}});
        }
        runtime_error_ = text;
      }
      node_.on_runtime(text, runtime_->version());
      if (!*status) retry_ = loop_.after(kRuntimeRetry, [this] { check_runtime(); });
      report_status();
    });
  });
}

/// Whatever the rooms hold for pods that have no object: their deletion was decided before we went down.
void HostAgent::adopt_orphans() {
  orphans_unknown_ = false;
  pods_lane_->run([this] {
    std::map<std::string, runtime::PodIdentity> found;
    if (auto containers = runtime_->all_containers()) {
      for (const auto& container : *containers) found[container.pod.uid] = container.pod;
    } else {
      loop_.post([this] { orphans_unknown_ = true; });
    }
    if (auto attached = network_->attached_pods()) {
      for (const auto& uid : *attached) found.try_emplace(uid, runtime::PodIdentity{.uid = uid, .ns = "", .name = uid});
    }
    if (auto mounted = volumes_->mounted_pods()) {
      for (const auto& uid : *mounted) found.try_emplace(uid, runtime::PodIdentity{.uid = uid, .ns = "", .name = uid});
    }
    loop_.post([this, found]() mutable {
      // An object that does not decode, or that is bound to a name this node had once, is no orphan.
      for (const auto& object : store_->list(Kind::Pod).objects) found.erase(object->meta.uid);
      for (const auto& [uid, identity] : found) {
        if (driver_.knows(uid)) continue;
        log(LogLevel::Warning, "removing what is left of a deleted pod",
            {{"pod", identity.ns + "/" + identity.name}, {"uid", uid}});
        auto pod = std::make_shared<model::Pod>();
        pod->meta.uid = uid;
        pod->meta.ns = identity.ns;
        pod->meta.name = identity.name;
        driver_.set_pod(pod);
        driver_.remove_pod(uid);
      }
    });
  });
}

void HostAgent::on_change(const store::Change& change) {
  // After a burst (30 pods start) the heap has grown: give back what is free, see malloc_trim(3).
  constexpr std::chrono::seconds kTrimAfter{5};
  if (!trim_) {
    trim_ = loop_.after(kTrimAfter, [this] {
      trim_.reset();
      ::malloc_trim(0);
    });
  }
  cache_.apply(change);
  sets_.on_change(change);
  claims_.on_change(change);
  namespaces_.on_change(change);
  garbage_.on_change(change);
  endpoints_.on_change(change);
  const auto& object = *change.object;
  switch (object.kind) {
    case Kind::Pod: on_pod(change); break;
    case Kind::Service: publish_names(); break;
    case Kind::ConfigMap:
    case Kind::Secret:
      for (const auto& [name, pod] : cache_.pods()) {
        if (name.first == object.meta.ns && refers_to(pod->spec, object.key())) driver_.refresh(pod->meta.uid);
      }
      break;
    case Kind::PersistentVolume: place_all(); break;
    case Kind::Node: on_node(change); break;
    case Kind::Endpoints:
    case Kind::EndpointSlice:  // Made by hand for a service without a selector: that service's names.
      if (!is_derived(object) || (change.previous && !is_derived(*change.previous))) publish_names();
      break;
    case Kind::Namespace:
    case Kind::PersistentVolumeClaim:
    case Kind::StorageClass:
    case Kind::ServiceAccount:
    case Kind::DaemonSet:
    case Kind::StatefulSet:
    case Kind::ControllerRevision:
    case Kind::Lease:
    case Kind::Event: break;
  }
}

void HostAgent::on_pod(const store::Change& change) {
  const auto& object = *change.object;
  if (change.type == store::ChangeType::Deleted) {
    torn_down_.erase(object.meta.uid);
    driver_.remove_pod(object.meta.uid);
    on_settled(object.meta.uid);
    publish_names();
    return;
  }
  // The same name with another uid: the old one was removed and made again between two looks.
  if (change.previous && change.previous->meta.uid != object.meta.uid) driver_.remove_pod(change.previous->meta.uid);
  const auto found = cache_.pods().find({object.meta.ns, object.meta.name});
  if (found == cache_.pods().end()) return;
  const auto& pod = found->second;
  if (torn_down_.contains(pod->meta.uid)) {
    if (pod->meta.finalizers.empty()) {
      torn_down_.erase(pod->meta.uid);
      forget(*pod);
    }
    return;
  }
  if (pod->spec.node_name == config_.node_name) {
    driver_.set_pod(pod);
  } else {
    place(*pod);
  }
  if (endpoints_changed(change)) publish_names();
}

/// Cordoned and uncordoned, as the kubelet says it (it names the node where others name a uid).
void HostAgent::on_node(const store::Change& change) {
  place_all();
  const auto& name = change.object->meta.name;
  if (!change.previous || change.type == store::ChangeType::Deleted || name != config_.node_name) return;
  const auto cordoned = [](const model::Object& node) {
    const auto* spec = node.raw.if_contains("spec");
    const auto* flag = spec == nullptr ? nullptr : find(*spec, {"unschedulable"});
    return flag != nullptr && flag->is_bool() && flag->get_bool();
  };
  const auto now = cordoned(*change.object);
  if (now == cordoned(*change.previous)) return;
  const std::string reason = now ? "NodeNotSchedulable" : "NodeSchedulable";
  events_.record(change.object->key(), name, "Normal", reason, fmt::format("Node {} status is now: {}", name, reason));
}

/// Says once that everything from before a restart has been found and is as wanted.
void HostAgent::on_settled(const std::string& uid) {
  if (unadopted_.erase(uid) == 0 || !unadopted_.empty()) return;
  log(LogLevel::Info, "pods adopted", {{"count", std::to_string(adopting_)}});
}

/// Binds a pod without a node to this one, when it fits: the pod object bound to a node is the claim.
void HostAgent::place(const model::Pod& pod) {
  if (!pod.spec.node_name.empty()) return;
  const model::ObjectKey key{Kind::Pod, pod.meta.ns, pod.meta.name};
  if (pod.meta.deleting()) {  // Never bound: nothing of it is here.
    if (pod.meta.finalizers.empty()) writer_.remove(key, pod.meta.uid, {});
    return;
  }
  const auto node = cache_.nodes().find({"", config_.node_name});
  if (node == cache_.nodes().end()) return;
  const auto why = why_not_here(pod.spec, *node->second);
  if (!why.empty()) {
    const auto* scheduled = pod.status.condition("PodScheduled");
    if (scheduled != nullptr && scheduled->message == why) return;
    write_status(pod, make_unschedulable_status(pod, why, clock_.wall()));
    events_.record(key, pod.meta.uid, "Warning", "FailedScheduling", why);
    return;
  }
  events_.record(key, pod.meta.uid, "Normal", "Scheduled",
                 fmt::format("Successfully assigned {}/{} to {}", pod.meta.ns, pod.meta.name, config_.node_name));
  writer_.modify(
      key, pod.meta.uid, Durability::Durable,
      [node_name = config_.node_name](json::object& raw) {
        auto& spec = raw["spec"].get_object();
        if (!find_string(json::value(spec), {"nodeName"}).empty()) return false;
        spec["nodeName"] = node_name;
        return true;
      },
      [this](const Status& written) {
        if (written) return;
        constexpr std::chrono::seconds kPlaceAgain{1};
        place_retry_ = loop_.after(kPlaceAgain, [this] { place_all(); });
      });
}

void HostAgent::place_all() {
  for (const auto& [name, pod] : cache_.pods()) {
    if (pod->spec.node_name.empty()) place(*pod);
  }
}

void HostAgent::publish_names() {
  if (names_posted_) return;
  names_posted_ = true;
  // Posted, so that a burst of changes makes one zone.
  loop_.post([this] {
    names_posted_ = false;
    dns_->publish(make_names(cache_, config_.cluster_domain));
  });
}

void HostAgent::feed_watchdog() {
  const auto interval = systemd::watchdog_interval();
  if (!interval) return;
  // Hooks may take their pods' whole grace; everything else has deadlines.
  const auto oldest = std::max(pods_lane_->oldest(), files_lane_->oldest());
  if (oldest < kLaneTooOld) {
    systemd::notify_watchdog();
  } else {
    log(LogLevel::Error, "a lane hangs, not feeding the watchdog", {{"oldest_ms", std::to_string(oldest.count())}});
  }
  report_status();
  watchdog_ = loop_.after(*interval, [this] { feed_watchdog(); });
}

void HostAgent::report_status() {
  std::size_t ready = 0;
  for (const auto& [name, pod] : cache_.pods()) ready += pod->status.ready() ? 1 : 0;
  std::string error;
  {
    const std::lock_guard lock(health_mutex_);
    error = runtime_error_;
  }
  auto text = fmt::format("{} of {} pods ready{}", ready, cache_.pods().size(), error.empty() ? "" : "; " + error);
  if (text == last_report_) return;
  last_report_ = std::move(text);
  systemd::notify_status(last_report_);
}

Status HostAgent::health() const {
  const std::lock_guard lock(health_mutex_);
  if (!runtime_error_.empty()) return Error(ErrorCode::Unavailable, runtime_error_);
  return Ok{};
}

void HostAgent::run() {
  const std::array signals{SIGTERM, SIGINT};
  loop_.on_signals(signals, [this](int signal) {
    log(LogLevel::Info, "stopping, pods keep running", {{"signal", std::to_string(signal)}});
    systemd::notify_stopping();
    loop_.stop();
  });
  loop_.post([this] { begin(); });
  loop_.run();
}

/// The host's resolvers, unless the configuration names others.
std::vector<std::string> upstreams_of(const Config& config) {
  if (config.dns_upstreams) return *config.dns_upstreams;
  // A stub on loopback (systemd-resolved) is asked like any other: we run in the host's namespace.
  return network::parse_resolv_conf(read_file("/etc/resolv.conf").value_or(""), /*skip_loopback=*/false);
}

}  // namespace

Result<std::unique_ptr<Agent>> make_agent(const Config& config) {
  // Many small allocations from many threads: a few arenas keep the footprint flat (mallopt(3)).
  ::mallopt(M_ARENA_MAX, 2);
  for (const auto& dir : {config.run_dir, config.state_dir}) {
    if (auto made = make_directories(dir, 0755); !made) return std::move(made).error().context("prepare directories");
  }
  auto store = store::open_sqlite_store(config.state_dir / "berth.db", {.history = kStoreHistory});
  if (!store) return std::move(store).error().context("open the store");

  auto network = network::make_pod_network({.bridge = config.bridge,
                                            .pod_cidr = config.pod_cidr,
                                            .cluster_domain = config.cluster_domain,
                                            .dns_servers = {},
                                            .run_dir = config.run_dir,
                                            .state_dir = config.state_dir});
  if (!network) return std::move(network).error().context("network");
  if (auto up = (*network)->set_up_host(); !up) return std::move(up).error().context("set up the pod network");

  network::DnsConfig dns;
  dns.listen = config.dns_listen.empty() ? std::vector<std::string>{(*network)->gateway()} : config.dns_listen;
  dns.port = static_cast<std::uint16_t>(config.dns_port);
  dns.upstreams = upstreams_of(config);
  dns.allow_recursion = {config.pod_cidr, "127.0.0.0/8", (*network)->gateway() + "/32"};
  // An upstream that is ourselves would be a loop.
  std::erase_if(dns.upstreams, [&](const auto& upstream) {
    return std::find(dns.listen.begin(), dns.listen.end(), upstream) != dns.listen.end();
  });
  auto server = network::start_dns_server(dns);
  if (!server) return std::move(server).error().context("start the DNS server");

  return std::unique_ptr<Agent>(
      std::make_unique<HostAgent>(config, *std::move(store), *std::move(network), *std::move(server)));
}

}  // namespace berth::agent
