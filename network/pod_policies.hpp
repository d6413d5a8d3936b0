// network/pod_policies.hpp - which pods may talk to whom, as addresses and ports. Front door, with network/pod_network.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/network_policy.hpp"

namespace berth::network {

struct PolicyPorts {
  std::string protocol;     ///< "tcp", "udp", "sctp"
  std::uint16_t first = 0;  ///< 0: all.
  std::uint16_t last = 0;
  auto operator<=>(const PolicyPorts&) const = default;
};

/// Who is let through: any of these peers, to any of these ports.
struct PolicyAllowance {
  bool everybody = false;
  std::vector<std::string> peers{};           ///< Names of sets of PodPolicies::peers.
  std::vector<model::AddressRange> blocks{};  ///< Ascending, none next to another.
  bool every_port = false;                    ///< And every protocol.
  std::vector<PolicyPorts> ports{};
  std::vector<std::string> named_ports{};  ///< Names of sets of PodPolicies::ports.
  bool operator==(const PolicyAllowance&) const = default;
};

/// What one policy lets through in one direction, to or from all pods that it selects.
struct PolicyChain {
  bool ingress = true;
  std::vector<PolicyAllowance> allows{};
  bool operator==(const PolicyChain&) const = default;
};

/// A pod that is closed, in a direction that has a value, but for what these chains let through.
struct PolicedPod {
  std::optional<std::vector<std::string>> ingress{};
  std::optional<std::vector<std::string>> egress{};
  bool operator==(const PolicedPod&) const = default;
};

/// Names are letters, digits, dots, dashes and slashes, and begin with a letter. What is the same object as before is
/// not looked at again.
struct PodPolicies {
  using Elements = std::set<std::string>;
  std::map<std::string, std::shared_ptr<const PolicedPod>> pods;     ///< By address.
  std::map<std::string, std::shared_ptr<const PolicyChain>> chains;  ///< At least those that `pods` name.
  std::map<std::string, std::shared_ptr<const Elements>> peers;      ///< Addresses of pods.
  std::map<std::string, std::shared_ptr<const Elements>> ports;      ///< "10.98.0.4 . tcp . 8080"
};

}  // namespace berth::network
