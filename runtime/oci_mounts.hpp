// runtime/oci_mounts.hpp - the mounts of the OCI specification: the system's and the container's own. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// /proc, /dev, /sys and their kin, then `container.mounts` from the shortest target to the longest; a mount of the
/// container replaces one of the system's at the same place. /dev/shm is `shm`; empty: its own.
/// InvalidArgument: a target that is not absolute, a wish that this host's kernel cannot grant.
Result<json::array> oci_mounts(const ContainerSpec& container, const HostFacts& host, std::string_view shm = {});

/// "rshared" or "rslave" when a mount needs the root mount to propagate, else empty.
std::string_view root_propagation(const std::vector<Mount>& mounts);

}  // namespace berth::runtime
