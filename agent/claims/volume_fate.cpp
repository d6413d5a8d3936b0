// agent/claims/volume_fate.cpp - see volume_fate.hpp.
#include "agent/claims/volume_fate.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "agent/claims/volume_parameters.hpp"

namespace berth::agent {
namespace {

/// Is the content kept as another volume, which was made for an earlier or later claim of the same name?
bool is_kept(const model::PersistentVolume& volume, const std::map<std::string, VolumePtr>& same_claim,
             const model::Node* node) {
  return std::any_of(same_claim.begin(), same_claim.end(), [&](const auto& entry) {
    const auto& other = entry.second;
    return other.get() != &volume && other->reclaim_policy != "Delete" && is_same_content(*other, volume, node);
  });
}

}  // namespace

bool is_same_content(const model::PersistentVolume& a, const model::PersistentVolume& b, const model::Node* node) {
  if (model::encode_source(a.source) != model::encode_source(b.source)) return false;
  const bool is_path =
      std::holds_alternative<model::LocalSource>(a.source) || std::holds_alternative<model::HostPathSource>(a.source);
  return !is_path || node == nullptr || is_reachable(a, node) == is_reachable(b, node);
}

std::optional<ReleaseAction> release_volume(const model::PersistentVolume& volume, bool name_is_taken,
                                            const std::map<std::string, VolumePtr>& same_claim,
                                            const model::Node* node) {
  ReleaseAction action;
  action.volume = volume.meta.name;
  action.claim_ns = volume.claim_ns;
  action.claim_name = volume.claim_name;
  action.claim_uid = volume.claim_uid;
  const auto made_by = volume.meta.annotations.find(std::string(kProvisionedBy));
  const auto provisioner = made_by == volume.meta.annotations.end() ? std::string() : made_by->second;
  const auto* traits = find_provisioner_traits(provisioner);
  if (volume.reclaim_policy == "Delete" && traits != nullptr) {
    const bool stays = traits->named && (name_is_taken || is_kept(volume, same_claim, node));
    action.fate = stays ? Fate::Drop : Fate::Reclaim;
    action.provisioner = provisioner;
    action.parameters = parameters_of(volume);
    action.mount_options = volume.mount_options;
    action.source = volume.source;
  } else if (volume.reclaim_policy == "Delete" && provisioner.empty()) {
    action.fate = Fate::Refuse;
    action.reason = "VolumeFailedDelete";
    action.message = fmt::format(
        "error getting deleter volume plugin for volume \"{}\": no deletable volume plugin matched", volume.meta.name);
  } else if (volume.reclaim_policy == "Recycle") {
    action.fate = Fate::Refuse;
    action.reason = "VolumeFailedRecycle";
    action.message = "No recycler plugin found for the volume!";
  }
  const bool content_goes = action.fate == Fate::Reclaim || action.fate == Fate::Drop;
  // Released and being deleted: its content is gone, only somebody's finalizer keeps the object.
  if (volume.phase == "Released" && (action.fate == Fate::Keep || volume.meta.deleting())) return std::nullopt;
  if (volume.phase == "Failed" && !content_goes) return std::nullopt;  // Said and done.
  return action;
}

}  // namespace berth::agent
