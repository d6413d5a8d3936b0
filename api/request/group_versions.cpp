// api/request/group_versions.cpp - see group_versions.hpp.
#include "api/request/group_versions.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/conversion.hpp"

namespace berth::api {

namespace {

GroupVersion split(std::string_view api_version) {
  const auto slash = api_version.find('/');
  if (slash == std::string_view::npos) return {{}, api_version};
  return {api_version.substr(0, slash), api_version.substr(slash + 1)};
}

std::vector<GroupVersion> all_group_versions() {
  std::vector<GroupVersion> out;
  const auto add = [&](const GroupVersion& one) {
    if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
  };
  add({"", "v1"});
  for (const auto group : {"apps", "autoscaling", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io",
                           "storage.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io", "coordination.k8s.io",
                           "node.k8s.io", "certificates.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions"}) {
    for (const auto& kind : model::all_kinds()) {
      if (kind.group == group) add({kind.group, kind.version});
    }
    for (const auto& old : model::old_versions()) {
      if (const auto where = split(old.api_version); where.group == group) add(where);
    }
  }
  return out;
}

}  // namespace

std::string GroupVersion::text() const {
  return group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
}

const std::vector<GroupVersion>& group_versions() {
  static const auto all = all_group_versions();
  return all;
}

std::vector<model::Kind> kinds_in(const GroupVersion& where) {
  std::vector<model::Kind> out;
  for (const auto& kind : model::all_kinds()) {
    const auto& olds = model::old_versions();
    const bool is_old = std::any_of(olds.begin(), olds.end(), [&](const model::OldVersion& old) {
      return old.kind == kind.kind && split(old.api_version) == where;
    });
    if (is_old || (kind.group == where.group && kind.version == where.version)) out.push_back(kind.kind);
  }
  return out;
}

bool is_old_version(model::Kind kind, const GroupVersion& where) {
  const auto& own = model::info(kind);
  return own.group != where.group || own.version != where.version;
}

}  // namespace berth::api
