// agent/claims/claim_use.cpp - see claim_use.hpp.
#include "agent/claims/claim_use.hpp"

#include <tuple>

#include "agent/objects/pod_facts.hpp"

namespace berth::agent {

bool holds_claim(const model::Pod& pod, const model::PersistentVolumeClaim& claim) {
  if (!claim.meta.deleting() || pod.meta.creation_timestamp < claim.meta.deletion_timestamp) return true;
  // Within the same second: the one that got as far as an address.
  return pod.meta.creation_timestamp == claim.meta.deletion_timestamp && !pod.status.pod_ip.empty();
}

bool goes_before(const model::Pod& other, const model::Pod& pod) {
  if (other.meta.uid == pod.meta.uid || is_terminal(other)) return false;
  const auto rank = [](const model::Pod& one) {
    const bool begun = !one.status.pod_ip.empty() || one.status.phase == "Running";
    return std::tuple(!begun, std::string_view(one.meta.creation_timestamp), std::string_view(one.meta.name));
  };
  return rank(other) < rank(pod);
}

bool is_exclusive(const model::PersistentVolumeClaim& claim) {
  return claim.access_modes.size() == 1 && claim.access_modes.front() == "ReadWriteOncePod";
}

}  // namespace berth::agent
