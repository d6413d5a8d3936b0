// runtime/oci_spec.hpp - what runc is told: the OCI runtime specification of one container. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/image_document.hpp"
#include "runtime/pod_ipc.hpp"
#include "runtime/pod_runtime.hpp"
#include "runtime/user.hpp"

namespace berth::runtime {

/// Everything that decides the specification.
struct SpecInput {
  const ContainerSpec& container;
  const ImageConfig& image;
  const HostFacts& host;
  ResolvedUser user;
  CapabilitySet capabilities = 0;
  std::string seccomp;              ///< JSON of linux.seccomp; empty: unconfined.
  std::vector<DeviceNode> devices;  ///< Its own, and all of the host for a privileged container.
  std::string pod_cgroup;           ///< "/berth-pods/burstable/pod<uid>"
  bool limits_swap = false;         ///< Cgroups of this host count swap.
  IpcPaths ipc{};                   ///< The pod's; not with the host's.
  std::string app_armor{};          ///< A loaded profile; empty: none.
};

struct OciSpec {
  std::string json;
  std::vector<std::string>
      notes;  ///< What this host cannot give and the container goes without; each once worth a line.
};

/// The specification as JSON, see https://github.com/opencontainers/runtime-spec/blob/main/config.md.
/// InvalidArgument: neither container nor image says what to run, or a mount has no absolute target; for the user.
Result<OciSpec> make_oci_spec(const SpecInput& input);

/// What to run: command and args over entrypoint and cmd, as Kubernetes defines it. Empty: nobody said.
std::vector<std::string> container_argv(const ContainerSpec& container, const ImageConfig& image);

/// The image's environment under the container's, later entries replacing earlier ones of the same name; PATH, HOSTNAME
/// and (on a terminal) TERM when nobody set them.
std::vector<std::string> container_env(const ContainerSpec& container, const ImageConfig& image);

/// For a probe or hook or `kubectl exec`: the process of a container's specification with another command.
/// Internal: `spec_json` is not a specification.
Result<std::string> make_exec_process(std::string_view spec_json, const std::vector<std::string>& command,
                                      bool terminal);

/// The oom_score_adj of a QoS class, as the kubelet computes it: Guaranteed -997, BestEffort 1000, Burstable in
/// between, lower with a larger memory request. Never below `host.oom_score_floor`.
std::int32_t oom_score_adj(const std::string& qos_class, const model::Resources& resources, const HostFacts& host);

}  // namespace berth::runtime
