// runtime/oci_resources.hpp - linux.resources of the OCI specification, from requests and limits. Pure.
#pragma once

#include "base/json.hpp"
#include "model/pod.hpp"
#include "runtime/host_facts.hpp"

namespace berth::runtime {

/// CPU shares from the request (2 without one), CPU quota and memory limit from the limits; runc turns shares into a
/// weight on cgroup v2. Devices: all denied but what runc allows to everybody and `devices`, or all allowed for
/// `privileged`.
json::object oci_resources(const model::Resources& resources, bool privileged, const std::vector<DeviceNode>& devices);

}  // namespace berth::runtime
