// volumes/ownership.hpp - fsGroup: the files of a volume belong to a group of the pod.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::volumes {

/// What spec.securityContext asks for; none when there is no fsGroup. InvalidArgument: not a group id.
struct GroupOwner {
  gid_t gid = 0;
  bool only_on_root_mismatch = false;  ///< fsGroupChangePolicy: OnRootMismatch (KEP-695).
};
Result<std::optional<GroupOwner>> group_owner(const model::PodSecurity& security);

/// The mode with the group's bits as the kubelet sets them: rw (r when `read_only`), and for directories x and setgid.
mode_t group_mode(mode_t mode, bool is_directory, bool read_only);

/// Gives everything below `directory` to the group, the directory itself last, so that OnRootMismatch can tell
/// a finished walk. Links are changed themselves, never followed; mounts below are not entered. What is right already
/// is only looked at, so a second call is cheap. Errors: DeadlineExceeded (call again: goes on where files are still
/// wrong), ResourceExhausted (deeper than 100 levels).
Status give_to_group(const std::filesystem::path& directory, const GroupOwner& owner, SteadyTime deadline);

}  // namespace berth::volumes
