// agent/claims/claim_use.hpp - which pods use which claims, and whether one of them may. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// May the pod go on using the claim? Always, unless the claim is being deleted: then only if the pod was there before.
/// A later one waits for the claim's successor, and does not keep the old one.
bool holds_claim(const model::Pod& pod, const model::PersistentVolumeClaim& claim);

/// Where only one pod may use a claim (ReadWriteOncePod, KEP-2485): does `other` go before `pod`? One that has begun
/// goes before one that waits, then the older one; a pod that has ended is in nobody's way.
bool goes_before(const model::Pod& other, const model::Pod& pod);

/// Has the claim the access mode, and no other? (ReadWriteOncePod never has company.)
bool is_exclusive(const model::PersistentVolumeClaim& claim);

/// The claims that a pod's volumes name.
std::set<std::string> claims_of(const model::PodSpec& spec);

/// Pods by claim, kept up to date pod by pod: nobody has to look through all pods for the users of one claim.
class ClaimUsers {
 public:
  /// The pod is there, maybe in the place of another of its name.
  void put(const model::Pod& pod);
  void drop(const Name& pod);

  /// Names of the pods, in the claim's namespace; none is an empty set.
  const std::set<std::string>& pods_of(const Name& claim) const;
  /// The claims of a pod by its name.
  std::set<std::string> claims_of_pod(const Name& pod) const;
  const std::map<Name, std::set<std::string>>& all() const { return pods_; }

 private:
  std::map<Name, std::set<std::string>> pods_;    ///< By claim.
  std::map<Name, std::set<std::string>> claims_;  ///< By pod.
};

}  // namespace berth::agent
