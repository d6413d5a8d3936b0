// agent/claims/claim_plan.cpp - see claim_plan.hpp.
#include "agent/claims/claim_plan.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "agent/claims/volume_fate.hpp"
#include "agent/claims/volume_parameters.hpp"
#include "model/deletion.hpp"

namespace berth::agent {
namespace {

using Claim = model::PersistentVolumeClaim;
using Volume = model::PersistentVolume;

constexpr std::string_view kFirstConsumer = "waiting for first consumer to be created before binding";

void end_protection(const Volume& volume, ClaimPlan& plan) {
  if (!volume.meta.deleting() || !model::has_finalizer(volume.meta, model::kVolumeProtection)) return;
  plan.unprotect.push_back({{model::Kind::PersistentVolume, "", volume.meta.name}, volume.meta.uid});
}

/// Its content stays: nobody has to keep away from it any more.
void end_hold(const Volume& volume, ClaimPlan& plan) {
  if (is_being_reclaimed(volume)) plan.unhold.push_back({volume.meta.name, annotation_of(volume.meta, kReclaiming)});
}

bool offers_modes(const Volume& volume, const Claim& claim) {
  return std::all_of(claim.access_modes.begin(), claim.access_modes.end(), [&](const std::string& mode) {
    return std::find(volume.access_modes.begin(), volume.access_modes.end(), mode) != volume.access_modes.end();
  });
}

/// May a volume that is promised to the claim by name become its volume?
bool is_promised(const Volume& volume, const Claim& claim) {
  return volume.claim_ns == claim.meta.ns && volume.claim_name == claim.meta.name &&
         (volume.claim_uid.empty() || volume.claim_uid == claim.meta.uid);
}

/// Why the volume that a claim asks for by name cannot be its own, in Kubernetes' words (checkVolumeSatisfyClaim).
std::string mismatch(const Volume& volume, const Claim& claim, const std::string& storage_class) {
  if (volume.meta.deleting()) return fmt::format("the volume is marked for deletion \"{}\"", volume.meta.name);
  if (volume.capacity < claim.request) return "requested PV is too small";
  if (volume.storage_class_name != storage_class) return "storageClassName does not match";
  if (volume.volume_mode != claim.volume_mode) return "incompatible volumeMode";
  if (!offers_modes(volume, claim)) return "incompatible accessMode";
  return {};
}

class Planner {
 public:
  Planner(const ClaimFacts& facts, const Name& name)
      : facts_(facts),
        name_(name),
        promised_(facts.volumes->promised(name)),
        default_class_(default_class(*facts.classes)) {}

  ClaimPlan make() {
    if (const auto* claim = find_claim(name_)) {
      plan_.others = !has_turn(*claim);
      if (plan_.others) {
        // Planned elsewhere.
      } else if (claim->phase == "Bound") {
        bound(*claim);
      } else if (!claim->meta.deleting()) {
        bind(*claim);
      }
    }
    std::set<std::string> going;
    for (const auto& [name, volume] : promised_) {
      if (!is_ours(*volume)) continue;
      if (is_rescued(*volume)) end_hold(*volume, plan_);
      auto action = release(*volume);
      if (!action) continue;
      going.insert(action->volume);
      if (may_decide(*volume, action->fate)) plan_.release.push_back(*std::move(action));
    }
    unprotect(going);
    return std::move(plan_);
  }

 private:
  static model::ObjectKey key_of(const Claim& claim) {
    return {model::Kind::PersistentVolumeClaim, claim.meta.ns, claim.meta.name};
  }

  // --- of several hosts ---------------------------------------------------------------------------

  bool is_ours(const Owner& owner) const { return is_own(owner, *facts_.hosts, facts_.is_warden); }
  bool is_ours(const Volume& volume) const {
    return facts_.hosts == nullptr || is_ours(owner_of_volume(volume, *facts_.hosts));
  }

  /// Is the claim ours to plan?
  bool has_turn(const Claim& claim) {
    if (facts_.hosts == nullptr) return true;
    const auto owner = owner_of_claim(claim, find_volume(claim.volume_name),
                                      find_class(class_of(claim, default_class_)), facts_.use.place, *facts_.hosts);
    if (owner.waits && facts_.is_warden && claim.phase != "Bound" && !claim.meta.deleting()) {
      wait(claim, "WaitForNode", fmt::format("waiting for node {}, which is to provide the volume", owner.node));
    }
    return is_ours(owner);
  }

  bool has_consumer() const { return facts_.hosts == nullptr ? facts_.use.here : !facts_.use.place.empty(); }

  /// Can the claim's pods reach the volume? Without any on a node yet: there is a node that can.
  bool is_in_reach(const Volume& volume) const {
    if (facts_.hosts == nullptr) return is_reachable(volume, facts_.node);
    const auto& nodes = facts_.hosts->nodes;
    if (const auto at = nodes.find({"", facts_.use.place}); at != nodes.end()) {
      return is_reachable(volume, at->second.get());
    }
    return volume.node_affinity.empty() || std::any_of(nodes.begin(), nodes.end(), [&](const auto& entry) {
             return is_reachable(volume, entry.second.get());
           });
  }

  /// May this node do to the volume's content what it likes? If not, it asks for it, where it can be asked for.
  bool holds(const Volume& volume) {
    const auto holder = annotation_of(volume.meta, kReclaiming);
    if (holder == facts_.hosts->live.own()) return true;
    if (holder.empty() || facts_.hosts->is_lost(holder)) {
      plan_.hold.push_back({volume.meta.name, volume.claim_uid, holder});
    }
    return false;
  }
  bool may_decide(const Volume& volume, Fate fate) {
    const auto content_goes = fate == Fate::Reclaim || fate == Fate::Drop;
    if (facts_.hosts == nullptr || !content_goes) return true;
    // Its pods' objects may be gone long before a host that is cut off has unmounted it.
    if (fate == Fate::Reclaim && facts_.attachments->contains({"", volume.meta.name})) return false;
    return holds(volume);
  }
  /// Did a person turn what was to be destroyed into something that is kept, or is somebody's?
  bool is_rescued(const Volume& volume) const {
    return facts_.hosts != nullptr &&
           (volume.reclaim_policy != "Delete" || volume.claim_uid.empty() || is_claimed(volume));
  }

  /// May it be made now? Where the same name had content before, that is ours first; and the claim says that it is us.
  bool may_provision(const Claim& claim, const ProvisionerTraits& traits, bool local) {
    if (facts_.hosts == nullptr) return true;
    if (local && !has_consumer()) {
      wait(claim, "WaitForFirstConsumer", std::string(kFirstConsumer));
      return false;
    }
    bool all_ours = true;
    for (const auto& [name, volume] : promised_) {
      const auto is_old = !volume->claim_uid.empty() && volume->claim_uid != claim.meta.uid;
      // Only the same provisioner finds it again.
      const auto goes = is_old && traits.named && maker_of(*volume) == &traits && volume->reclaim_policy == "Delete";
      if (goes && is_reachable(*volume, facts_.node) && !holds(*volume)) all_ours = false;
    }
    if (!all_ours) return false;
    auto selected = annotation_of(claim.meta, kSelectedNode);
    if (selected == facts_.hosts->live.own()) return true;
    plan_.select.push_back({key_of(claim), claim.meta.uid, std::move(selected)});
    return false;
  }

  void wait(const Claim& claim, std::string_view reason, std::string message) {
    plan_.waiting.push_back({key_of(claim), std::string(reason), std::move(message)});
    if (!claim.storage_class_name && default_class_ != nullptr) {
      plan_.classes.push_back({key_of(claim), claim.meta.uid, default_class_->meta.name});
    }
  }

  const model::StorageClass* find_class(const std::string& name) const {
    const auto found = facts_.classes->find({"", name});
    return found == facts_.classes->end() ? nullptr : found->second.get();
  }
  /// Kept alive by the index.
  const Volume* find_volume(const std::string& name) const { return facts_.volumes->find(name).get(); }
  const Claim* find_claim(const Name& name) const {
    const auto found = facts_.claims->find(name);
    return found == facts_.claims->end() ? nullptr : found->second.get();
  }

  // --- binding ------------------------------------------------------------------------------------

  void bind(const Claim& claim) {
    if (facts_.node == nullptr) return;  // What fits is not known yet, and nothing shall be made in its place.
    const auto name = class_of(claim, default_class_);
    if (!claim.volume_name.empty()) return bind_named(claim, name);
    // Pre-bound, or made for this claim before a crash: that one and no other.
    if (const auto* mine = promised_volume(claim)) return take(claim, *mine, name);
    const auto* storage_class = find_class(name);
    const bool waits =
        storage_class != nullptr && storage_class->volume_binding_mode == "WaitForFirstConsumer" && !has_consumer();
    if (waits) return wait(claim, "WaitForFirstConsumer", std::string(kFirstConsumer));
    if (const auto* best = smallest(claim, name)) return take(claim, *best, name);
    provision(claim, name, storage_class);
  }

  void take(const Claim& claim, const Volume& volume, const std::string& storage_class) {
    plan_.bind.push_back({.claim = key_of(claim),
                          .claim_uid = claim.meta.uid,
                          .volume = volume.meta.name,
                          .storage_class = storage_class,
                          .chosen = claim.volume_name.empty()});
  }

  const Volume* promised_volume(const Claim& claim) {
    for (const auto& [name, volume] : promised_) {
      ++plan_.steps;
      const bool over = volume->phase == "Released" || volume->phase == "Failed" || volume->meta.deleting() ||
                        is_being_reclaimed(*volume);
      if (over || !is_promised(*volume, claim) || volume->capacity < claim.request) continue;
      // Where it was made is where the claim's pods will be.
      const auto in_reach = facts_.hosts != nullptr || is_reachable(*volume, facts_.node);
      if (volume->volume_mode == claim.volume_mode && in_reach) return volume.get();
    }
    return nullptr;
  }

  /// The smallest free volume that fits.
  const Volume* smallest(const Claim& claim, const std::string& storage_class) {
    const auto& free = facts_.volumes->free(storage_class);
    for (auto it = free.lower_bound(claim.request); it != free.end(); ++it) {
      ++plan_.steps;
      const auto& volume = **it;
      if (volume.volume_mode != claim.volume_mode || !offers_modes(volume, claim)) continue;
      if (!model::matches(claim.selector, volume.meta.labels)) continue;
      if (is_in_reach(volume)) return &volume;
    }
    return nullptr;
  }

  void bind_named(const Claim& claim, const std::string& storage_class) {
    const auto* volume = find_volume(claim.volume_name);
    if (volume == nullptr) {
      if (claim.phase == "Lost") return;  // Said when it was lost.
      return wait(claim, "FailedBinding", fmt::format("persistentvolume \"{}\" not found", claim.volume_name));
    }
    if (volume->claim_name.empty() ? !is_free(*volume) && !volume->meta.deleting() : !is_promised(*volume, claim)) {
      return wait(claim, "FailedBinding",
                  fmt::format("volume \"{}\" already bound to a different claim.", claim.volume_name));
    }
    if (const auto why = mismatch(*volume, claim, storage_class); !why.empty()) {
      return wait(claim, "VolumeMismatch",
                  fmt::format("Cannot bind to requested volume \"{}\": {}", claim.volume_name, why));
    }
    take(claim, *volume, storage_class);
  }

  // --- provisioning -------------------------------------------------------------------------------

  void provision(const Claim& claim, const std::string& name, const model::StorageClass* storage_class) {
    if (name.empty()) {
      return wait(claim, "FailedBinding", "no persistent volumes available for this claim and no storage class is set");
    }
    if (storage_class == nullptr) {
      return wait(claim, "ProvisioningFailed", fmt::format("storageclass.storage.k8s.io \"{}\" not found", name));
    }
    const auto* traits = find_provisioner_traits(storage_class->provisioner);
    if (traits == nullptr) return not_ours(claim, *storage_class);
    if (const auto why = cannot_provision(claim, *storage_class, *traits); !why.empty()) {
      return wait(claim, "ProvisioningFailed",
                  fmt::format("failed to provision volume with StorageClass \"{}\": {}", name, why));
    }
    if (!may_provision(claim, *traits, makes_local(*storage_class))) return;
    plan_.provision.push_back({.claim = key_of(claim),
                               .claim_uid = claim.meta.uid,
                               .storage_class = name,
                               .provisioner = storage_class->provisioner,
                               .parameters = storage_class->parameters,
                               .mount_options = storage_class->mount_options,
                               .reclaim_policy = storage_class->reclaim_policy,
                               .capacity = claim.request.text(),
                               .bytes = claim.request.value(),
                               .access_modes = claim.access_modes,
                               .volume_mode = claim.volume_mode});
  }

  static std::string cannot_provision(const Claim& claim, const model::StorageClass& storage_class,
                                      const ProvisionerTraits& traits) {
    if (!claim.selector.match_labels.empty() || !claim.selector.match_expressions.empty()) {
      return "claim Selector is not supported";
    }
    if (claim.volume_mode == "Block" && !traits.block) {
      return fmt::format("provisioner \"{}\" makes no raw block volumes", traits.name);
    }
    if (!storage_class.mount_options.empty() && !traits.mount_options) {
      return fmt::format("Mount options are not supported by the provisioner but StorageClass \"{}\" has mount options",
                         storage_class.meta.name);
    }
    return {};
  }

  /// A class of volumes that people make, of Kubernetes' own cloud plugins, or of a provisioner that is no part of us.
  void not_ours(const Claim& claim, const model::StorageClass& storage_class) {
    const auto& provisioner = storage_class.provisioner;
    if (provisioner == kNoProvisioner && storage_class.volume_binding_mode == "WaitForFirstConsumer") {
      return wait(claim, "FailedBinding", "didn't find available persistent volumes to bind");
    }
    if (provisioner.starts_with("kubernetes.io/")) {
      return wait(claim, "ProvisioningFailed", fmt::format("no volume plugin matched name: {}", provisioner));
    }
    if (provisioner.starts_with("berth.io/")) {
      return wait(claim, "ProvisioningFailed",
                  fmt::format("no volume plugin matched name: {}; there are {}", provisioner, provisioner_names()));
    }
    const auto told = claim.meta.annotations.find("volume.kubernetes.io/storage-provisioner");
    if (told == claim.meta.annotations.end() || told->second != provisioner) {
      plan_.delegate.push_back({key_of(claim), claim.meta.uid, provisioner});
    }
    wait(claim, "ExternalProvisioning",
         fmt::format("Waiting for a volume to be created either by the external provisioner '{}' or manually by the "
                     "system administrator. If volume creation is delayed, please verify that the provisioner is "
                     "running and correctly registered.",
                     provisioner));
  }

  // --- bound claims -------------------------------------------------------------------------------

  void bound(const Claim& claim) {
    const auto* volume = find_volume(claim.volume_name);
    if (volume == nullptr) {
      plan_.lost.push_back({key_of(claim), claim.meta.uid, claim.volume_name});
      return;
    }
    if (volume->claim_uid != claim.meta.uid || claim.meta.deleting() || !is_reachable(*volume, facts_.node)) return;
    if (volume->capacity < claim.request) return expand(claim, *volume);
    if (claim.capacity < claim.request && is_grown(*volume)) {
      plan_.resized.push_back({key_of(claim), claim.meta.uid, volume->meta.name, volume->capacity.text()});
    }
  }

  static const ProvisionerTraits* maker_of(const Volume& volume) {
    const auto made_by = volume.meta.annotations.find(std::string(kProvisionedBy));
    return made_by == volume.meta.annotations.end() ? nullptr : find_provisioner_traits(made_by->second);
  }

  /// Has the file system grown with its volume? That happens while it is mounted.
  bool is_grown(const Volume& volume) const {
    const auto* traits = maker_of(volume);
    if (traits == nullptr) return false;
    const bool by_mounting = traits->file_system && volume.volume_mode != "Block";
    return !by_mounting || facts_.use.running;
  }

  void expand(const Claim& claim, const Volume& volume) {
    const auto* traits = maker_of(volume);
    const auto* storage_class = find_class(volume.storage_class_name);
    // A class that is gone can no longer say no; the volume remembers what it was made with.
    const bool allowed = storage_class == nullptr ? volume.meta.annotations.contains(std::string(kParameters))
                                                  : storage_class->allow_volume_expansion;
    if (traits == nullptr || !allowed) {
      return wait(claim, "VolumeResizeFailed",
                  "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
                  "support resize");
    }
    if (!traits->grows) {
      return wait(claim, "VolumeResizeFailed",
                  fmt::format("resize volume \"{}\" failed: provisioner \"{}\" cannot make volumes larger",
                              volume.meta.name, traits->name));
    }
    const bool has_parameters = volume.meta.annotations.contains(std::string(kParameters)) || storage_class == nullptr;
    const bool by_mounting = traits->file_system && volume.volume_mode != "Block";
    plan_.expand.push_back({.claim = key_of(claim),
                            .claim_uid = claim.meta.uid,
                            .volume = volume.meta.name,
                            .provisioner = std::string(traits->name),
                            .parameters = has_parameters ? parameters_of(volume) : storage_class->parameters,
                            .source = volume.source,
                            .capacity = claim.request.text(),
                            .bytes = claim.request.value(),
                            .block = volume.volume_mode == "Block",
                            .mount_grows = by_mounting && !facts_.use.running});
  }

  // --- volumes without a claim --------------------------------------------------------------------

  bool is_claimed(const Volume& volume) const {
    const auto* claim = find_claim({volume.claim_ns, volume.claim_name});
    return claim != nullptr && claim->meta.uid == volume.claim_uid;
  }

  std::optional<ReleaseAction> release(const Volume& volume) const {
    if (volume.claim_uid.empty() || is_claimed(volume)) return std::nullopt;  // Never bound, or in use.
    // The pods that mount it may be the successor's, which has the content under an object of its own.
    const auto succeeded = has_successor(volume);
    if ((may_be_mounted(volume) || is_heir_unplaced(volume)) && !succeeded) return std::nullopt;
    auto action = release_volume(volume, is_name_taken(volume), promised_, facts_.node);
    if (succeeded && action && action->fate == Fate::Reclaim) action->fate = Fate::Drop;  // Whoever made it.
    if (!action || action->fate != Fate::Reclaim) return action;
    auto why = why_not_here(volume);
    if (why.empty()) return action;
    const auto is_known = facts_.node != nullptr || volume.node_affinity.empty();
    if (volume.phase == "Failed" || !is_known) return std::nullopt;
    action->fate = Fate::Refuse;
    action->reason = "VolumeFailedDelete";
    action->message = std::move(why);
    return action;
  }

  /// Why this host cannot remove the content though it falls to it, and no other can. Empty: it can.
  std::string why_not_here(const Volume& volume) const {
    // The same path on this node may be somebody else's.
    if (!is_reachable(volume, facts_.node)) return "its content is on another node: see spec.nodeAffinity";
    const auto* maker = maker_of(volume);
    if (facts_.hosts == nullptr || !volume.node_affinity.empty() || maker == nullptr || maker->named) return {};
    // A LUN of a pool: a host without the note takes it for removed already, and its data would stay in the pool.
    const auto noted_on = annotation_of(volume.meta, kProvisionedOn);
    if (noted_on.empty()) {
      return fmt::format(
          "it is not known which node gave it out: annotate it {}: NODE, the one whose stateDir/pool "
          "names it",
          kProvisionedOn);
    }
    if (!facts_.hosts->is_lost(noted_on)) return {};
    return fmt::format(
        "node {}, which gave it out, is lost: annotate it {}: NODE if another has its stateDir now, else "
        "wipe the LUN and delete the PersistentVolume",
        noted_on, kProvisionedOn);
  }

  bool may_be_mounted(const Volume& volume) const {
    if (facts_.hosts == nullptr) return facts_.use.mounted;
    // A pod elsewhere has what is there, of the same name.
    if (!volume.node_affinity.empty()) return facts_.use.here;
    // A claim of the name that is not bound waits for us to leave it the content; its pods have nothing mounted yet.
    const auto* claim = find_claim({volume.claim_ns, volume.claim_name});
    const auto is_awaited =
        claim != nullptr && claim->phase != "Bound" && !annotation_of(volume.meta, kReclaiming).empty();
    return facts_.use.mounted && !is_awaited;
  }

  /// Whether the content of this node serves the claim that has the name now is seen when that has a node.
  bool is_heir_unplaced(const Volume& volume) const {
    if (facts_.hosts == nullptr || volume.node_affinity.empty() || !facts_.use.place.empty()) return false;
    const auto* claim = find_claim({volume.claim_ns, volume.claim_name});
    return claim != nullptr && claim->phase != "Bound";
  }

  /// Is another claim of that name bound to another object for the same content?
  bool has_successor(const Volume& volume) const {
    const auto* claim = find_claim({volume.claim_ns, volume.claim_name});
    if (claim == nullptr || claim->phase != "Bound" || claim->volume_name == volume.meta.name) return false;
    const auto* own = find_volume(claim->volume_name);
    return own != nullptr && own->claim_uid == claim->meta.uid && is_same_content(*own, volume, facts_.node);
  }

  /// Has another claim the name of the volume's claim? One that got other content does not count.
  bool is_name_taken(const Volume& volume) const {
    const auto* claim = find_claim({volume.claim_ns, volume.claim_name});
    if (claim == nullptr) return false;
    const auto* own = claim->phase == "Bound" ? find_volume(claim->volume_name) : nullptr;
    if (own != nullptr) return is_same_content(*own, volume, facts_.node);
    if (facts_.hosts == nullptr) return true;
    // Not bound yet. What another provisioner makes for it is something else.
    const auto* storage_class = find_class(class_of(*claim, default_class_));
    const auto is_made_anew = claim->phase != "Bound" && claim->volume_name.empty() && storage_class != nullptr &&
                              find_provisioner_traits(storage_class->provisioner) != maker_of(volume);
    if (is_made_anew) return false;
    // And other hosts may make it: then what is here only is not what it gets.
    return volume.node_affinity.empty() || facts_.use.place == facts_.hosts->live.own();
  }

  void unprotect(const std::set<std::string>& going) {
    const auto* claim = find_claim(name_);
    if (claim != nullptr && (facts_.hosts == nullptr || facts_.is_warden) && claim->meta.deleting() &&
        model::has_finalizer(claim->meta, model::kClaimProtection) && !facts_.use.held) {
      plan_.unprotect.push_back({key_of(*claim), claim->meta.uid});
    }
    for (const auto& [name, volume] : promised_) {
      if (is_claimed(*volume) || going.contains(name) || !is_ours(*volume)) continue;  // In use; or content goes first.
      end_protection(*volume, plan_);
    }
  }

  const ClaimFacts& facts_;
  const Name& name_;
  const std::map<std::string, VolumePtr>& promised_;  ///< Volumes with a claimRef to it.
  const model::StorageClass* default_class_;
  ClaimPlan plan_;
};

}  // namespace

bool is_reachable(const model::PersistentVolume& volume, const model::Node* node) {
  if (volume.node_affinity.empty()) return true;
  if (node == nullptr) return false;  // It is not known yet which one we are.
  model::PodSpec pinned;
  pinned.required_node_affinity = volume.node_affinity;
  return model::node_matches(pinned, *node);
}

const model::StorageClass* default_class(const Typed<model::StorageClass>& classes) {
  const model::StorageClass* best = nullptr;
  for (const auto& [name, storage_class] : classes) {
    if (!storage_class->is_default()) continue;
    if (best == nullptr || storage_class->meta.creation_timestamp > best->meta.creation_timestamp) {
      best = storage_class.get();
    }
  }
  return best;
}

std::string class_of(const model::PersistentVolumeClaim& claim, const model::StorageClass* preset) {
  if (claim.storage_class_name) return *claim.storage_class_name;
  return preset == nullptr ? std::string() : preset->meta.name;
}

ClaimPlan plan_claim(const ClaimFacts& facts, const Name& name) { return Planner(facts, name).make(); }

ClaimPlan plan_unclaimed_volume(const model::PersistentVolume& volume, const Hosts* hosts, bool is_warden) {
  ClaimPlan plan;
  if (is_warden) end_protection(volume, plan);
  if (hosts != nullptr && is_own(owner_of_volume(volume, *hosts), *hosts, is_warden)) end_hold(volume, plan);
  return plan;
}

}  // namespace berth::agent
