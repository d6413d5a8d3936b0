// agent/pods/pod_worker.cpp - see pod_worker.hpp.
#include "agent/pods/pod_worker.hpp"

#include <csignal>

#include <fmt/format.h>

#include "agent/pods/container_spec.hpp"
#include "agent/pods/environment.hpp"
#include "agent/pods/termination_message.hpp"

namespace berth::agent {
namespace {

const model::Container& container_of(const model::Pod& pod, ContainerRef which) {
  return which.init ? pod.spec.init_containers[which.index] : pod.spec.containers[which.index];
}

/// The volume mounts of one container as host paths.
Result<std::vector<runtime::Mount>> resolve_mounts(volumes::PodVolumes& volumes, const model::Container& container,
                                                   const volumes::VolumePaths& paths,
                                                   const volumes::PodVolumesSpec& facts, const ServiceList& services) {
  const auto& pod = facts.pod;
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
      auto env = resolve_environment(container, facts, services);
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
        const auto bound = facts.claims.find(claim->claim_name);
        if (bound != facts.claims.end() && bound->second.block) {
          return Error(ErrorCode::InvalidArgument,
                       fmt::format("volumeMounts[{}]: volume \"{}\" has volumeMode Block, but is specified in "
                                   "volumeMounts",
                                   i, mount.name));
        }
        read_only = read_only || (bound != facts.claims.end() && bound->second.read_only);
      }
    }
    mounts.push_back({.source = source.string(),
                      .target = mount.mount_path,
                      .read_only = read_only,
                      .propagation = propagation_of(mount),
                      .recursive = recursion_of(mount)});
  }
  return mounts;
}

/// The raw block volumes of one container as host devices.
Result<std::vector<runtime::Device>> resolve_devices(const model::Container& container,
                                                     const volumes::VolumePaths& paths,
                                                     const volumes::PodVolumesSpec& facts) {
  std::vector<runtime::Device> devices;
  for (std::size_t i = 0; i < container.volume_devices.size(); ++i) {
    const auto& device = container.volume_devices[i];
    const auto path = paths.find(device.name);
    if (path == paths.end()) {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("volumeDevices[{}]: the pod has no volume \"{}\"", i, device.name));
    }
    for (const auto& volume : facts.pod.spec.volumes) {
      const auto* claim = std::get_if<model::ClaimSource>(&volume.source);
      const auto bound = claim == nullptr ? facts.claims.end() : facts.claims.find(claim->claim_name);
      if (volume.name != device.name || (bound != facts.claims.end() && bound->second.block)) continue;
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("volumeDevices[{}]: volume \"{}\" has volumeMode Filesystem, but is specified in "
                               "volumeDevices",
                               i, device.name));
    }
    devices.push_back({.source = path->second.string(), .target = device.device_path});
  }
  return devices;
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

LookInput look_input(const PodMemory& memory) {
  LookInput input{
      .pod = memory.pod, .mounted = memory.mounted, .detached = memory.detached, .read_init = {}, .read_main = {}};
  for (const auto& container : memory.init) input.read_init.push_back(container.message_attempt);
  for (const auto& container : memory.main) input.read_main.push_back(container.message_attempt);
  return input;
}

bool needs_input(StepKind step) {
  return step == StepKind::MountVolumes || step == StepKind::RefreshFiles || step == StepKind::StartContainer;
}

/// Once for each attempt that ended.
void PodWorker::read_messages(const model::Pod& pod, const std::vector<model::Container>& specs,
                              const std::vector<std::uint32_t>& known, std::vector<ContainerView>& views) {
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (views[i].phase != ContainerView::Phase::Exited || (i < known.size() && known[i] == views[i].attempt)) continue;
    if (const auto file = volumes_.termination_log(pod.meta.uid, specs[i].name, views[i].attempt)) {
      views[i].message = termination_message(pod, specs[i], views[i], *file, runtime_, logs_);
    }
  }
}

Result<PodView> PodWorker::look(const LookInput& input) {
  const auto& uid = input.pod->meta.uid;
  auto containers = runtime_.containers(uid);
  if (!containers) return std::move(containers).error().context("list containers");
  auto view = make_view(input.pod->spec, *containers);
  read_messages(*input.pod, input.pod->spec.init_containers, input.read_init, view.init);
  read_messages(*input.pod, input.pod->spec.containers, input.read_main, view.main);

  auto present = volumes_.present(uid);
  if (!present) return std::move(present).error().context("look at volumes");
  view.volumes = *present || input.mounted ? Presence::Present : Presence::Absent;
  // Begun and not seen complete, by us or by the agent before us: a pod that has nothing else yet looks again.
  if (!input.mounted && (volumes_.under_way(uid) || (*present && containers->empty()))) {
    view.volumes = Presence::Unknown;
  }

  auto attachment = network_.observe(uid);
  if (!attachment) return std::move(attachment).error().context("look at the network");
  view.attachment = *std::move(attachment);
  // The room does not tell a partial attachment from none. Unknown until a detach() succeeded: undoing twice is
  // harmless.
  const auto without = input.detached ? Presence::Absent : Presence::Unknown;
  view.network = view.attachment ? Presence::Present : without;
  return view;
}

Took PodWorker::take(const model::Pod& pod, const Step& step, const PodView& view, const StepInput* input,
                     bool pulled) {
  Took took;
  took.step = step;
  took.view = view;
  // What a claim waits for kicks the pod: the first time, and when it went to another pod, or is Lost.
  if (needs_input(step.kind) && !input->blocked.empty()) {
    took.pending = input->blocked;
    return took;
  }
  if (step.kind == StepKind::MountVolumes && !input->unsure.empty()) {
    took.pending = input->unsure;
    return took;
  }
  if (step.kind == StepKind::StartContainer && !input->not_yet.empty()) {
    took.pending = input->not_yet;
    return took;
  }
  took.status = act(pod, input, pulled, took);
  if (failed_with(took.status, ErrorCode::Aborted)) {  // Under way is no failure: whoever works on it kicks the pod.
    took.pending = took.status.error().message();
    took.status = Ok{};
    took.reason.clear();
  }
  return took;
}

Status PodWorker::act(const model::Pod& pod, const StepInput* input, bool pulled, Took& took) {
  const auto& step = took.step;
  switch (step.kind) {
    case StepKind::MountVolumes:
    case StepKind::RefreshFiles: {
      auto facts = input->facts;
      if (took.view.attachment) facts.pod_ip = took.view.attachment->address;
      auto paths = volumes_.mount(facts);
      if (!paths) return std::move(paths).error();
      return Ok{};
    }
    case StepKind::AttachNetwork: {
      auto attachment = network_.attach(network_spec(pod));
      if (!attachment) return std::move(attachment).error();
      return Ok{};
    }
    case StepKind::StartContainer: return start(pod, *input, pulled, took);
    case StepKind::StopContainer: return runtime_.request_stop(step.id);
    case StepKind::KillContainer: return runtime_.kill(step.id, SIGKILL);
    case StepKind::RemoveContainer: return runtime_.remove(step.id);
    case StepKind::DetachNetwork: {
      auto detached = network_.detach(pod.meta.uid);
      if (!detached) return detached;
      return runtime_.remove_pod(pod.meta.uid);  // What no container's record knows of.
    }
    case StepKind::UnmountVolumes: return volumes_.unmount(pod.meta.uid);
    case StepKind::ReleaseVolumes: return volumes_.release(pod.meta.uid);
    case StepKind::BeginStop:
    case StepKind::Settled:
    case StepKind::Forget: return Ok{};
  }
  return Ok{};
}

Status PodWorker::start(const model::Pod& pod, const StepInput& input, bool pulled, Took& took) {
  const auto which = took.step.which;
  const auto& container = container_of(pod, which);

  if (container.image_pull_policy == "Always" && !pulled) {
    took.wants_pull = true;
    return Ok{};
  }
  // The ended attempt makes room first: its snapshot and its place in the shared shim.
  const auto& old = which.init ? took.view.init[which.index] : took.view.main[which.index];
  if (old.phase != ContainerView::Phase::Absent) {
    if (auto removed = runtime_.remove(old.id); !removed) return std::move(removed).error();
  }

  auto facts = input.facts;
  facts.pod_ip = took.view.attachment->address;
  took.reason = "CreateContainerConfigError";
  auto paths = volumes_.mount(facts);  // Made already: brings config maps up to date, and tells the paths.
  if (!paths) return std::move(paths).error();
  auto mounts = resolve_mounts(volumes_, container, *paths, facts, input.services);
  if (!mounts) return std::move(mounts).error();
  auto devices = resolve_devices(container, *paths, facts);
  if (!devices) return std::move(devices).error();
  auto termination_log = volumes_.termination_log(pod.meta.uid, container.name, took.step.attempt);
  if (!termination_log) return std::move(termination_log).error();

  auto spec = make_container_spec(container, {.facts = &facts,
                                              .attachment = &*took.view.attachment,
                                              .mounts = *std::move(mounts),
                                              .devices = *std::move(devices),
                                              .termination_log = termination_log->string(),
                                              .attempt = took.step.attempt,
                                              .services = &input.services});
  if (!spec) return std::move(spec).error();

  took.reason = "RunContainerError";
  auto started = runtime_.start(*spec);
  if (failed_with(started, ErrorCode::NotFound)) {
    if (container.image_pull_policy == "Never") {
      took.reason = "ErrImageNeverPull";
      return Error(ErrorCode::FailedPrecondition,
                   fmt::format("container image \"{}\" is not present with pull policy of Never", container.image));
    }
    if (!runtime_.image(container.image).ok()) {
      took.reason.clear();
      took.wants_pull = true;
      return Ok{};
    }
  }
  if (failed_with(started, ErrorCode::InvalidArgument)) took.reason = "CreateContainerConfigError";
  return started;
}

}  // namespace berth::agent
