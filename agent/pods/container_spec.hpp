// agent/pods/container_spec.hpp - a container of a pod spec, with everything resolved, as the runtime wants it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/pods/environment.hpp"
#include "base/result.hpp"
#include "network/pod_network.hpp"
#include "runtime/pod_runtime.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

struct ContainerInputs {
  const volumes::PodVolumesSpec* facts = nullptr;
  const network::Attachment* attachment = nullptr;
  std::vector<runtime::Mount> mounts;  ///< Volume mounts, sub paths resolved.
  std::vector<runtime::Device> devices;
  std::string termination_log;  ///< Host path.
  std::uint32_t attempt = 0;
  const ServiceList* services = nullptr;  ///< That the container is told of; none when null.
};

/// NotFound, InvalidArgument: from the environment; the message is for the user.
Result<runtime::ContainerSpec> make_container_spec(const model::Container& container, const ContainerInputs& inputs);

/// What hostname(1) prints in the pod: spec.hostname, else the pod's name, cut to 63 characters.
std::string network_hostname(const model::Pod& pod);

/// "None" → rprivate, "HostToContainer" → rslave, "Bidirectional" → rshared.
std::string propagation_of(const model::VolumeMount& mount);
/// What a volume mount's recursiveReadOnly asks for.
runtime::Recursive recursion_of(const model::VolumeMount& mount);

}  // namespace berth::agent
