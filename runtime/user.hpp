// runtime/user.hpp - which uid, gid and groups a container's process gets. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::runtime {

struct ResolvedUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  ///< Supplementary: sorted, each once, with gid.
  bool operator==(const ResolvedUser&) const = default;
};

/// The user databases of the image; empty when it has none. See passwd(5), group(5).
struct UserFiles {
  std::string passwd;
  std::string group;
};

/// runAsUser, runAsGroup (the container's before the pod's), else the image's user ("", "1000", "redis", "redis:redis",
/// "1000:1000"); a name is looked up in the image's files, and the groups that its members are in come along unless
/// supplementalGroupsPolicy is Strict, as do, always, the pod's supplementalGroups and fsGroup. InvalidArgument: a name
/// the image does not have, a number out of range, or a root user where runAsNonRoot forbids it; the text is for the
/// user.
Result<ResolvedUser> resolve_user(const model::ContainerSecurity& security, const model::PodSecurity& pod_security,
                                  std::string_view image_user, const UserFiles& files);

}  // namespace berth::runtime
