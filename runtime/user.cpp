// runtime/user.cpp - see user.hpp.
#include "runtime/user.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/accounts.hpp"

namespace berth::runtime {
namespace {

constexpr std::int64_t kMaxId = std::numeric_limits<std::int32_t>::max();

/// As Kubernetes bounds them, in the image too: what is beyond is none.
std::optional<std::uint32_t> to_id(std::string_view text) {
  const auto id = account_id(text);
  return id && *id <= kMaxId ? id : std::nullopt;
}

std::optional<Account> bounded(std::optional<Account> account) {
  return account && account->uid <= kMaxId && account->gid <= kMaxId ? std::move(account) : std::nullopt;
}

Error invalid(std::string message) { return {ErrorCode::InvalidArgument, std::move(message)}; }

Result<std::uint32_t> checked(std::int64_t id, std::string_view field) {
  if (id < 0 || id > kMaxId)
    return invalid(fmt::format("securityContext.{}: {} is not between 0 and {}", field, id, kMaxId));
  return static_cast<std::uint32_t>(id);
}

}  // namespace

Result<ResolvedUser> resolve_user(const model::ContainerSecurity& security, const model::PodSecurity& pod_security,
                                  std::string_view image_user, const UserFiles& files) {
  const auto run_as_user = security.run_as_user ? security.run_as_user : pod_security.run_as_user;
  const auto run_as_group = security.run_as_group ? security.run_as_group : pod_security.run_as_group;
  const auto non_root =
      (security.run_as_non_root ? security.run_as_non_root : pod_security.run_as_non_root).value_or(false);

  ResolvedUser user;
  std::string name;  // in the image's files, when it has one
  std::string_view image_group;
  if (run_as_user) {
    const auto uid = checked(*run_as_user, "runAsUser");
    if (!uid) return uid.error();
    user.uid = *uid;
  } else if (!image_user.empty()) {
    const auto colon = image_user.find(':');
    const auto who = image_user.substr(0, colon);
    if (colon != std::string_view::npos) image_group = image_user.substr(colon + 1);
    if (const auto number = to_id(who)) {
      user.uid = *number;
    } else if (const auto entry = bounded(find_account(files.passwd, who)); entry) {
      user.uid = entry->uid;
    } else {
      return invalid(fmt::format("the image runs as user \"{}\", which its /etc/passwd does not have", who));
    }
  }
  if (const auto entry = bounded(find_account(files.passwd, user.uid))) {
    name = entry->name;
    user.gid = entry->gid;
  }
  if (!image_group.empty()) {
    auto gid = to_id(image_group);
    if (!gid) gid = find_group(files.group, image_group);
    if (!gid || *gid > kMaxId)
      return invalid(fmt::format("the image runs as group \"{}\", which its /etc/group does not have", image_group));
    user.gid = *gid;
  }
  if (run_as_group) {
    const auto gid = checked(*run_as_group, "runAsGroup");
    if (!gid) return gid.error();
    user.gid = *gid;
  }
  if (non_root && user.uid == 0) {
    return invalid(run_as_user ? "container's runAsUser breaks non-root policy"
                               : "container has runAsNonRoot and image will run as root");
  }

  user.groups.push_back(user.gid);
  if (!name.empty() && pod_security.supplemental_groups_policy != "Strict") {
    for (const auto gid : groups_of(files.group, name)) {
      if (gid <= kMaxId) user.groups.push_back(gid);
    }
  }
  for (const auto extra : pod_security.supplemental_groups) {
    const auto gid = checked(extra, "supplementalGroups");
    if (!gid) return gid.error();
    user.groups.push_back(*gid);
  }
  if (pod_security.fs_group) {
    const auto gid = checked(*pod_security.fs_group, "fsGroup");
    if (!gid) return gid.error();
    user.groups.push_back(*gid);
  }
  std::sort(user.groups.begin(), user.groups.end());
  user.groups.erase(std::unique(user.groups.begin(), user.groups.end()), user.groups.end());
  return user;
}

}  // namespace berth::runtime
