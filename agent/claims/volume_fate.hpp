// agent/claims/volume_fate.hpp - what becomes of a volume whose claim is gone. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/claims/claim_plan.hpp"

namespace berth::agent {

/// The next step for a volume that was bound and whose claim is gone, with no pod left that mounts it; none when there
/// is nothing to do. `name_is_taken`: another claim has the name, and so maybe the content, of its claim. `same_claim`:
/// all volumes that were made for or promised to a claim of that name, itself included. `node`: this one.
std::optional<ReleaseAction> release_volume(const model::PersistentVolume& volume, bool name_is_taken,
                                            const std::map<std::string, VolumePtr>& same_claim,
                                            const model::Node* node);

/// May both stand for the same export, disk or directory? A path is the same unless `node` has one of them and not the
/// other; where that is not known (null) it is: what may be somebody's is not removed.
bool is_same_content(const model::PersistentVolume& a, const model::PersistentVolume& b, const model::Node* node);

}  // namespace berth::agent
