// agent/claim_plan.hpp - which volume a claim gets, and what happens to a volume whose claim is gone. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/model.hpp"

namespace berth::agent {

/// The provisioner that this agent is: directories below stateDir/volumes.
constexpr std::string_view kDirectoryProvisioner = "berth.io/directory";

struct ClaimFacts {
  std::vector<model::PersistentVolumeClaim> claims;
  std::vector<model::PersistentVolume> volumes;
  std::vector<model::StorageClass> classes;
  const model::Node* node = nullptr;
  std::set<std::pair<std::string, std::string>> used;     ///< (namespace, claim) of pods bound to this node.
  std::set<std::pair<std::string, std::string>> mounted;  ///< The same for pods that are not torn down yet.
  std::set<std::pair<std::string, std::string>> held;     ///< Those of them that hold the claim: see holds_claim().
};

/// Binds an existing volume to a claim.
struct BindAction {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string volume;
  std::string storage_class;
};
/// Makes a directory and a volume for a claim.
struct ProvisionAction {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string storage_class;
  std::string reclaim_policy;
  std::string capacity;
  std::vector<std::string> access_modes;
};
/// A volume whose claim is gone: Delete removes it with its content, Retain keeps it as Released.
struct ReleaseAction {
  std::string volume;
  std::string claim_ns;
  std::string claim_name;
  bool reclaim = false;  ///< The volume object goes, and its content with it.
  bool drop = false;     ///< Only the volume object goes: its directory serves another claim of the same name.
};
/// A claim that has to wait, and why: becomes an event and the pod's message.
struct WaitingClaim {
  model::ObjectKey claim;
  std::string reason;  ///< "ProvisioningFailed", "WaitForFirstConsumer", "FailedBinding"
  std::string message;
};

/// A claim or volume that is being deleted and in nobody's use any more: its protection ends.
struct UnprotectAction {
  model::ObjectKey key;
  std::string uid;
};

struct ClaimPlan {
  std::vector<BindAction> bind;
  std::vector<ProvisionAction> provision;
  std::vector<ReleaseAction> release;
  std::vector<WaitingClaim> waiting;
  std::vector<UnprotectAction> unprotect;
};

/// May the pod go on using the claim? Always, unless the claim is being deleted: then only if the pod was there before.
/// A later one waits for the claim's successor, and does not keep the old one.
bool holds_claim(const model::Pod& pod, const model::PersistentVolumeClaim& claim);

/// Kubernetes' binding rules: the claim's volumeName if set; else the smallest available volume that fits class,
/// size, modes and selector; else dynamic provisioning by the class, at once or with the first pod here.
ClaimPlan plan_claims(const ClaimFacts& facts);

}  // namespace berth::agent
