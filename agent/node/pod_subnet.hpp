// agent/node/pod_subnet.hpp - which block of addresses this host's pods have, among those of the other hosts.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// What a host asks for: a /24 of `cluster_cidr`, or exactly `pod_cidr` when that is not empty.
struct SubnetRequest {
  std::string node;
  std::string cluster_cidr;  ///< "10.98.0.0/16"; empty: then `pod_cidr` is not.
  std::string pod_cidr;
};

/// Takes it for this host, durably: a Lease in kube-system whose name is the block's, so that two hosts never have the
/// same one. What the host has already it keeps; a block whose holder has no Node object any more is given away when
/// no other is left. Blocks for the store: before the loop runs, or on a lane.
/// Errors: FailedPrecondition (another host's pods are in `pod_cidr`; the message names it), ResourceExhausted (no
/// block is left), InvalidArgument (no IPv4 block), those of the store.
Result<std::string> take_pod_subnet(store::Store& store, const SubnetRequest& request, WallTime now);

}  // namespace berth::agent
