// agent/claims/claim_plan.hpp - which volume a claim gets, how it grows, and what becomes of a volume without claim.
// Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/claims/claim_owner.hpp"
#include "agent/claims/provisioners.hpp"
#include "agent/claims/volume_index.hpp"
#include "agent/objects/object_cache.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// What pods make of one claim.
struct ClaimUse {
  bool here = false;     ///< A pod bound to this node names it.
  bool mounted = false;  ///< A pod names it that is not torn down yet.
  bool held = false;     ///< One of them holds the claim: see holds_claim().
  bool running = false;  ///< One of them runs here, so that the volume is mounted.
  std::string place{};   ///< See first_place(); of a store that is shared only.
};

/// What one claim's plan is made of. Nothing is copied: the maps are the cache's, by (namespace, name). Non-null but
/// for `node` and `hosts`.
struct ClaimFacts {
  const Typed<model::PersistentVolumeClaim>* claims = nullptr;
  const VolumeIndex* volumes = nullptr;
  const Typed<model::StorageClass>* classes = nullptr;
  const model::Node* node = nullptr;
  ClaimUse use;  ///< Of that claim.
  /// Others share the store: what is theirs to do is not planned. Null: all of it is ours.
  const Hosts* hosts = nullptr;
  bool is_warden = true;  ///< This host does what no host is special for.
  /// With `hosts`: whose kernel may write to a volume, whatever became of its pods. By the volume's name.
  const Typed<model::VolumeAttachment>* attachments = nullptr;
};

/// Binds an existing volume to a claim.
struct BindAction {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string volume;
  std::string storage_class;
  bool chosen = true;  ///< By us, not by the claim's volumeName.
};
/// Makes a volume for a claim.
struct ProvisionAction {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string storage_class;
  std::string provisioner;
  model::StringMap parameters;
  std::vector<std::string> mount_options;
  std::string reclaim_policy;
  std::string capacity;  ///< As asked for.
  std::int64_t bytes = 0;
  std::vector<std::string> access_modes;
  std::string volume_mode;
};
/// Gives a claim that has to wait and names no class the default one: what it waits for is then there to be read.
struct ClassAction {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string storage_class;
};
/// Says, before anything is made for the claim, that this node makes it.
struct SelectAction {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string before;  ///< Which node was said to, until now.
};
/// Says, before anything becomes of a volume's content, that this node decides what.
struct HoldAction {
  std::string volume;
  std::string claim_uid;
  std::string before;  ///< The same.
};
/// Takes that back: the content stays, and whoever may have the volume gets it.
struct UnholdAction {
  std::string volume;
  std::string holder;
};
/// Tells somebody else's provisioner (by an annotation) that the claim waits for it.
struct DelegateAction {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string provisioner;
};
/// Makes the volume of a bound claim larger.
struct ExpandAction {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string volume;
  std::string provisioner;
  model::StringMap parameters;
  model::PersistentSource source = model::UnsupportedSource{};
  std::string capacity;  ///< As asked for.
  std::int64_t bytes = 0;
  bool block = false;
  bool mount_grows = false;  ///< The file system grows when a pod mounts it next: none has it mounted now.
};
/// The volume is as large as was asked for, and so is its file system: the claim's status has to say it.
struct ResizedAction {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string volume;
  std::string capacity;
};
/// What becomes of a volume whose claim is gone.
enum class Fate {
  Keep,     ///< It stays, as Released.
  Reclaim,  ///< The content goes, then the object.
  Drop,     ///< Only the object goes: the content serves another claim of the same name.
  Refuse,   ///< The policy cannot be carried out here: it stays, as Failed.
};
struct ReleaseAction {
  std::string volume;
  std::string claim_ns;
  std::string claim_name;
  std::string claim_uid;
  Fate fate = Fate::Keep;
  std::string reason;  ///< Fate::Refuse: the event's reason and message.
  std::string message;
  std::string provisioner;
  model::StringMap parameters;
  std::vector<std::string> mount_options;
  model::PersistentSource source = model::UnsupportedSource{};
};
/// A bound claim whose volume is gone.
struct LostClaim {
  model::ObjectKey claim;
  std::string claim_uid;
  std::string volume;
};
/// A claim that has to wait, and why: becomes an event and the pod's message.
struct WaitingClaim {
  model::ObjectKey claim;
  std::string reason;  ///< "ProvisioningFailed", "WaitForFirstConsumer", "FailedBinding", ...
  std::string message;
};

/// A claim or volume that is being deleted and in nobody's use any more: its protection ends.
struct UnprotectAction {
  model::ObjectKey key;
  std::string uid;
};

struct ClaimPlan {
  std::vector<BindAction> bind;
  std::vector<SelectAction> select;
  std::vector<HoldAction> hold;
  std::vector<UnholdAction> unhold;
  std::vector<ProvisionAction> provision;
  std::vector<ClassAction> classes;
  std::vector<DelegateAction> delegate;
  std::vector<ExpandAction> expand;
  std::vector<ResizedAction> resized;
  std::vector<ReleaseAction> release;
  std::vector<LostClaim> lost;
  std::vector<WaitingClaim> waiting;
  std::vector<UnprotectAction> unprotect;
  bool others = false;    ///< The claim, but not what volumes remember of it, is another host's to plan.
  std::size_t steps = 0;  ///< Looks at volumes: not more for there being more of them.
};

/// Kubernetes' binding rules: the claim's volumeName if set; else the volume that is promised to it; else the smallest
/// available volume that fits class, size, modes and selector; else dynamic provisioning by the class, at once or with
/// the first pod here.
///
/// `name` is a claim that is there, or one that volumes remember: what becomes of them is its plan as well.
ClaimPlan plan_claim(const ClaimFacts& facts, const Name& name);

/// A volume that is promised to no claim: its protection ends when it is being deleted. `hosts`, `is_warden`: see
/// ClaimFacts.
ClaimPlan plan_unclaimed_volume(const model::PersistentVolume& volume, const Hosts* hosts = nullptr,
                                bool is_warden = true);

/// The default class; the newest when several say they are, as Kubernetes decides it; null when none does.
const model::StorageClass* default_class(const Typed<model::StorageClass>& classes);
/// The class that a claim asks for, by name or not at all: `preset` is the default one (may be null). May be empty.
std::string class_of(const model::PersistentVolumeClaim& claim, const model::StorageClass* preset);

/// Can this node reach the volume? Null: it is not known which one this is.
bool is_reachable(const model::PersistentVolume& volume, const model::Node* node);

}  // namespace berth::agent
