// agent/probes/probe_target.hpp - from a manifest's probe to an address: ports by name, hosts by name, exchanges.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/probes/probe_io.hpp"
#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::agent {

/// A port by number or by the name of a container port. InvalidArgument: neither.
Result<std::uint16_t> probe_port(const std::string& port, const std::vector<model::ContainerPort>& ports);

/// Is it an IPv4 or IPv6 address, so that no name has to be looked up?
bool is_ip_address(const std::string& host);

/// The address of a host by number or name (then a look-up, which may block for seconds: lane threads only).
/// Unavailable: the name has no address.
Result<std::string> resolve_host(const std::string& host);

/// The host a network probe goes to: its own, else the pod's. Empty for exec.
std::string probe_host(const model::ProbeAction& action, const std::string& pod_ip);

/// The exchange for an httpGet or tcpSocket action towards `ip`. InvalidArgument: no such port, or another action.
Result<std::unique_ptr<NetProbe>> make_net_probe(const model::ProbeAction& action, const std::string& ip,
                                                 const std::vector<model::ContainerPort>& ports);

}  // namespace berth::agent
