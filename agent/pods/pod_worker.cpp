// agent/pods/pod_worker.cpp - see pod_worker.hpp.
#include "agent/pods/pod_worker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include <fmt/format.h>

#include "agent/pods/container_spec.hpp"
#include "agent/pods/environment.hpp"
#include "agent/pods/hook.hpp"
#include "base/unique_fd.hpp"

namespace berth::agent {
namespace {

volumes::PodVolumesSpec volumes_spec(const PassInput& input, const PodView* view) {
  return {.pod = *input.pod,
          .pod_ip = view != nullptr && view->attachment ? view->attachment->address : std::string(),
          .host_ip = input.host_ip,
          .node_name = input.node_name,
          .config_maps = input.config_maps,
          .secrets = input.secrets,
          .claims = input.claims};
}

const model::Container& container_of(const model::Pod& pod, ContainerRef which) {
  return which.init ? pod.spec.init_containers[which.index] : pod.spec.containers[which.index];
}

const ContainerMemory& memory_of(const PodMemory& memory, ContainerRef which) {
  return which.init ? memory.init[which.index] : memory.main[which.index];
}

/// The volume mounts of one container as host paths.
Result<std::vector<runtime::Mount>> resolve_mounts(volumes::PodVolumes& volumes, const model::Pod& pod,
                                                   const model::Container& container, const volumes::VolumePaths& paths,
                                                   const PassInput& input, const PodView& view) {
  std::vector<runtime::Mount> mounts;
  for (std::size_t i = 0; i < container.volume_mounts.size(); ++i) {
    const auto& mount = container.volume_mounts[i];
    const auto path = paths.find(mount.name);
    if (path == paths.end()) {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("volumeMounts[{}]: the pod has no volume \"{}\"", i, mount.name));
    }
    auto source = path->second;
    auto inside = mount.sub_path;
    if (!mount.sub_path_expr.empty()) {
      auto env = resolve_environment(container, volumes_spec(input, &view));
      if (!env) return std::move(env).error();
      inside = expand(mount.sub_path_expr, *env);
    }
    if (!inside.empty()) {
      auto sub = volumes.sub_path(pod.meta.uid, container.name, static_cast<int>(i), source, inside);
      if (!sub) return std::move(sub).error().context(fmt::format("volumeMounts[{}].subPath", i));
      source = *sub;
    }
    auto read_only = mount.read_only;
    for (const auto& volume : pod.spec.volumes) {
      if (volume.name != mount.name) continue;
      read_only = read_only || volumes::is_read_only(volume.source);
      if (const auto* claim = std::get_if<model::ClaimSource>(&volume.source)) {
        const auto bound = input.claims.find(claim->claim_name);
        if (bound != input.claims.end() && bound->second.block) {
          return Error(ErrorCode::InvalidArgument,
                       fmt::format("volumeMounts[{}]: volume \"{}\" has volumeMode Block, but is specified in "
                                   "volumeMounts",
                                   i, mount.name));
        }
        read_only = read_only || (bound != input.claims.end() && bound->second.read_only);
      }
    }
    mounts.push_back({.source = source.string(),
                      .target = mount.mount_path,
                      .read_only = read_only,
                      .propagation = propagation_of(mount)});
  }
  return mounts;
}

/// The raw block volumes of one container as host devices.
Result<std::vector<runtime::Device>> resolve_devices(const model::Container& container, const PassInput& input,
                                                     const volumes::VolumePaths& paths) {
  std::vector<runtime::Device> devices;
  for (std::size_t i = 0; i < container.volume_devices.size(); ++i) {
    const auto& device = container.volume_devices[i];
    const auto path = paths.find(device.name);
    if (path == paths.end()) {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("volumeDevices[{}]: the pod has no volume \"{}\"", i, device.name));
    }
    for (const auto& volume : input.pod->spec.volumes) {
      const auto* claim = std::get_if<model::ClaimSource>(&volume.source);
      const auto bound = claim == nullptr ? input.claims.end() : input.claims.find(claim->claim_name);
      if (volume.name != device.name || (bound != input.claims.end() && bound->second.block)) continue;
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("volumeDevices[{}]: volume \"{}\" has volumeMode Filesystem, but is specified in "
                               "volumeDevices",
                               i, device.name));
    }
    devices.push_back({.source = path->second.string(), .target = device.device_path});
  }
  return devices;
}

/// At most the 4 KiB that Kubernetes keeps of a termination message.
std::string read_head(const std::filesystem::path& path) {
  constexpr std::size_t kMaxMessage = 4096;
  std::string text(kMaxMessage, '\0');
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  const auto got = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

}  // namespace

network::NetworkSpec network_spec(const model::Pod& pod) {
  network::NetworkSpec spec;
  spec.pod_uid = pod.meta.uid;
  spec.pod_ns = pod.meta.ns;
  spec.pod_name = pod.meta.name;
  spec.host_network = pod.spec.host_network;
  spec.hostname = network_hostname(pod);
  spec.subdomain = pod.spec.subdomain;
  spec.dns_policy = pod.spec.dns_policy;
  spec.dns_config = pod.spec.dns_config;
  spec.host_aliases = pod.spec.host_aliases;
  if (pod.spec.host_network) return spec;
  for (const auto& container : pod.spec.containers) {
    for (const auto& port : container.ports) {
      if (port.host_port == 0) continue;
      spec.host_ports.push_back({.host_port = static_cast<std::uint16_t>(port.host_port),
                                 .container_port = static_cast<std::uint16_t>(port.container_port),
                                 .protocol = port.protocol,
                                 .host_ip = port.host_ip});
    }
  }
  return spec;
}

Result<PodView> PodWorker::observe(const PassInput& input) {
  const auto& uid = input.pod->meta.uid;
  auto containers = runtime_.containers(uid);
  if (!containers) return std::move(containers).error().context("list containers");
  auto view = make_view(input.pod->spec, *containers);

  const auto add_messages = [&](const std::vector<model::Container>& specs, std::vector<ContainerView>& views) {
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (views[i].phase != ContainerView::Phase::Exited) continue;
      const auto path = volumes_.termination_log(uid, specs[i].name, views[i].attempt);
      if (path) views[i].message = read_head(*path);
    }
  };
  if (input.wanted) {
    add_messages(input.pod->spec.init_containers, view.init);
    add_messages(input.pod->spec.containers, view.main);
  }

  auto present = volumes_.present(uid);
  if (!present) return std::move(present).error().context("look at volumes");
  view.volumes = *present || input.memory.mounted ? Presence::Present : Presence::Absent;
  // Begun and not seen complete, by us or by the agent before us: a pod that has nothing else yet looks again.
  if (!input.memory.mounted && (volumes_.under_way(uid) || (*present && containers->empty()))) {
    view.volumes = Presence::Unknown;
  }

  auto attachment = network_.observe(uid);
  if (!attachment) return std::move(attachment).error().context("look at the network");
  view.attachment = *std::move(attachment);
  // The room does not tell a partial attachment from none. Unknown until a detach() succeeded: undoing twice is
  // harmless.
  const auto without = input.memory.detached ? Presence::Absent : Presence::Unknown;
  view.network = view.attachment ? Presence::Present : without;
  return view;
}

PassResult PodWorker::pass(const PassInput& input) {
  PassResult result;
  auto view = observe(input);
  if (!view) {
    result.status = std::move(view).error();
    return result;
  }
  result.observed = true;
  result.view = *std::move(view);
  result.step = next_step(input.pod->spec, input.wanted, result.view, input.memory, input.now);
  result.status = take(input, result.view, result);
  if (result.status && result.step.kind == StepKind::Settled && result.pending.empty()) refresh(input, result);
  return result;
}

/// Under way is no failure: whoever works on it kicks the pod.
Status PodWorker::wait_or_fail(Error error, PassResult& result) {
  if (error.code() != ErrorCode::Aborted) return error;
  result.pending = error.message();
  result.step.kind = StepKind::Settled;
  result.reason.clear();
  return Ok{};
}

Status PodWorker::take(const PassInput& input, const PodView& view, PassResult& result) {
  const auto& uid = input.pod->meta.uid;
  switch (result.step.kind) {
    case StepKind::MountVolumes: {
      if (!input.blocked.empty()) {  // Its claim's binding kicks the pod.
        result.step.kind = StepKind::Settled;
        return Ok{};
      }
      auto paths = volumes_.mount(volumes_spec(input, &view));
      if (!paths) return wait_or_fail(std::move(paths).error(), result);
      return Ok{};
    }
    case StepKind::AttachNetwork: {
      auto attachment = network_.attach(network_spec(*input.pod));
      if (!attachment) return std::move(attachment).error();
      return Ok{};
    }
    case StepKind::StartContainer: {
      if (!input.blocked.empty()) {  // Its claim went to another pod, or is Lost: waited for, like the first time.
        result.step.kind = StepKind::Settled;
        return Ok{};
      }
      auto started = start(input, view, result);
      return started ? started : wait_or_fail(std::move(started).error(), result);
    }
    case StepKind::KillContainer: return runtime_.kill(result.step.id, SIGKILL);
    case StepKind::RemoveContainer: return runtime_.remove(result.step.id);
    case StepKind::DetachNetwork: return network_.detach(uid);
    case StepKind::UnmountVolumes: {
      auto unmounted = volumes_.unmount(uid);
      return unmounted ? unmounted : wait_or_fail(std::move(unmounted).error(), result);
    }
    case StepKind::StopContainer:
      // With a hook it may take the whole grace period, so the driver begins it; without one the signal is all.
      if (container_of(*input.pod, result.step.which).lifecycle.pre_stop) return Ok{};
      return runtime_.request_stop(result.step.id);
    case StepKind::Forget: return runtime_.remove_pod(uid);  // what no container's record knows of
    case StepKind::Settled: return Ok{};
  }
  return Ok{};
}

/// Live update of config maps, secrets and downward files of a pod that runs.
void PodWorker::refresh(const PassInput& input, PassResult& result) {
  if (!input.refresh || !input.wanted || result.view.volumes != Presence::Present || !input.blocked.empty()) return;
  auto paths = volumes_.mount(volumes_spec(input, &result.view));
  if (paths) {
    result.refreshed = true;
  } else {
    result.status = wait_or_fail(std::move(paths).error(), result);
  }
}

Status PodWorker::start(const PassInput& input, const PodView& view, PassResult& result) {
  const auto& pod = *input.pod;
  const auto which = result.step.which;
  const auto& container = container_of(pod, which);
  const auto& memory = memory_of(input.memory, which);

  if (container.image_pull_policy == "Always" && memory.pulled_attempt != result.step.attempt) {
    result.wants_pull = true;
    return Ok{};
  }
  // The ended attempt makes room first: its snapshot and its place in the shared shim.
  const auto& old = which.init ? view.init[which.index] : view.main[which.index];
  if (old.phase != ContainerView::Phase::Absent) {
    if (auto removed = runtime_.remove(old.id); !removed) return std::move(removed).error();
  }

  const auto facts = volumes_spec(input, &view);
  result.reason = "CreateContainerConfigError";
  auto paths = volumes_.mount(facts);  // Made already: brings config maps up to date, and tells the paths.
  if (!paths) return std::move(paths).error();
  auto mounts = resolve_mounts(volumes_, pod, container, *paths, input, view);
  if (!mounts) return std::move(mounts).error();
  auto devices = resolve_devices(container, input, *paths);
  if (!devices) return std::move(devices).error();
  auto termination_log = volumes_.termination_log(pod.meta.uid, container.name, result.step.attempt);
  if (!termination_log) return std::move(termination_log).error();

  auto spec = make_container_spec(container, {.facts = &facts,
                                              .attachment = &*view.attachment,
                                              .mounts = *std::move(mounts),
                                              .devices = *std::move(devices),
                                              .termination_log = termination_log->string(),
                                              .attempt = result.step.attempt});
  if (!spec) return std::move(spec).error();

  result.reason = "RunContainerError";
  auto started = runtime_.start(*spec);
  if (failed_with(started, ErrorCode::NotFound)) {
    if (container.image_pull_policy == "Never") {
      result.reason = "ErrImageNeverPull";
      return Error(ErrorCode::FailedPrecondition,
                   fmt::format("container image \"{}\" is not present with pull policy of Never", container.image));
    }
    if (!runtime_.image(container.image).ok()) {
      result.reason.clear();
      result.wants_pull = true;
      return Ok{};
    }
  }
  if (failed_with(started, ErrorCode::InvalidArgument)) result.reason = "CreateContainerConfigError";
  return started;
}

Status PodWorker::stop(const PassInput& input, ContainerRef which, const std::string& id, const std::string& pod_ip,
                       std::chrono::milliseconds grace) {
  const auto& container = container_of(*input.pod, which);
  Status hook = Ok{};
  if (container.lifecycle.pre_stop) {
    hook = run_hook(
        *container.lifecycle.pre_stop,
        {.runtime = &runtime_, .container_id = id, .pod_ip = pod_ip, .ports = container.ports, .deadline = grace});
  }
  auto asked = runtime_.request_stop(id);
  if (!asked) return asked;
  return hook;
}

Status PodWorker::after_start(const PassInput& input, ContainerRef which, const std::string& id,
                              const std::string& pod_ip) {
  const auto& container = container_of(*input.pod, which);
  if (!container.lifecycle.post_start) return Ok{};
  return run_hook(*container.lifecycle.post_start, {.runtime = &runtime_,
                                                    .container_id = id,
                                                    .pod_ip = pod_ip,
                                                    .ports = container.ports,
                                                    .deadline = std::chrono::minutes(2)});
}

}  // namespace berth::agent
