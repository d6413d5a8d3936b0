// api/openapi/discovery.cpp - which resources there are.
#include "api/openapi/discovery.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/encoding/accept.hpp"

namespace berth::api {

namespace {

using model::Kind;

/// The Kubernetes version whose API we speak; kubectl compares its own with it. See docs/decisions/0009.
constexpr std::string_view kMajor = "1";
constexpr std::string_view kMinor = "32";

#if defined(__x86_64__)
constexpr std::string_view kPlatform = "linux/amd64";
#elif defined(__aarch64__)
constexpr std::string_view kPlatform = "linux/arm64";
#else
constexpr std::string_view kPlatform = "linux/unknown";
#endif

json::array words(std::string_view list) {
  json::array out;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    if (end > 0) out.emplace_back(json::string_view(list.data(), end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

json::object version_info() {
  return {{"major", kMajor},
          {"minor", kMinor},
          {"gitVersion", fmt::format("v{}.{}.0+berth-{}", kMajor, kMinor, BERTH_VERSION)},
          {"gitCommit", BERTH_COMMIT},
          {"gitTreeState", BERTH_TREE_STATE},
          {"buildDate", BERTH_COMMIT_DATE},
          {"goVersion", "none: this is C++"},
          {"compiler", fmt::format("g++ {}.{}", __GNUC__, __GNUC_MINOR__)},
          {"platform", kPlatform}};
}

// One document per group version.

json::object resource_list(const GroupVersion& where, const DiscoveryOptions& options) {
  json::array resources;
  for (const auto& resource : served_resources(where, options)) {
    json::object entry{{"name", resource.plural},
                       {"singularName", resource.singular},
                       {"namespaced", resource.namespaced},
                       {"kind", resource.kind},
                       {"verbs", words(resource.verbs)}};
    if (!resource.short_names.empty()) entry["shortNames"] = words(resource.short_names);
    if (!resource.categories.empty()) entry["categories"] = words(resource.categories);
    resources.push_back(std::move(entry));
    for (const auto& sub : resource.subresources) {
      json::object below{{"name", fmt::format("{}/{}", resource.plural, sub.name)},
                         {"singularName", ""},
                         {"namespaced", resource.namespaced}};
      if (!sub.answer.version.empty()) {
        below["group"] = sub.answer.group;
        below["version"] = sub.answer.version;
      }
      below["kind"] = sub.kind;
      below["verbs"] = words(sub.verbs);
      resources.push_back(std::move(below));
    }
  }
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", where.text()},
          {"resources", std::move(resources)}};
}

/// The versions of each group; the preferred one is first.
struct Group {
  std::string_view name;
  std::vector<GroupVersion> versions;
};

std::vector<Group> groups(const DiscoveryOptions& options, bool core) {
  std::vector<Group> out;
  for (const auto& one : served_group_versions(options)) {
    if (one.group.empty() != core) continue;
    if (out.empty() || out.back().name != one.group) out.push_back({one.group, {}});
    out.back().versions.push_back(one);
  }
  return out;
}

json::object group_entry(const Group& group) {
  json::array versions;
  for (const auto& one : group.versions) {
    versions.push_back(json::object{{"groupVersion", one.text()}, {"version", one.version}});
  }
  auto preferred = versions.front();
  return {{"name", group.name}, {"versions", std::move(versions)}, {"preferredVersion", std::move(preferred)}};
}

json::object group_list(const DiscoveryOptions& options) {
  json::array list;
  for (const auto& group : groups(options, /*core=*/false)) list.push_back(group_entry(group));
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(list)}};
}

json::object core_versions() {
  return {{"kind", "APIVersions"}, {"versions", json::array{"v1"}}, {"serverAddressByClientCIDRs", json::array{}}};
}

// All of them at once: apidiscovery.k8s.io (KEP-3352).

json::object gvk(const GroupVersion& where, std::string_view kind) {
  return {{"group", where.group}, {"version", where.version}, {"kind", kind}};
}

json::object aggregated_resource(const GroupVersion& where, const ResourceEntry& resource) {
  json::object out{{"resource", resource.plural},
                   {"responseKind", gvk(where, resource.kind)},
                   {"scope", resource.namespaced ? "Namespaced" : "Cluster"},
                   {"singularResource", resource.singular},
                   {"verbs", words(resource.verbs)}};
  if (!resource.short_names.empty()) out["shortNames"] = words(resource.short_names);
  if (!resource.categories.empty()) out["categories"] = words(resource.categories);
  json::array below;
  for (const auto& sub : resource.subresources) {
    below.push_back(json::object{{"subresource", sub.name},
                                 {"responseKind", gvk(sub.answer.version.empty() ? where : sub.answer, sub.kind)},
                                 {"verbs", words(sub.verbs)}});
  }
  if (!below.empty()) out["subresources"] = std::move(below);
  return out;
}

json::object aggregated(bool core, std::string_view version, const DiscoveryOptions& options) {
  json::array items;
  for (const auto& group : groups(options, core)) {
    json::array versions;
    for (const auto& one : group.versions) {
      json::array resources;
      for (const auto& resource : served_resources(one, options)) {
        resources.push_back(aggregated_resource(one, resource));
      }
      versions.push_back(
          json::object{{"version", one.version}, {"resources", std::move(resources)}, {"freshness", "Current"}});
    }
    json::object metadata{{"creationTimestamp", nullptr}};
    if (!group.name.empty()) metadata["name"] = group.name;
    items.push_back(json::object{{"metadata", std::move(metadata)}, {"versions", std::move(versions)}});
  }
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", fmt::format("apidiscovery.k8s.io/{}", version)},
          {"metadata", json::object{}},
          {"items", std::move(items)}};
}

/// "v2" or "v2beta1" when the client likes that best of what we have, else empty.
std::string_view aggregated_version(std::string_view accept) {
  for (const auto& range : parse_accept(accept)) {
    if (!range.covers("application/json")) continue;
    if (range.parameter("as").empty()) return {};
    if (range.parameter("as") != "APIGroupDiscoveryList" || range.parameter("g") != "apidiscovery.k8s.io") continue;
    if (range.parameter("v") == "v2") return "v2";
    if (range.parameter("v") == "v2beta1") return "v2beta1";
  }
  return {};
}

HttpResponse page(const json::object& document) {
  HttpResponse response;
  response.body = json::serialize(document);
  return response;
}

HttpResponse root_page(bool core, std::string_view accept, const DiscoveryOptions& options) {
  const auto version = aggregated_version(accept);
  auto response =
      page(!version.empty() ? aggregated(core, version, options) : (core ? core_versions() : group_list(options)));
  if (!version.empty()) {
    response.content_type =
        fmt::format("application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList", version);
  }
  response.headers.emplace_back("Vary", "Accept");
  return response;
}

json::object root_paths(const DiscoveryOptions& options) {
  json::array paths{"/api", "/api/v1", "/apis"};
  for (const auto& group : groups(options, /*core=*/false)) {
    paths.emplace_back(fmt::format("/apis/{}", group.name));
    for (const auto& one : group.versions) paths.emplace_back(fmt::format("/apis/{}", one.text()));
  }
  for (const auto path : {"/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"}) {
    paths.emplace_back(path);
  }
  return {{"paths", std::move(paths)}};
}

}  // namespace

std::optional<HttpResponse> discovery(const std::vector<std::string>& segments, std::string_view accept,
                                      const DiscoveryOptions& options) {
  const auto is = [&](std::initializer_list<std::string_view> path) {
    return std::equal(segments.begin(), segments.end(), path.begin(), path.end());
  };
  if (segments.empty()) return page(root_paths(options));
  if (is({"version"})) return page(version_info());
  if (is({"api"})) return root_page(/*core=*/true, accept, options);
  if (is({"apis"})) return root_page(/*core=*/false, accept, options);
  if (is({"api", "v1"})) return page(resource_list({"", "v1"}, options));
  if (segments[0] != "apis" || segments.size() > 3) return std::nullopt;
  for (const auto& group : groups(options, /*core=*/false)) {
    if (segments[1] != group.name) continue;
    if (segments.size() == 2) {
      auto entry = group_entry(group);
      entry["kind"] = "APIGroup";
      entry["apiVersion"] = "v1";
      return page(entry);
    }
    for (const auto& one : group.versions) {
      if (segments[2] == one.version) return page(resource_list(one, options));
    }
  }
  return std::nullopt;
}

}  // namespace berth::api
