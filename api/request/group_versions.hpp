// api/request/group_versions.hpp - the API groups and versions that are served, and the kinds in each. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/meta.hpp"

namespace berth::api {

/// "apps" and "v1beta1"; the core group is "".
struct GroupVersion {
  std::string_view group;
  std::string_view version;

  bool operator==(const GroupVersion&) const = default;
  /// "apps/v1beta1", "v1"
  std::string text() const;
};

/// Those that have kinds of ours: the core group first, a group's preferred version before its old ones. `extensions`
/// is last, so that clients which look for "daemonsets" without a group find those of `apps`.
const std::vector<GroupVersion>& group_versions();

/// The kinds served there, in model::Kind's order. An old version serves the kinds that model::convert reads from it.
std::vector<model::Kind> kinds_in(const GroupVersion& where);

/// Is `where` another version than the one in which `kind` is stored?
bool is_old_version(model::Kind kind, const GroupVersion& where);

}  // namespace berth::api
