// agent/claims/claim_use.cpp - see claim_use.hpp.
#include "agent/claims/claim_use.hpp"

#include <tuple>

#include "agent/sets/set_plan.hpp"

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

std::set<std::string> claims_of(const model::PodSpec& spec) {
  std::set<std::string> names;
  for (const auto& volume : spec.volumes) {
    if (const auto* source = std::get_if<model::ClaimSource>(&volume.source)) names.insert(source->claim_name);
  }
  return names;
}

void ClaimUsers::put(const model::Pod& pod) {
  const Name name{pod.meta.ns, pod.meta.name};
  auto claims = claims_of(pod.spec);
  const auto known = claims_.find(name);
  if (known == claims_.end() ? claims.empty() : known->second == claims) return;
  drop(name);
  if (claims.empty()) return;
  for (const auto& claim : claims) pods_[{pod.meta.ns, claim}].insert(pod.meta.name);
  claims_[name] = std::move(claims);
}

void ClaimUsers::drop(const Name& pod) {
  const auto known = claims_.find(pod);
  if (known == claims_.end()) return;
  for (const auto& claim : known->second) {
    const auto users = pods_.find({pod.first, claim});
    if (users == pods_.end()) continue;
    users->second.erase(pod.second);
    if (users->second.empty()) pods_.erase(users);
  }
  claims_.erase(known);
}

std::set<std::string> ClaimUsers::claims_of_pod(const Name& pod) const {
  const auto found = claims_.find(pod);
  return found == claims_.end() ? std::set<std::string>() : found->second;
}

const std::set<std::string>& ClaimUsers::pods_of(const Name& claim) const {
  static const std::set<std::string> kNone;
  const auto found = pods_.find(claim);
  return found == pods_.end() ? kNone : found->second;
}

}  // namespace berth::agent
