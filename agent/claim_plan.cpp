// agent/claim_plan.cpp - see claim_plan.hpp.
#include "agent/claim_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/deletion.hpp"

namespace berth::agent {
namespace {

const model::StorageClass* find_class(const ClaimFacts& facts, const std::string& name) {
  for (const auto& storage_class : facts.classes) {
    if (storage_class.meta.name == name) return &storage_class;
  }
  return nullptr;
}

/// The default class; the newest when several say they are, as Kubernetes decides it.
const model::StorageClass* default_class(const ClaimFacts& facts) {
  const model::StorageClass* best = nullptr;
  for (const auto& storage_class : facts.classes) {
    if (!storage_class.is_default()) continue;
    if (best == nullptr || storage_class.meta.creation_timestamp > best->meta.creation_timestamp) best = &storage_class;
  }
  return best;
}

bool fits(const model::PersistentVolume& volume, const model::PersistentVolumeClaim& claim,
          const std::string& storage_class, const model::Node* node) {
  if (!volume.claim_name.empty() && (volume.claim_ns != claim.meta.ns || volume.claim_name != claim.meta.name ||
                                     (!volume.claim_uid.empty() && volume.claim_uid != claim.meta.uid))) {
    return false;
  }
  if (volume.phase == "Released" || volume.phase == "Failed" || volume.meta.deleting()) return false;
  if (volume.storage_class_name != storage_class || volume.volume_mode != claim.volume_mode) return false;
  if (volume.capacity < claim.request) return false;
  if (!model::matches(claim.selector, volume.meta.labels)) return false;
  const auto offers = [&](const std::string& mode) {
    return std::find(volume.access_modes.begin(), volume.access_modes.end(), mode) != volume.access_modes.end();
  };
  if (!std::all_of(claim.access_modes.begin(), claim.access_modes.end(), offers)) return false;
  if (node == nullptr || volume.node_affinity.empty()) return true;
  model::PodSpec pinned;
  pinned.required_node_affinity = volume.node_affinity;
  return model::node_matches(pinned, *node);
}

class Planner {
 public:
  explicit Planner(const ClaimFacts& facts) : facts_(facts) {}

  ClaimPlan make() {
    for (const auto& volume : facts_.volumes) {
      if (volume.phase == "Bound" || !volume.claim_name.empty()) taken_.insert(volume.meta.name);
    }
    for (const auto& claim : facts_.claims) {
      if (!claim.meta.deleting() && claim.phase != "Bound") bind(claim);
    }
    for (const auto& volume : facts_.volumes) release(volume);
    unprotect();
    return std::move(plan_);
  }

 private:
  static model::ObjectKey key_of(const model::PersistentVolumeClaim& claim) {
    return {model::Kind::PersistentVolumeClaim, claim.meta.ns, claim.meta.name};
  }

  void wait(const model::PersistentVolumeClaim& claim, std::string reason, std::string message) {
    plan_.waiting.push_back({key_of(claim), std::move(reason), std::move(message)});
  }

  bool free_for(const model::PersistentVolume& volume, const model::PersistentVolumeClaim& claim) const {
    const auto promised = volume.claim_ns == claim.meta.ns && volume.claim_name == claim.meta.name;
    return promised || !taken_.contains(volume.meta.name);
  }

  void bind(const model::PersistentVolumeClaim& claim) {
    const auto* fallback = default_class(facts_);
    const auto name = claim.storage_class_name ? *claim.storage_class_name
                      : fallback != nullptr    ? fallback->meta.name
                                               : std::string();
    if (!claim.volume_name.empty()) {
      bind_named(claim, name);
      return;
    }
    const model::PersistentVolume* best = nullptr;
    for (const auto& volume : facts_.volumes) {
      if (!free_for(volume, claim) || !fits(volume, claim, name, facts_.node)) continue;
      const auto promised = !volume.claim_name.empty();
      if (best == nullptr || promised || volume.capacity < best->capacity) best = &volume;
      if (promised) break;  // Pre-bound, or made for this claim before a crash: that one and no other.
    }
    if (best != nullptr) {
      taken_.insert(best->meta.name);
      plan_.bind.push_back({key_of(claim), claim.meta.uid, best->meta.name, name});
      return;
    }
    provision(claim, name);
  }

  void bind_named(const model::PersistentVolumeClaim& claim, const std::string& storage_class) {
    for (const auto& volume : facts_.volumes) {
      if (volume.meta.name != claim.volume_name) continue;
      if (!free_for(volume, claim) || !fits(volume, claim, storage_class, nullptr)) {
        wait(claim, "FailedBinding",
             fmt::format("volume \"{}\" is bound to another claim, or its class, size, modes or labels do not fit",
                         claim.volume_name));
        return;
      }
      taken_.insert(volume.meta.name);
      plan_.bind.push_back({key_of(claim), claim.meta.uid, volume.meta.name, storage_class});
      return;
    }
    wait(claim, "FailedBinding", fmt::format("persistentvolume \"{}\" not found", claim.volume_name));
  }

  void provision(const model::PersistentVolumeClaim& claim, const std::string& name) {
    if (name.empty()) {
      wait(claim, "FailedBinding", "no persistent volumes available for this claim and no storage class is set");
      return;
    }
    const auto* storage_class = find_class(facts_, name);
    if (storage_class == nullptr) {
      wait(claim, "ProvisioningFailed", fmt::format("storageclass.storage.k8s.io \"{}\" not found", name));
      return;
    }
    const auto used = facts_.used.contains({claim.meta.ns, claim.meta.name});
    if (storage_class->volume_binding_mode == "WaitForFirstConsumer" && !used) {
      wait(claim, "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
      return;
    }
    if (storage_class->provisioner != kDirectoryProvisioner) {
      wait(claim, "ProvisioningFailed",
           fmt::format("storageclass \"{}\": no provisioner \"{}\" here; this agent has \"{}\"", name,
                       storage_class->provisioner, kDirectoryProvisioner));
      return;
    }
    if (claim.volume_mode != "Filesystem") {
      wait(claim, "ProvisioningFailed",
           fmt::format("provisioner \"{}\" makes no raw block volumes", kDirectoryProvisioner));
      return;
    }
    plan_.provision.push_back({.claim = key_of(claim),
                               .claim_uid = claim.meta.uid,
                               .storage_class = name,
                               .reclaim_policy = storage_class->reclaim_policy,
                               .capacity = claim.request.text(),
                               .access_modes = claim.access_modes});
  }

  bool is_claimed(const model::PersistentVolume& volume) const {
    return std::any_of(facts_.claims.begin(), facts_.claims.end(), [&](const auto& claim) {
      return claim.meta.ns == volume.claim_ns && claim.meta.name == volume.claim_name &&
             claim.meta.uid == volume.claim_uid;
    });
  }

  void unprotect() {
    for (const auto& claim : facts_.claims) {
      if (!claim.meta.deleting() || !model::has_finalizer(claim.meta, model::kClaimProtection)) continue;
      if (facts_.held.contains({claim.meta.ns, claim.meta.name})) continue;
      plan_.unprotect.push_back({key_of(claim), claim.meta.uid});
    }
    for (const auto& volume : facts_.volumes) {
      if (!volume.meta.deleting() || !model::has_finalizer(volume.meta, model::kVolumeProtection)) continue;
      if (is_claimed(volume)) continue;
      const auto released = std::any_of(plan_.release.begin(), plan_.release.end(),
                                        [&](const auto& action) { return action.volume == volume.meta.name; });
      if (released) continue;  // Its content goes first.
      plan_.unprotect.push_back({{model::Kind::PersistentVolume, "", volume.meta.name}, volume.meta.uid});
    }
  }

  void release(const model::PersistentVolume& volume) {
    if (volume.claim_uid.empty()) return;  // Never bound.
    if (is_claimed(volume) || facts_.mounted.contains({volume.claim_ns, volume.claim_name})) return;
    const auto ours = volume.meta.annotations.find("pv.kubernetes.io/provisioned-by");
    // A claim made again under the same name has the same directory: its content is not ours to delete.
    const auto reused = std::any_of(facts_.claims.begin(), facts_.claims.end(), [&](const auto& claim) {
      return claim.meta.ns == volume.claim_ns && claim.meta.name == volume.claim_name;
    });
    const auto deletes = volume.reclaim_policy == "Delete" && ours != volume.meta.annotations.end() &&
                         ours->second == kDirectoryProvisioner;
    // Released and being deleted: its content is gone, only somebody's finalizer keeps the object.
    if (volume.phase == "Released" && (!deletes || volume.meta.deleting())) return;
    plan_.release.push_back({.volume = volume.meta.name,
                             .claim_ns = volume.claim_ns,
                             .claim_name = volume.claim_name,
                             .reclaim = deletes && !reused,
                             .drop = deletes && reused});
  }

  const ClaimFacts& facts_;
  std::set<std::string> taken_;
  ClaimPlan plan_;
};

}  // namespace

bool holds_claim(const model::Pod& pod, const model::PersistentVolumeClaim& claim) {
  if (!claim.meta.deleting() || pod.meta.creation_timestamp < claim.meta.deletion_timestamp) return true;
  // Within the same second: the one that got as far as an address.
  return pod.meta.creation_timestamp == claim.meta.deletion_timestamp && !pod.status.pod_ip.empty();
}

ClaimPlan plan_claims(const ClaimFacts& facts) { return Planner(facts).make(); }

}  // namespace berth::agent
