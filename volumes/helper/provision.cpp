// volumes/helper/provision.cpp - the three verbs of claims, given to whoever makes that kind of volume.
#include <fmt/format.h>

#include "volumes/helper/provisioner.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

Error unknown(const std::string& provisioner) {
  return {ErrorCode::InvalidArgument, fmt::format("no provisioner \"{}\" here", provisioner)};
}

/// A job waits behind others of its server, for minutes perhaps.
template <typename Job>
Status in_time(const Job& job) {
  if (boot_time() < job.until) return Ok{};
  return Error(ErrorCode::Aborted,
               fmt::format("{}/{}: too late, this may be another host's to do by now", job.ns, job.claim));
}

}  // namespace

Answer provision(const ProvisionJob& job) {
  if (auto early = in_time(job); !early) return early.error();
  const auto maker = find_provisioner(job.provisioner);
  return maker ? maker->provision(job) : unknown(job.provisioner);
}

Answer expand(const ExpandJob& job) {
  const auto maker = find_provisioner(job.provisioner);
  return maker ? maker->expand(job) : unknown(job.provisioner);
}

Answer reclaim(const ReclaimJob& job) {
  if (auto early = in_time(job); !early) return early.error();
  const auto maker = find_provisioner(job.provisioner);
  return maker ? maker->reclaim(job) : unknown(job.provisioner);
}

}  // namespace berth::volumes::helper
