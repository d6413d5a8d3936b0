// model/foreign_kinds.cpp - see foreign_kinds.hpp.
#include "model/foreign_kinds.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "model/conversion.hpp"
#include "model/meta.hpp"

namespace berth::model {
namespace {

std::string_view group_of(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

/// Of groups that we serve in part. From the Kubernetes API reference, v1.30, and of what it had before.
constexpr auto kNeighbours =
    std::to_array<std::pair<std::string_view, std::string_view>>({{"", "Binding"},
                                                                  {"", "ComponentStatus"},
                                                                  {"extensions", "PodSecurityPolicy"},
                                                                  {"networking.k8s.io", "IPAddress"},
                                                                  {"networking.k8s.io", "ServiceCIDR"},
                                                                  {"policy", "Eviction"},
                                                                  {"policy", "PodSecurityPolicy"},
                                                                  {"scheduling.k8s.io", "PodGroup"},
                                                                  {"scheduling.k8s.io", "Workload"},
                                                                  {"storage.k8s.io", "CSIDriver"},
                                                                  {"storage.k8s.io", "CSINode"},
                                                                  {"storage.k8s.io", "CSIStorageCapacity"},
                                                                  {"storage.k8s.io", "VolumeAttributesClass"},
                                                                  {"coordination.k8s.io", "LeaseCandidate"}});

bool serves_part_of(std::string_view group) {
  const auto& kinds = all_kinds();
  const auto& old = old_versions();
  return std::any_of(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.group == group; }) ||
         std::any_of(old.begin(), old.end(), [&](const auto& each) { return group_of(each.api_version) == group; });
}

}  // namespace

bool is_foreign_kind(std::string_view api_version, std::string_view kind) {
  constexpr std::string_view kList = "List";
  const auto group = group_of(api_version);
  if (!serves_part_of(group)) return true;
  if (kind.ends_with(kList)) kind.remove_suffix(kList.size());
  return std::find(kNeighbours.begin(), kNeighbours.end(), std::pair(group, kind)) != kNeighbours.end();
}

}  // namespace berth::model
