// agent/claims/attachment.cpp - see attachment.hpp.
#include "agent/claims/attachment.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <variant>

#include "agent/claims/claim_owner.hpp"
#include "agent/objects/attachment_key.hpp"

namespace berth::agent {

bool needs_attachment(const model::PersistentVolumeClaim& claim, const model::PersistentVolume& volume) {
  if (is_pinned(volume)) return false;
  const auto is_shared = std::holds_alternative<model::NfsSource>(volume.source) ||
                         std::holds_alternative<model::HostPathSource>(volume.source);
  const auto& modes = claim.access_modes;
  const auto is_for_many = [](const std::string& mode) { return mode == "ReadWriteMany" || mode == "ReadOnlyMany"; };
  if (is_shared) return std::none_of(modes.begin(), modes.end(), is_for_many);
  // Such a claim is mounted read-only: see resolve_claim().
  return modes.empty() ||
         std::any_of(modes.begin(), modes.end(), [](const auto& mode) { return mode != "ReadOnlyMany"; });
}

json::object make_attachment(const std::string& volume, const std::string& node) {
  return {{"apiVersion", "storage.k8s.io/v1"},
          {"kind", "VolumeAttachment"},
          {"metadata", {{"name", volume}}},
          {"spec", {{"attacher", kAttacher}, {"nodeName", node}, {"source", {{"persistentVolumeName", volume}}}}},
          {"status", {{"attached", true}}}};
}

std::string multi_attach_error(const std::string& volume, const std::string& node,
                               const std::vector<std::string>& pods) {
  if (pods.empty()) {
    return fmt::format(
        "Multi-Attach error for volume \"{}\" Volume is already exclusively attached to one node and can't be attached "
        "to another: it is on node {}",
        volume, node);
  }
  return fmt::format("Multi-Attach error for volume \"{}\" Volume is already used by pod(s) {} on node {}", volume,
                     fmt::join(pods, ", "), node);
}

}  // namespace berth::agent
