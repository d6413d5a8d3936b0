// agent/claims/attachment.hpp - which volumes are one host's at a time, and the object that says whose one is. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// Must only one host at a time mount the volume of that claim? A disk, whatever the access modes say, as two kernels
/// would write over each other, unless all only read; a share or a path, when no access mode is for many nodes. Not
/// what only one host can reach.
bool needs_attachment(const model::PersistentVolumeClaim& claim, const model::PersistentVolume& volume);

json::object make_attachment(const std::string& volume, const std::string& node);

/// Kubernetes' words, and where. `pods`: those that are known to have it there.
std::string multi_attach_error(const std::string& volume, const std::string& node,
                               const std::vector<std::string>& pods);

}  // namespace berth::agent
