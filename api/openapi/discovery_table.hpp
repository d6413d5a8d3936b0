// api/openapi/discovery_table.hpp - every resource that is served, with its verbs and subresources. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/request/group_versions.hpp"
#include "model/meta.hpp"

namespace berth::api {

/// `pods/log`: what answers there, and how it may be used.
struct SubresourceEntry {
  std::string_view name;   ///< "log"
  std::string_view verbs;  ///< "create,get", as Kubernetes sorts them
  std::string_view kind;   ///< Of the answer: "Scale"
  GroupVersion answer{};   ///< Its group and version; version empty: those of the resource
};

struct ResourceEntry {
  std::string_view plural;
  std::string_view singular;
  std::string_view kind;
  bool namespaced = true;
  std::string_view verbs;
  std::string_view short_names;  ///< comma separated
  std::string_view categories;   ///< comma separated
  std::vector<SubresourceEntry> subresources;
};

/// What discovery may announce besides the kinds we keep.
struct DiscoveryOptions {
  bool metrics = false;  ///< metrics.k8s.io: there is a source of measurements.
};

/// Every group version, those without kinds of ours too, in the order of /apis. The core group comes first.
std::vector<GroupVersion> served_group_versions(const DiscoveryOptions& options);

/// Does this path lead into one of them: /api/v1/..., /apis/apps/v1/...?
bool is_in_served_version(const std::vector<std::string>& segments, const DiscoveryOptions& options);

/// The resources of one group version, by plural. Old versions have neither short names nor categories, so that
/// `kubectl get all` and `get ds` find one of each.
std::vector<ResourceEntry> served_resources(const GroupVersion& where, const DiscoveryOptions& options);

}  // namespace berth::api
