// agent/node_object.hpp - this host as a Kubernetes Node. Pure but for reading uname and meminfo.
#pragma once

#include <string>

#include "agent/config.hpp"
#include "base/clock.hpp"

namespace berth::agent {

/// The Node object of this host: labels and taints from the configuration, the well-known labels, addresses, capacity
/// and what `kubectl get nodes -o wide` shows.
json::object make_node_object(const Config& config, const std::string& address, const std::string& runtime_version,
                              WallTime now);

}  // namespace berth::agent
