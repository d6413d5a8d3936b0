// volumes/helper/provision.cpp - the three verbs of claims, given to whoever makes that kind of volume.
#include <fmt/format.h>

#include "volumes/helper/provisioner.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

Error unknown(const std::string& provisioner) {
  return {ErrorCode::InvalidArgument, fmt::format("no provisioner \"{}\" here", provisioner)};
}

}  // namespace

Answer provision(const ProvisionJob& job) {
  const auto maker = find_provisioner(job.provisioner);
  return maker ? maker->provision(job) : unknown(job.provisioner);
}

Answer expand(const ExpandJob& job) {
  const auto maker = find_provisioner(job.provisioner);
  return maker ? maker->expand(job) : unknown(job.provisioner);
}

Answer reclaim(const ReclaimJob& job) {
  const auto maker = find_provisioner(job.provisioner);
  return maker ? maker->reclaim(job) : unknown(job.provisioner);
}

}  // namespace berth::volumes::helper
