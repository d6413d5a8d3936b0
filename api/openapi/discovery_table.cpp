// api/openapi/discovery_table.cpp - see discovery_table.hpp.
#include "api/openapi/discovery_table.hpp"

#include <algorithm>

#include "api/openapi/discovery.hpp"

namespace berth::api {

namespace {

using model::Kind;

constexpr std::string_view kAllVerbs = "create,delete,deletecollection,get,list,patch,update,watch";
constexpr std::string_view kLookVerbs = "get,list,watch";
constexpr std::string_view kEditVerbs = "get,patch,update";
constexpr std::string_view kStreamVerbs = "create,get";
constexpr std::string_view kProxyVerbs = "create,delete,get,patch,update";

std::vector<SubresourceEntry> subresources_of(const model::KindInfo& kind) {
  std::vector<SubresourceEntry> out;
  if (kind.kind == Kind::Pod) {
    out.push_back({"attach", kStreamVerbs, "PodAttachOptions"});
    out.push_back({"eviction", "create", "Eviction", {"policy", "v1"}});
    out.push_back({"exec", kStreamVerbs, "PodExecOptions"});
    out.push_back({"log", "get", "Pod"});
    out.push_back({"portforward", kStreamVerbs, "PodPortForwardOptions"});
    out.push_back({"proxy", kProxyVerbs, "PodProxyOptions"});
  }
  if (kind.kind == Kind::Service) out.push_back({"proxy", kProxyVerbs, "ServiceProxyOptions"});
  if (kind.kind == Kind::Namespace) out.push_back({"finalize", "update", "Namespace"});
  if (kind.has_scale) out.push_back({"scale", kEditVerbs, "Scale", {"autoscaling", "v1"}});
  if (kind.has_approval) out.push_back({"approval", kEditVerbs, kind.name});
  if (kind.has_status) out.push_back({"status", kEditVerbs, kind.name});
  return out;
}

/// A question that is answered at once and never stored.
ResourceEntry question(std::string_view plural, std::string_view singular, std::string_view kind,
                       bool namespaced = false) {
  return {.plural = plural,
          .singular = singular,
          .kind = kind,
          .namespaced = namespaced,
          .verbs = "create",
          .short_names = {},
          .categories = {},
          .subresources = {}};
}

ResourceEntry metrics(std::string_view plural, std::string_view singular, std::string_view kind, bool namespaced) {
  auto entry = question(plural, singular, kind, namespaced);
  entry.verbs = "get,list";
  return entry;
}

std::vector<ResourceEntry> other_resources(const GroupVersion& where, const DiscoveryOptions& options) {
  if (where.group == "authentication.k8s.io") {
    return {question("selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview")};
  }
  if (where.group == "authorization.k8s.io") {
    return {question("localsubjectaccessreviews", "localsubjectaccessreview", "LocalSubjectAccessReview", true),
            question("selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview"),
            question("selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview"),
            question("subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview")};
  }
  if (where.group == "metrics.k8s.io" && options.metrics) {
    return {metrics("nodes", "node", "NodeMetrics", false), metrics("pods", "pod", "PodMetrics", true)};
  }
  return {};
}

}  // namespace

std::vector<GroupVersion> served_group_versions(const DiscoveryOptions& options) {
  std::vector<GroupVersion> out;
  for (const auto& one : group_versions()) {
    // Where upstream has them: after apps, and before the storage groups.
    if (one.group != "apps" && !out.empty() && out.back().group == "apps") {
      out.insert(
          out.end(),
          {{"authentication.k8s.io", "v1"}, {"authentication.k8s.io", "v1beta1"}, {"authorization.k8s.io", "v1"}});
    }
    if (one.group == "extensions" && options.metrics) out.push_back({"metrics.k8s.io", "v1beta1"});
    out.push_back(one);
  }
  return out;
}

bool is_in_served_version(const std::vector<std::string>& segments, const DiscoveryOptions& options) {
  GroupVersion where;
  if (segments.size() > 2 && segments[0] == "api") {
    where = {{}, segments[1]};
  } else if (segments.size() > 3 && segments[0] == "apis") {
    where = {segments[1], segments[2]};
  } else {
    return false;
  }
  const auto all = served_group_versions(options);
  return std::find(all.begin(), all.end(), where) != all.end();
}

std::vector<ResourceEntry> served_resources(const GroupVersion& where, const DiscoveryOptions& options) {
  auto out = other_resources(where, options);
  for (const auto kind_id : kinds_in(where)) {
    const auto& kind = model::info(kind_id);
    const bool old = is_old_version(kind_id, where);
    out.push_back({.plural = kind.plural,
                   .singular = kind.singular,
                   .kind = kind.name,
                   .namespaced = kind.namespaced,
                   .verbs = kind.is_empty ? kLookVerbs : kAllVerbs,
                   .short_names = old ? std::string_view() : kind.short_names,
                   .categories = !old && kind.in_all ? "all" : std::string_view(),
                   .subresources = subresources_of(kind)});
  }
  std::sort(out.begin(), out.end(), [](const ResourceEntry& a, const ResourceEntry& b) { return a.plural < b.plural; });
  return out;
}

}  // namespace berth::api
