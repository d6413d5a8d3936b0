// api/discovery.cpp - which resources there are.
#include "api/discovery.hpp"

#include <set>

#include <fmt/format.h>

namespace berth::api {

namespace {

using model::Kind;

/// The Kubernetes version whose API we speak; kubectl compares its own with it.
constexpr std::string_view kMajor = "1";
constexpr std::string_view kMinor = "31";

bool in_category_all(Kind kind) {
  return kind == Kind::Pod || kind == Kind::Service || kind == Kind::StatefulSet || kind == Kind::DaemonSet;
}

json::array words(std::string_view list) {
  json::array out;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    if (end > 0) out.emplace_back(json::string_view(list.data(), end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

json::object subresource(const model::KindInfo& kind, std::string_view sub, std::string_view as_kind,
                         std::string_view verbs) {
  return {{"name", fmt::format("{}/{}", kind.plural, sub)},
          {"singularName", ""},
          {"namespaced", kind.namespaced},
          {"kind", as_kind},
          {"verbs", words(verbs)}};
}

json::object resource_list(std::string_view group, std::string_view version) {
  json::array resources;
  for (const auto& kind : model::all_kinds()) {
    if (kind.group != group || kind.version != version) continue;
    json::object entry{{"name", kind.plural},
                       {"singularName", kind.singular},
                       {"namespaced", kind.namespaced},
                       {"kind", kind.name},
                       {"verbs", words("create,delete,get,list,patch,update,watch")}};
    if (!kind.short_names.empty()) entry["shortNames"] = words(kind.short_names);
    if (in_category_all(kind.kind)) entry["categories"] = json::array{"all"};
    resources.push_back(std::move(entry));
    if (has_status(kind.kind)) resources.push_back(subresource(kind, "status", kind.name, "get,patch,update"));
    if (has_scale(kind.kind)) {
      auto scale = subresource(kind, "scale", "Scale", "get,patch,update");
      scale["group"] = "autoscaling";
      scale["version"] = "v1";
      resources.push_back(std::move(scale));
    }
    if (kind.kind == Kind::Pod) {
      resources.push_back(subresource(kind, "log", kind.name, "get"));
      resources.push_back(subresource(kind, "exec", "PodExecOptions", "create,get"));
    }
  }
  const auto group_version = group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", group_version},
          {"resources", std::move(resources)}};
}

std::set<std::pair<std::string_view, std::string_view>> named_groups() {
  std::set<std::pair<std::string_view, std::string_view>> out;
  for (const auto& kind : model::all_kinds()) {
    if (!kind.group.empty()) out.emplace(kind.group, kind.version);
  }
  return out;
}

json::object group_entry(std::string_view group, std::string_view version) {
  const json::object gv{{"groupVersion", fmt::format("{}/{}", group, version)}, {"version", version}};
  return {{"name", group}, {"versions", json::array{gv}}, {"preferredVersion", gv}};
}

json::object version_info() {
  return {{"major", kMajor},
          {"minor", kMinor},
          {"gitVersion", fmt::format("v{}.{}.0+berth-{}", kMajor, kMinor, BERTH_VERSION)},
          {"gitCommit", ""},
          {"gitTreeState", "clean"},
          {"buildDate", "1970-01-01T00:00:00Z"},
          {"goVersion", ""},
          {"compiler", "g++"},
          {"platform", "linux/amd64"}};
}

}  // namespace

bool has_status(Kind kind) {
  switch (kind) {
    case Kind::Pod:
    case Kind::StatefulSet:
    case Kind::DaemonSet:
    case Kind::Service:
    case Kind::PersistentVolumeClaim:
    case Kind::PersistentVolume:
    case Kind::Node:
    case Kind::Namespace: return true;
    case Kind::StorageClass:
    case Kind::ConfigMap:
    case Kind::Secret:
    case Kind::ServiceAccount:
    case Kind::ControllerRevision:
    case Kind::Endpoints:
    case Kind::EndpointSlice:
    case Kind::Lease:
    case Kind::Event: return false;
  }
  return false;
}

bool has_scale(Kind kind) { return kind == Kind::StatefulSet; }

std::optional<json::object> discovery(const std::vector<std::string>& segments) {
  const auto is = [&](std::initializer_list<std::string_view> path) {
    return std::equal(segments.begin(), segments.end(), path.begin(), path.end());
  };
  if (is({"version"})) return version_info();
  if (is({"api"})) {
    return json::object{
        {"kind", "APIVersions"}, {"versions", json::array{"v1"}}, {"serverAddressByClientCIDRs", json::array{}}};
  }
  if (is({"api", "v1"})) return resource_list("", "v1");
  if (is({"apis"})) {
    json::array groups;
    for (const auto& [group, version] : named_groups()) groups.push_back(group_entry(group, version));
    return json::object{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
  }
  if (segments.empty() || segments[0] != "apis" || segments.size() > 3) return std::nullopt;
  for (const auto& [group, version] : named_groups()) {
    if (segments[1] != group) continue;
    if (segments.size() == 2) {
      auto entry = group_entry(group, version);
      entry["kind"] = "APIGroup";
      entry["apiVersion"] = "v1";
      return entry;
    }
    if (segments[2] == version) return resource_list(group, version);
  }
  return std::nullopt;
}

}  // namespace berth::api
