// agent/node/node_object.hpp - this host as a Kubernetes Node. Pure but for reading what kind of host this is.
#pragma once

#include <string>
#include <vector>

#include "agent/config.hpp"
#include "base/clock.hpp"
#include "model/host_status.hpp"

namespace berth::agent {

/// The kubelet's word for a host whose pods do not reach other hosts'.
inline constexpr const char* kNetworkUnavailable = "NetworkUnavailable";

/// What is wrong with a host among others; its Node has a condition of this type while it is so. NetworkUnavailable,
/// which people know, it has else, too, and is False. Nobody places or evicts pods by it: whom they reach is not told.
struct NodeTrouble {
  std::string type{};    ///< "NetworkUnavailable"
  std::string reason{};  ///< "NoPacketsBetweenHosts"
  std::string message{};
  bool operator==(const NodeTrouble&) const = default;
};

/// What the Node's conditions say.
struct NodeHealth {
  std::string runtime_error;  ///< Why containerd is not usable; empty: it is.
  std::string silent_shims;   ///< Of which pods the shims do not answer, while containerd does; empty: all do.
  bool memory_pressure = false;
  bool disk_pressure = false;
  bool pid_pressure = false;
  bool among_others = false;  ///< Other hosts share the store.
  std::vector<NodeTrouble> troubles{};
  bool operator==(const NodeHealth&) const = default;
};

/// In one sentence, for `silent_shims`: the first few by name.
std::string silent_shims_sentence(const std::vector<model::HostProblem>& silent);

/// Where Kubernetes keeps the Leases of nodes.
inline constexpr std::string_view kNodeLeaseNamespace = "kube-node-lease";

/// The Node object of this host: labels and taints from the configuration, the well-known labels, addresses, capacity
/// and what `kubectl get nodes -o wide` shows. The InternalIP is `address`, or where the configuration says that other
/// hosts reach our API; its port is the kubeletEndpoint's, 0 when they do not.
json::object make_node_object(const Config& config, const std::string& address, const std::string& runtime_version,
                              WallTime now);

/// Brings a stored Node up to date with `fresh`: its labels and taints are set, those that people added stay, as does
/// spec.unschedulable.
void merge_node(json::object& stored, const json::object& fresh);

/// Sets a stored Node's conditions, keeping the transition times of those that did not change, and the runtime's
/// version unless `runtime_version` is empty.
void update_node_status(json::object& node, const NodeHealth& health, const std::string& runtime_version, WallTime now);

/// Does the Node say how its pods' network is? So it is of an agent whose firewall lets other hosts ask.
bool tells_of_network(const json::object& node);

/// The Lease by which a node shows that it lives; metadata.ownerReferences is left to the caller.
json::object make_node_lease(const std::string& node_name, WallTime now);

}  // namespace berth::agent
