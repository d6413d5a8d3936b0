// model/network_policy.hpp - NetworkPolicy: which peers the pods that it selects may talk to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/selector.hpp"
#include "model/workloads.hpp"

namespace berth::model {

/// IPv4 addresses from `first` to `last`, host order.
struct AddressRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  auto operator<=>(const AddressRange&) const = default;
};

struct IpBlock {
  std::string cidr;
  std::vector<std::string> except;
};

/// Some pods, or a block of addresses: one of the two.
struct PolicyPeer {
  std::optional<LabelSelector> pods;        ///< None, with `namespaces`: all pods of these.
  std::optional<LabelSelector> namespaces;  ///< None: the policy's own.
  std::optional<IpBlock> block;
};

struct PolicyPort {
  std::string protocol;     ///< "TCP", "UDP", "SCTP"
  std::uint16_t first = 0;  ///< 0: every port, or `name`.
  std::uint16_t last = 0;
  std::string name;  ///< A port of that name: of the pod that is talked to.
};

struct PolicyRule {
  std::vector<PolicyPeer> peers;  ///< None: everybody.
  std::vector<PolicyPort> ports;  ///< None: every port of every protocol.
};

struct NetworkPolicy {
  ObjectMeta meta;
  LabelSelector pods;           ///< Of its namespace; an empty one selects all.
  bool closes_ingress = false;  ///< What no rule allows is dropped on its way to the pods,
  bool closes_egress = false;   ///< and from them.
  std::vector<PolicyRule> ingress;
  std::vector<PolicyRule> egress;
};

Result<NetworkPolicy> decode_network_policy(const Object& object);

/// Do all of the block's addresses that are not excepted lie in these? Ascending, none next to another; empty for a
/// block of IPv6, which no pod here has. Pure.
std::vector<AddressRange> addresses_of(const IpBlock& block);

/// The same addresses as in `ranges`, ascending, none next to another. Pure.
std::vector<AddressRange> joined(std::vector<AddressRange> ranges);

}  // namespace berth::model
