// agent/claims/claim_resolver.cpp - see claim_resolver.hpp.
#include "agent/claims/claim_resolver.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "agent/claims/attachment.hpp"
#include "agent/claims/claim_plan.hpp"

namespace berth::agent {
namespace {

/// Somebody else has the claim that only one pod may have.
bool is_taken(const ObjectCache& cache, const model::Pod& pod, const std::string& claim) {
  const auto users = cache.pods_using({model::Kind::PersistentVolumeClaim, pod.meta.ns, claim});
  return std::any_of(users.begin(), users.end(), [&](const Name& name) { return goes_before(*cache.pod(name), pod); });
}

bool says_read_only(const model::PersistentSource& source) {
  return std::visit(
      [](const auto& one) {
        if constexpr (requires { one.read_only; }) {
          return one.read_only;
        } else {
          return false;
        }
      },
      source);
}

/// The CHAP secret of an iSCSI volume, from the namespace the volume names, else the claim's.
std::string add_secret(const ObjectCache& cache, const std::string& ns, volumes::BoundClaim& bound) {
  const auto* iscsi = std::get_if<model::IscsiSource>(&bound.source);
  if (iscsi == nullptr || iscsi->secret_name.empty()) return {};
  const auto& secret_ns = iscsi->secret_ns.empty() ? ns : iscsi->secret_ns;
  const auto found = cache.secrets().find({secret_ns, iscsi->secret_name});
  if (found == cache.secrets().end()) {
    return fmt::format("persistentvolume \"{}\": secret \"{}/{}\" not found", bound.volume_name, secret_ns,
                       iscsi->secret_name);
  }
  bound.secret = found->second->data;
  return {};
}

}  // namespace

std::string resolve_claim(const ObjectCache& cache, const std::string& node_name, const model::Pod& pod,
                          const std::string& claim, const std::string& waiting, volumes::BoundClaim& bound) {
  const auto found = cache.claims().find({pod.meta.ns, claim});
  if (found == cache.claims().end()) return fmt::format("persistentvolumeclaim \"{}\" not found", claim);
  const auto& wanted = *found->second;
  if (!holds_claim(pod, wanted)) return fmt::format("persistentvolumeclaim \"{}\" is being deleted", claim);
  if (wanted.phase == "Lost") {
    return fmt::format("persistentvolumeclaim \"{}\" bound to non-existent persistentvolume \"{}\"", claim,
                       wanted.volume_name);
  }
  const auto volume = cache.volumes().find({"", wanted.volume_name});
  if (wanted.phase != "Bound" || volume == cache.volumes().end()) {
    return fmt::format("persistentvolumeclaim \"{}\" is not bound{}", claim,
                       waiting.empty() ? std::string() : fmt::format(": {}", waiting));
  }
  if (is_exclusive(wanted) && is_taken(cache, pod, claim)) {
    return "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode";
  }
  const auto node = cache.nodes().find({"", node_name});
  if (!is_reachable(*volume->second, node == cache.nodes().end() ? nullptr : node->second.get())) {
    return fmt::format("node(s) didn't match PersistentVolume's node affinity: persistentvolume \"{}\"",
                       wanted.volume_name);
  }
  const bool only_reads =
      !wanted.access_modes.empty() && std::all_of(wanted.access_modes.begin(), wanted.access_modes.end(),
                                                  [](const std::string& mode) { return mode == "ReadOnlyMany"; });
  bound = {.claim_name = claim,
           .volume_name = wanted.volume_name,
           .source = volume->second->source,
           .mount_options = volume->second->mount_options,
           .block = volume->second->volume_mode == "Block",
           .read_only = only_reads || says_read_only(volume->second->source),
           .secret = {},
           .holder = needs_attachment(wanted, *volume->second) ? node_name : std::string()};
  return add_secret(cache, pod.meta.ns, bound);
}

}  // namespace berth::agent
