// agent/claims/claim_owner.cpp - see claim_owner.hpp.
#include "agent/claims/claim_owner.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "agent/claims/claim_plan.hpp"
#include "agent/claims/provisioners.hpp"
#include "agent/objects/pod_facts.hpp"

namespace berth::agent {
namespace {

Owner owner_at(const std::string& node, const Hosts& hosts) { return {node, !hosts.live.contains(node)}; }

}  // namespace

bool Hosts::is_lost(const std::string& node) const {
  if (live.contains(node)) return false;
  const auto found = nodes.find({"", node});
  if (found == nodes.end()) return !is_unread || !is_unread(node);
  const auto& taints = found->second->taints;
  return std::any_of(taints.begin(), taints.end(),
                     [](const auto& taint) { return taint.key == "node.kubernetes.io/out-of-service"; });
}

std::string annotation_of(const model::ObjectMeta& meta, std::string_view name) {
  const auto found = meta.annotations.find(std::string(name));
  return found == meta.annotations.end() ? std::string() : found->second;
}

std::string first_place(const std::vector<PodPtr>& users) {
  const model::Pod* first = nullptr;
  const auto rank = [](const model::Pod& pod) {
    return std::tuple(std::string_view(pod.meta.creation_timestamp), std::string_view(pod.meta.name));
  };
  for (const auto& pod : users) {
    if (pod->spec.node_name.empty() || is_terminal(*pod)) continue;
    if (first == nullptr || rank(*pod) < rank(*first)) first = pod.get();
  }
  return first == nullptr ? std::string() : first->spec.node_name;
}

bool makes_local(const model::StorageClass& storage_class) {
  const auto* traits = find_provisioner_traits(storage_class.provisioner);
  // A pool is of this host's disks, or of a target's LUNs.
  return traits != nullptr && (traits->local || storage_class.parameters.contains("match"));
}

Owner owner_of_claim(const model::PersistentVolumeClaim& claim, const model::PersistentVolume* volume,
                     const model::StorageClass* storage_class, const std::string& place, const Hosts& hosts) {
  if (claim.phase == "Bound") return volume == nullptr ? Owner{} : owner_of_volume(*volume, hosts);
  const auto local = storage_class != nullptr && makes_local(*storage_class);
  const auto selected = annotation_of(claim.meta, kSelectedNode);
  if (!selected.empty() && !hosts.is_lost(selected)) {
    const auto* traits = storage_class == nullptr ? nullptr : find_provisioner_traits(storage_class->provisioner);
    // What has a name is found again by whoever makes it; two hosts must not choose from a pool for one claim.
    const auto found_again = traits != nullptr && traits->named && !local;
    if (!found_again || hosts.live.contains(selected)) return owner_at(selected, hosts);
  }
  return local && !place.empty() ? owner_at(place, hosts) : Owner{};
}

Owner owner_of_volume(const model::PersistentVolume& volume, const Hosts& hosts) {
  for (const auto mark : std::array{kReclaiming, kProvisionedOn}) {
    const auto node = annotation_of(volume.meta, mark);
    if (!node.empty() && !hosts.is_lost(node)) return owner_at(node, hosts);
  }
  if (volume.node_affinity.empty()) return {};
  Owner owner;
  for (const auto& [name, node] : hosts.nodes) {
    if (!is_reachable(volume, node.get()) || hosts.is_lost(name.second)) continue;
    if (hosts.live.contains(name.second)) return {name.second};
    owner = {name.second, /*waits=*/true};
  }
  return owner;
}

bool is_own(const Owner& owner, const Hosts& hosts, bool is_warden) {
  if (owner.waits) return false;
  return owner.node.empty() ? is_warden : owner.node == hosts.live.own();
}

bool is_being_reclaimed(const model::PersistentVolume& volume) {
  return volume.meta.annotations.contains(std::string(kReclaiming));
}

bool is_pinned(const model::PersistentVolume& volume) {
  const auto names_one = [](const model::NodeSelectorTerm& term) {
    const auto is_name = [](const model::SelectorRequirement& each) {
      return (each.key == "kubernetes.io/hostname" || each.key == "metadata.name") && each.op == "In" &&
             each.values.size() == 1;
    };
    return std::any_of(term.match_expressions.begin(), term.match_expressions.end(), is_name) ||
           std::any_of(term.match_fields.begin(), term.match_fields.end(), is_name);
  };
  return volume.node_affinity.size() == 1 && names_one(volume.node_affinity.front());
}

}  // namespace berth::agent
