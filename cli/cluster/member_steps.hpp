// cli/cluster/member_steps.hpp - makes this host a member of the etcd, step by step.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/cluster/etcd_members.hpp"
#include "cli/cluster/etcdctl.hpp"
#include "cli/cluster/host_services.hpp"

namespace berth::cli {

/// Takes the steps of plan_member() until none is left, for two minutes at the most. Before this host is a member that
/// has caught up it counts for no quorum. Returns the members as they are then. Errors: what etcd said;
/// FailedPrecondition: a port is taken, a disk too small, and nothing was changed; DeadlineExceeded: not in time, and
/// who never began is no member.
Result<std::vector<Member>> take_member_steps(const Etcdctl& etcdctl, const HostPlaces& places, HostServices& services,
                                              const std::string& name, const std::string& host, Membership membership);

}  // namespace berth::cli
