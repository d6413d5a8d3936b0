// agent/agent.cpp - see agent.hpp. The wiring; what follows a change is in host_changes.cpp.
#include "agent/agent.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "agent/health_parts.hpp"
#include "agent/host_agent.hpp"
#include "agent/node/pod_subnet.hpp"
#include "agent/objects/host_addresses.hpp"
#include "agent/pods/pod_inputs.hpp"
#include "agent/pods/pod_status.hpp"
#include "agent/services/host_listeners.hpp"
#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "runtime/pod_cgroups.hpp"
#include "systemd/host_state.hpp"
#include "systemd/notify.hpp"

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

}  // namespace

HostAgent::HostAgent(Config config, std::unique_ptr<FencePage> fence, std::unique_ptr<SessionTerm> term,
                     std::unique_ptr<store::Store> store, std::unique_ptr<NodeSession> session,
                     std::unique_ptr<network::PodNetwork> network, std::unique_ptr<network::DnsServer> dns)
    : config_(std::move(config)),
      board_(clock_, what_stays(config_)),
      fence_page_(std::move(fence)),
      term_(std::move(term)),
      store_(std::move(store)),
      from_copy_(store_->identity().opened == 0),
      runtime_(runtime::make_containerd_runtime({.address = config_.containerd_address,
                                                 .ns = config_.containerd_namespace,
                                                 .runtime = config_.containerd_runtime,
                                                 .run_dir = config_.run_dir,
                                                 .cgroup_parent = cgroup_parent()})),
      logs_(runtime::make_honest_log_reader(
          // An earlier berth's, on another disk, stay where they were.
          runtime::make_log_reader(
              {runtime::log_directory(config_.logs, config_.state_dir), config_.state_dir / "logs"}),
          config_.run_dir)),
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
      services_lane_(make_thread_lane("services", 1)),
      health_lane_(make_thread_lane("health", 1)),
      writer_(loop_, *store_, clock_),
      events_(loop_, *store_, writer_, clock_, config_.node_name),
      statuses_(writer_,
                [this](const std::string& uid, const Status& written) {
                  shutdown_.look_again();
                  if (failed_with(written, ErrorCode::NotFound)) return;
                  driver_.status_answered(uid, written.ok());
                }),
      hooks_(make_hooks(loop_, *hooks_lane_, *runtime_)),
      worker_(*runtime_, *logs_, *network_, *volumes_),
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
               .may_mount = attaching(),
               .held_until = [this] { return term_ ? term_->until(boot_time()) : BootTime{}; }}),
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
                 .kept_mark_file = config_.etcd ? config_.state_dir / "store.json" : std::filesystem::path(),
                 .node = config_.node_name,
                 .from_copy = from_copy_},
                {.on_orphan = [this](const runtime::PodIdentity& orphan) { remove_orphan(orphan); },
                 .on_strangers = [this](const std::vector<model::Stranger>& all) { on_strangers(all); },
                 .on_found = [this] { drive_held(); }}),
      records_(config_.run_dir / "objects", *files_lane_),
      names_({.loop = loop_,
              .lane = *services_lane_,
              .store = *store_,
              .cache = cache_,
              .records = records_,
              .dns = *dns_,
              .cluster_domain = config_.cluster_domain,
              .servers = dns_addresses(),
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
      health_(
          loop_, *health_lane_, *runtime_, cache_, config_.node_name, {pods_lane_.get(), files_lane_.get()},
          [this](const std::string& error, const std::string& version) {
            board_.set_containerd(error, version);
            node_.on_runtime(error, version);
          },
          [this](const std::vector<model::HostProblem>& silent) {
            board_.set_silent_shims(silent);
            node_.on_silent_shims(silent);
          },
          [this] { look_at_runtime(); }),
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
                     if (!from_copy_) runner_.wake_all();
                     if (certificates_) certificates_->look();
                   }),
      prober_(make_prober(
          loop_, *probes_lane_, *runtime_, clock_, [this](const ProbeVerdict& verdict) { driver_.on_verdict(verdict); },
          [this](const ProbeVerdict& failure) { on_probe_failure(failure); })),
      feed_(loop_, *store_, cache_,
            {.on_snapshot = [this](const std::vector<PodPtr>& gone) { on_snapshot(gone); },
             .on_change = [this](const store::Change& change) { on_change(change); },
             .on_object = [this](const model::Object& object) { garbage_.see(object); },
             .on_whole = [this] { return garbage_.end_of_snapshot(); }},
            config_.etcd ? config_.node_name : std::string()),
      session_(std::move(session)) {
  driver_.set_prober(prober_.get());
  runner_.add(placement_.row(warden_of_all("placement")));
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
    fence_.emplace(FenceKeeper::Context{
        .loop = loop_,
        .writer = writer_,
        .store = *store_,
        .page = *fence_page_,
        .term = *term_,
        .events = event_sink(),
        .node = config_.node_name,
        .wanted = config_.fencing,
        .cgroup_of = [cgroups = runtime::PodCgroups("/sys/fs/cgroup", cgroup_parent())](
                         const model::Pod& pod) { return cgroups.path(pod.meta.uid, model::qos_class(pod.spec)); },
        .kick = [this](const std::string& uid) { driver_.kick(uid); }});
    troubles_lane_ = make_thread_lane("troubles", 1);
    certificates_.emplace(CertificateKeeper::Context{.loop = loop_,
                                                     .lane = *troubles_lane_,
                                                     .store = *store_,
                                                     .clock = clock_,
                                                     .files = watched_certificates(config_),
                                                     .tools = certificate_tools()});
    troubles_.emplace(TroubleWatch::Context{
        .loop = loop_,
        .lane = *troubles_lane_,
        .store = *store_,
        .nodes = nodes_,
        .own_member = own_member(config_.etcd->endpoints, config_.cluster ? config_.cluster->advertise.host : host_ip_),
        .is_fence_off = [this] { return fence_->facts().wanted && !fence_->facts().fence_answers; },
        .certificates = [this] { return certificates_->troubles(); },
        .probes =
            trouble_probes({dns_addresses().front(), dns_->port()}, config_.cluster_domain,
                           [](std::uint16_t port) { return host_listeners({}).contains(HostPortKey("tcp", port)); }),
        .on_troubles = [this](const auto& troubles) { on_troubles(troubles); }});
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

HostAgent::~HostAgent() {
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
  health_lane_.reset();
  troubles_lane_.reset();
  stop_limit_.reset();
  if (auto flushed = store_->flush(); !flushed) {
    log(LogLevel::Error, "store not flushed", {{"error", flushed.error().message()}});
  }
}

PodDriverCallbacks HostAgent::driver_callbacks() {
  return {
      .inputs =
          [this](const model::Pod& pod) {
            auto input = make_step_input(pod, cache_, claims_, {config_.node_name, host_ip_, config_.cluster_domain});
            if (fence_ && input.unsure.empty()) input.unsure = fence_->may_mount(pod);
            input.not_yet = policies_.may_start(pod);
            if (fence_ && input.not_yet.empty()) input.not_yet = fence_->may_start(pod);
            return input;
          },
      .on_status = [this](const model::Pod& pod, const model::PodStatus& status) { write_status(pod, status); },
      .on_forget = [this](const model::Pod& pod) { forget(pod); },
      .on_event =
          [this](const model::Pod& pod, const Tell& tell) {
            events_.record({Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, tell.type, tell.reason, tell.message,
                           tell.field_path);
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
      .is_fenced = [this](const model::Pod& pod) { return fence_ && fence_->took_down(pod); },
      .on_gone =
          [this](const std::string& uid) {
            shutdown_.look_again();
            told_.erase(uid);
            loop_.post([this, uid] {
              orders_.on_gone(uid);
              if (fence_) fence_->on_gone(uid);
              if (attachments_) attachments_->on_gone(uid);
            });
          },
      .pull_keys = [this](const model::Pod& pod, const std::string& image) { return pull_keys(pod, image, cache_); }};
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
  statuses_.write({Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, status);
  wake_set(pod.meta.controller());
  // What the store does not take is written again and again, and said once.
  const Told now{status.pod_ip, status.ready()};
  auto& told = told_.try_emplace(pod.meta.uid, Told{pod.status.pod_ip, pod.status.ready()}).first->second;
  if (std::exchange(told, now) == now) return;
  log(LogLevel::Info, now.ready ? "pod ready" : "pod not ready",
      {{"pod", pod.meta.ns + "/" + pod.meta.name}, {"phase", status.phase}, {"address", status.pod_ip}});
}

void HostAgent::on_probe_failure(const ProbeVerdict& failure) {
  const auto pod = driver_.pod(failure.pod_uid);
  if (!pod) return;
  events_.record({Kind::Pod, pod->meta.ns, pod->meta.name}, failure.pod_uid, "Warning", "Unhealthy",
                 fmt::format("{} probe failed: {}", to_string(failure.kind), failure.message),
                 field_path_of(*pod, failure.container_id));
}

/// Once, with all that the store has.
void HostAgent::begin() {
  trim_soon();
  if (config_.etcd) trim_now_and_then();
  // It may have answered since it was opened.
  if (from_copy_ && store_->identity().opened != 0) {
    from_copy_ = false;
    recovery_.on_store();
  }
  if (!from_copy_) first_objects_.write(host_ip_);
  node_.begin();
  if (fence_) fence_->begin();
  if (certificates_) certificates_->look();
  if (troubles_) troubles_->look();

  runtime_->subscribe([this](const std::string& uid) { loop_.post([this, uid] { driver_.kick(uid); }); },
                      [this] {
                        loop_.post([this] {
                          log(LogLevel::Info, "containerd connected");
                          look_at_runtime();
                          health_.check_runtime();
                        });
                      });
  health_.check_runtime();

  std::set<std::string> here;
  for (const auto& name : cache_.pods_of_node(config_.node_name)) {
    const auto pod = cache_.pod(name);
    here.insert(pod->meta.uid);
    drive(pod);
  }
  if (auto told = runtime::write_log_settings(config_.run_dir, config_.logs); !told) {
    log(LogLevel::Warning, "berth-logd is not told where log files go", {{"error", told.error().message()}});
  }
  log_watch_.begin();
  names_.tell_host(
      {.link = config_.bridge, .servers = dns_addresses(), .port = static_cast<std::uint16_t>(config_.dns_port)});
  const auto known = here;
  recovery_.begin(std::move(here));
  if (recovery_.trusts_store() && !from_copy_) {
    mark_logs_gone([known](const auto& logs, const auto& state_dir) {
      return runtime::mark_other_logs_gone(logs, state_dir, known);
    });
  }
  if (!recovery_.trusts_store()) names_.remember();
  peers_.look_at_all();
  traffic_.look_at_all();
  policies_.look_at_all();
  names_.on_snapshot();
  recovery_.look_for_orphans();
  if (!from_copy_) {
    runner_.wake_all();  // Nothing is planned by a copy.
    begin_sources();
  }
  recovered_ = true;
  health_.feed_watchdog();
}

/// Anything may have changed there.
void HostAgent::look_at_runtime() {
  driver_.kick_all();
  recovery_.retry();
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
    if (term_) follow_term();
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

Result<std::unique_ptr<Agent>> make_agent(const Config& configured, const KeptSockets& kept) {
  // Many small allocations from many threads: a few arenas keep the footprint flat (mallopt(3)).
  ::mallopt(M_ARENA_MAX, 1);
  auto config = configured;
  for (const auto& dir : {config.run_dir, config.state_dir}) {
    if (auto made = make_directories(dir, 0755); !made) return std::move(made).error().context("prepare directories");
  }
  std::unique_ptr<FencePage> fence;  // Outlives the store, whose sessions tell it; so does this:
  std::unique_ptr<SessionTerm> term;
  store::etcd::SessionHooks hooks;
  if (config.etcd) {
    auto page = FencePage::open(config.run_dir, /*arm=*/config.fencing);
    if (!page) return std::move(page).error().context("share with berth-fence");
    fence = *std::move(page);
    term = std::make_unique<SessionTerm>(NodeSession::name_of(config.node_name));
    hooks.on_kept = [page = fence.get(), term = term.get()](std::uint64_t session, store::BootClock::time_point until) {
      page->on_kept(until.time_since_epoch());  // Before anything is let start by it.
      term->on_kept(session, until.time_since_epoch());
    };
    hooks.on_seen = [term = term.get()](const std::string& name, std::uint64_t session) {
      term->on_seen(name, session);
    };
    hooks.may_give_back = [page = fence.get()] { return !page->is_armed(); };
  }
  auto store = open_store(config, std::move(hooks));
  if (!store) return std::move(store).error();
  std::unique_ptr<NodeSession> session;
  if (config.etcd) {
    auto taken = NodeSession::take(**store, {.node = config.node_name,
                                             .lock = config.state_dir / "node.lock",
                                             .may_be_later = (*store)->identity().opened == 0});
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

  return std::unique_ptr<Agent>(std::make_unique<HostAgent>(std::move(config), std::move(fence), std::move(term),
                                                            *std::move(store), std::move(session), *std::move(network),
                                                            *std::move(server)));
}

}  // namespace berth::agent
