// runtime/runtime_start.cpp - lease, snapshot, container, task, start.
#include <signal.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "runtime/app_armor.hpp"
#include "runtime/containerd_runtime.hpp"
#include "runtime/labels.hpp"
#include "runtime/rootfs_files.hpp"
#include "runtime/stale_bundle.hpp"

namespace berth::runtime {
namespace {

constexpr auto kLeaseLifetime = std::chrono::minutes(10);  // far longer than a start; containerd forgets it by itself
constexpr auto kTaskDeadline = std::chrono::seconds(30);   // a shim and a runc are started
constexpr std::size_t kKeptUserFiles = 16;
constexpr std::size_t kMaxKeptUserFile = 16 * 1024;

/// Errors after the image was found: NotFound would read as "pull the image", and what runc says has no code.
Status as_start_error(const Status& status) {
  if (status) return status;
  const auto& error = status.error();
  const bool misleading = error.code() == ErrorCode::NotFound || error.code() == ErrorCode::Unknown;
  return misleading ? Error(ErrorCode::Internal, error.message()) : error;
}

}  // namespace

Status ContainerdRuntime::start(const ContainerSpec& spec) {
  const auto id = container_id(spec.pod.uid, spec.name, spec.attempt);
  const auto doing = fmt::format("start container {}", spec.name);
  for (const bool again : {false, true}) {
    const auto started = try_start(spec, id);
    if (!failed_with(started, ErrorCode::AlreadyExists)) return started ? started : started.error().context(doing);
    if (again) return started.error().context(doing);
    // Something of this name is there. A process that runs or ran is what was asked for; less is left from a start
    // that was cut short.
    const auto record = client_.container(id);
    if (!record && !failed_with(record, ErrorCode::NotFound)) return record.error().context(doing);
    if (record) {
      const auto state = inspect(*record);
      if (!state) return state.error().context(doing);
      if (state->phase != ContainerPhase::Created) return Ok{};
    }
    if (auto removed = remove(id); !removed) return removed.error().context(doing);
  }
  return Error(ErrorCode::Internal, doing + ": unreachable");
}

Status ContainerdRuntime::try_start(const ContainerSpec& spec, const std::string& id) {
  const auto image = images_.find(spec.image);
  if (!image) return image.error();

  // Without a lease containerd's garbage collector may take the snapshot before the container refers to it. It is a
  // fence, too: once it is deleted, what a killed agent had asked for and containerd had not done yet fails.
  const auto lease = lease_of(id);
  traces_.begun(id);
  remember(id, spec.pod.uid);
  bool sound = false;
  if (auto leased = client_.create_lease(lease, kLeaseLifetime);
      !leased && !failed_with(leased, ErrorCode::AlreadyExists)) {
    traces_.doubt(spec.pod.uid);
    return leased;
  }
  const ScopeExit unlease([&] {
    const auto unleased = client_.delete_lease(lease);  // it expires otherwise
    if (!sound || !unleased) traces_.doubt(spec.pod.uid);
  });

  // Its labels say whose it is if we are killed before the container's record does.
  const std::map<std::string, std::string> labels{{label::kPodUid, spec.pod.uid},
                                                  {label::kAttempt, std::to_string(spec.attempt)}};
  const auto rootfs = client_.prepare_snapshot(id, image->config->chain_id, labels, lease);
  if (!rootfs) return rootfs.error();
  const auto launched = as_start_error(launch(spec, id, *image, *rootfs, lease));
  if (!launched) {
    if (const auto removed = remove(id); !removed) {
      log(LogLevel::Debug, "cannot clear a failed start, remove() will", {{"error", removed.error().message()}});
    }
    clear_way(launched.error(), id);
    // A name clash after the snapshot was ours is no "already started".
    if (failed_with(launched, ErrorCode::AlreadyExists)) {
      return Error(ErrorCode::Aborted, launched.error().message());
    }
  }
  sound = launched.ok();
  return launched;
}

/// What stands in the way of the next try, and that containerd does not see.
void ContainerdRuntime::clear_way(const Error& failure, const std::string& id) const {
  const auto bundle = stale_bundle_in(failure.message(), config_.ns, id);
  if (!bundle) return;
  const auto removed = remove_bundle(*bundle);
  log(LogLevel::Warning,
      removed ? "removed a directory that containerd had forgotten" : "containerd forgot a directory",
      {{"directory", bundle->native()}, {"error", removed ? "" : removed.error().message()}});
}

Status ContainerdRuntime::launch(const ContainerSpec& spec, const std::string& id, const LocalImage& image,
                                 const std::vector<SnapshotMount>& rootfs, const std::string& lease) {
  auto text = specification(spec, image, rootfs);
  if (!text) return text.error();
  const auto stdio = io_.make(spec);
  if (!stdio) return stdio.error();

  ContainerRecord record;
  record.id = id;
  record.image = image.name;
  record.snapshot_key = id;
  record.spec_json = *std::move(text);
  record.labels = {{label::kPodUid, spec.pod.uid},
                   {label::kPodName, spec.pod.name},
                   {label::kPodNamespace, spec.pod.ns},
                   {label::kContainerName, spec.name},
                   {label::kAttempt, std::to_string(spec.attempt)},
                   {label::kImage, spec.image},
                   {label::kImageDigest, image.digest}};
  if (image.config->stop_signal != SIGTERM) {
    record.labels[label::kStopSignal] = std::to_string(image.config->stop_signal);
  }
  if (auto created = client_.create_container(record, lease); !created) return created;

  if (const auto pid = client_.create_task(id, rootfs, *stdio, kTaskDeadline); !pid) return pid.error();
  const auto now = format_rfc3339_micro(std::chrono::system_clock::now());
  if (auto labelled = client_.set_container_label(id, label::kStartedAt, now); !labelled) return labelled;
  return client_.start_process(id, {});
}

Result<std::string> ContainerdRuntime::specification(const ContainerSpec& spec, const LocalImage& image,
                                                     const std::vector<SnapshotMount>& rootfs) {
  // As the host's root instead would be weaker than what was asked for.
  if (!spec.host_users) {
    return Error(
        ErrorCode::InvalidArgument,
        "hostUsers: false asks for a user namespace, which is not made here: without that line the pod runs with "
        "the host's users");
  }
  const auto facts = host_facts();
  if (!facts) return facts.error();
  const auto files = user_files(image, rootfs);
  if (!files) return files.error();
  auto user = resolve_user(spec.security, spec.pod_security, image.config->user, *files);
  if (!user) return user.error();
  const auto capabilities = container_capabilities(spec.security, facts->capabilities);
  if (!capabilities) return capabilities.error();
  auto filter = seccomp_filter(spec, *capabilities);
  if (!filter) return filter.error();
  const auto& asked = spec.security.app_armor ? spec.security.app_armor : spec.pod_security.app_armor;
  const auto loaded = read_loaded_profiles();
  const auto privileged = spec.security.privileged.value_or(false);
  auto app_armor = app_armor_profile(asked, privileged, loaded);
  if (!app_armor) return app_armor.error();
  if (!asked && !privileged && loaded && app_armor->empty()) {
    log_once("AppArmor confines no container that does not name a profile: no default one is loaded");
  }

  if (const auto prepared = cgroups_.prepare(spec.pod.uid, spec.qos_class, spec.pod_limits); !prepared) {
    log_once("pods run without limits of their own, only their containers have them: " + prepared.error().message());
  }
  SpecInput input{spec,
                  *image.config,
                  *facts,
                  *std::move(user),
                  *capabilities,
                  *std::move(filter),
                  {},
                  cgroups_.path(spec.pod.uid, spec.qos_class),
                  cgroups_.counts_swap(),
                  {},
                  *std::move(app_armor)};
  if (!spec.host_ipc) {
    auto ipc = ipc_.prepare(spec.pod.uid);
    if (!ipc) return ipc.error();
    input.ipc = *std::move(ipc);
  }
  if (spec.security.privileged.value_or(false)) input.devices = list_devices();
  for (const auto& device : spec.devices) {
    auto node = device_at(device.source, device.target);
    if (!node) return node.error();
    // A pod that is not root reaches its disk as it reaches its files: by its fsGroup.
    if (spec.pod_security.fs_group) node->gid = static_cast<std::uint32_t>(*spec.pod_security.fs_group);
    input.devices.push_back(*std::move(node));
  }
  auto made = make_oci_spec(input);
  if (!made) return made.error();
  for (const auto& note : made->notes) log_once(note);
  return std::move(made->json);
}

Result<std::string> ContainerdRuntime::seccomp_filter(const ContainerSpec& spec, CapabilitySet capabilities) {
  const auto& profile = spec.security.seccomp ? spec.security.seccomp : spec.pod_security.seccomp;
  if (spec.security.privileged.value_or(false) || (profile && profile->type == "Unconfined")) return std::string();
  // Unset is RuntimeDefault: a safe default, what a kubelet does with seccompDefault (KEP-2413). See
  // docs/decisions/0007.
  if (profile && profile->type == "Localhost") {
    const auto filter = seccomp_.localhost(profile->localhost_profile, capabilities);
    if (!filter) return filter.error();
    return **filter;
  }
  const auto filter = seccomp_.runtime_default(capabilities);
  if (filter) return **filter;
  if (!failed_with(filter, ErrorCode::NotFound)) return filter.error();
  log_once("seccompProfile RuntimeDefault is Unconfined here: " + filter.error().message());
  return std::string();
}

Result<UserFiles> ContainerdRuntime::user_files(const LocalImage& image, const std::vector<SnapshotMount>& rootfs) {
  const auto& chain = image.config->chain_id;
  if (chain.empty()) return UserFiles{};
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [kept, files] : user_files_) {
      if (kept == chain) return files;
    }
  }
  auto files = read_user_files(rootfs, config_.run_dir / "rootfs");
  if (!files) return files.error();
  if (files->passwd.size() + files->group.size() <= kMaxKeptUserFile) {
    const std::scoped_lock lock(mutex_);
    user_files_.emplace_front(chain, *files);
    if (user_files_.size() > kKeptUserFiles) user_files_.pop_back();
  }
  return files;
}

Result<HostFacts> ContainerdRuntime::host_facts() {
  {
    const std::scoped_lock lock(mutex_);
    if (host_facts_) return *host_facts_;
  }
  auto facts = read_host_facts(config_.address);
  if (!facts) return facts.error();
  const std::scoped_lock lock(mutex_);
  host_facts_ = *facts;
  return facts;
}

void ContainerdRuntime::log_once(const std::string& message) {
  {
    const std::scoped_lock lock(mutex_);
    if (!logged_.insert(message).second) return;
  }
  log(LogLevel::Warning, message);
}

}  // namespace berth::runtime
