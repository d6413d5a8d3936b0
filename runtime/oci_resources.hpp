// runtime/oci_resources.hpp - linux.resources of the OCI specification, from requests and limits. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "model/pod.hpp"
#include "runtime/host_facts.hpp"

namespace berth::runtime {

constexpr std::int64_t kCpuPeriod = 100'000;  ///< Microseconds that a CPU quota is of.

/// A request as the CPU shares of cgroups version 1, between the kernel's least and most.
std::int64_t cpu_shares(std::int64_t milli_cpu);
/// A limit as microseconds in each kCpuPeriod; no less than the kernel takes.
std::int64_t cpu_quota(std::int64_t milli_cpu);
/// The request, else the limit; null: neither.
const model::Quantity* cpu_request(const model::Resources& resources);
/// The limit of "cpu" or "memory"; null: none, or zero, which is the same.
const model::Quantity* limit_of(const model::Resources& resources, const std::string& name);

/// What this host's cgroups can do.
struct CgroupAbilities {
  bool swap = false;       ///< They count swap.
  bool version_2 = false;  ///< The only hierarchy there is.
};

/// CPU shares from the request (2 without one), CPU quota and memory limit from the limits; runc turns shares into a
/// weight on cgroup v2. Nothing above a memory limit is swapped. With version 2 a container that runs out of memory
/// dies as a whole, as the kubelet has it. Devices: all denied but what runc allows to everybody and `devices`, or all
/// allowed for `privileged`.
json::object oci_resources(const model::Resources& resources, bool privileged, const std::vector<DeviceNode>& devices,
                           const CgroupAbilities& cgroups);

}  // namespace berth::runtime
