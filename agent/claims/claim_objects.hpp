// agent/claims/claim_objects.hpp - what is written into claims and volumes, as JSON. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "agent/claims/claim_plan.hpp"
#include "base/clock.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

/// The PersistentVolume of what a provisioner made: bound to its claim, called pvc-<uid of the claim>, pinned to this
/// node when only this node has it. `has_notes`: only this node can remove it, whoever reaches it.
json::object make_provisioned_volume(const ProvisionAction& action, const volumes::Provisioned& made,
                                     const std::string& node_name, bool has_notes);

/// A volume's claimRef.
json::object claim_reference(const model::ObjectKey& claim, const std::string& uid);

/// A condition of a claim's status, as the only one it has: "Resizing", "FileSystemResizePending".
void set_claim_condition(json::object& claim, std::string_view type, std::string_view message, WallTime now);
/// The claim has what it asked for: no condition is left.
void set_claim_capacity(json::object& claim, const std::string& capacity);

/// metadata.annotations[name] = value; false when it is so already.
bool annotate(json::object& object, std::string_view name, std::string_view value);

/// "10Gi", "1536Mi", "1000": the shortest exact way to write it.
std::string size_text(std::int64_t bytes);

}  // namespace berth::agent
