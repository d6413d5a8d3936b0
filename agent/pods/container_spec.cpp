// agent/pods/container_spec.cpp - see container_spec.hpp.
#include "agent/pods/container_spec.hpp"

#include <algorithm>

#include "model/model.hpp"

namespace berth::agent {
namespace {

/// Adds one of the pod's own files unless the container mounts something there itself.
void add_file(std::vector<runtime::Mount>& mounts, const std::string& source, const std::string& target) {
  if (source.empty()) return;
  const auto taken =
      std::any_of(mounts.begin(), mounts.end(), [&](const auto& mount) { return mount.target == target; });
  if (!taken) mounts.push_back({.source = source, .target = target, .read_only = false, .propagation = "rprivate"});
}

}  // namespace

std::string network_hostname(const model::Pod& pod) {
  constexpr std::size_t kMaxHostname = 63;  // HOST_NAME_MAX is 64 with the final NUL.
  auto name = pod.spec.hostname.empty() ? pod.meta.name : pod.spec.hostname;
  if (name.size() > kMaxHostname) name.resize(kMaxHostname);
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name;
}

std::string propagation_of(const model::VolumeMount& mount) {
  if (mount.mount_propagation == "HostToContainer") return "rslave";
  if (mount.mount_propagation == "Bidirectional") return "rshared";
  return "rprivate";
}

runtime::Recursive recursion_of(const model::VolumeMount& mount) {
  if (mount.recursive_read_only == "Enabled") return runtime::Recursive::Yes;
  if (mount.recursive_read_only == "IfPossible") return runtime::Recursive::IfPossible;
  return runtime::Recursive::No;
}

Result<runtime::ContainerSpec> make_container_spec(const model::Container& container, const ContainerInputs& inputs) {
  const auto& pod = inputs.facts->pod;
  auto env =
      resolve_environment(container, *inputs.facts, inputs.services == nullptr ? ServiceList() : *inputs.services);
  if (!env) return std::move(env).error();

  runtime::ContainerSpec spec;
  spec.pod = {.uid = pod.meta.uid, .ns = pod.meta.ns, .name = pod.meta.name};
  spec.name = container.name;
  spec.attempt = inputs.attempt;
  spec.image = container.image;
  for (const auto& word : container.command) spec.command.push_back(expand(word, *env));
  for (const auto& word : container.args) spec.args.push_back(expand(word, *env));
  spec.working_dir = container.working_dir;
  for (const auto& [name, value] : *env) spec.env.push_back(name + "=" + value);

  spec.mounts = inputs.mounts;
  spec.devices = inputs.devices;
  add_file(spec.mounts, inputs.attachment->hosts_file, "/etc/hosts");
  add_file(spec.mounts, inputs.attachment->hostname_file, "/etc/hostname");
  add_file(spec.mounts, inputs.attachment->resolv_conf_file, "/etc/resolv.conf");
  add_file(spec.mounts, inputs.termination_log, container.termination_message_path);

  spec.netns_path = inputs.attachment->netns_path;
  if (!pod.spec.host_network) spec.hostname = network_hostname(pod);
  spec.host_pid = pod.spec.host_pid;
  spec.host_ipc = pod.spec.host_ipc;
  spec.host_users = pod.spec.host_users;
  spec.security = container.security;
  spec.pod_security = pod.spec.security;
  spec.resources = container.resources;
  spec.pod_limits = runtime::pod_limits(pod.spec);
  spec.qos_class = model::qos_class(pod.spec);
  spec.tty = container.tty;
  spec.has_stdin = container.has_stdin;
  spec.stdin_once = container.stdin_once;
  return spec;
}

}  // namespace berth::agent
