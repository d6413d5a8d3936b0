// runtime/capabilities.hpp - Linux capabilities by name, and those that a container gets. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::runtime {

/// Bit N stands for capability N of capabilities(7).
using CapabilitySet = std::uint64_t;

/// "NET_ADMIN", "CAP_NET_ADMIN", "cap_net_admin"; none for a name that Linux does not have.
std::optional<unsigned> capability_number(std::string_view name);

/// {"CAP_CHOWN", ...} in order of number.
std::vector<std::string> capability_names(CapabilitySet set);

/// The usual set (the one containerd and docker give), with the container's adds and drops (drops win, "ALL" is all),
/// or all of them when privileged; never more than `available`. InvalidArgument: a name that is no capability.
Result<CapabilitySet> container_capabilities(const model::ContainerSecurity& security, CapabilitySet available);

}  // namespace berth::runtime
