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

/// Brings a stored Node up to date with `fresh`: its labels and taints are set, those that people added stay, as does
/// spec.unschedulable.
void merge_node(json::object& stored, const json::object& fresh);

}  // namespace berth::agent
