// volumes/empty_dir.hpp - emptyDir: a directory that lives as long as its pod.
#pragma once

#include <optional>
#include <string>

#include "model/pod.hpp"
#include "volumes/ownership.hpp"
#include "volumes/pod_dirs.hpp"

namespace berth::volumes {

/// On disk: state_dir/pods/<uid>/emptydir/<name>, kept over a boot. Memory: a tmpfs (nosuid, nodev) whose size is the
/// smaller of sizeLimit and the pod's memory limits (KEP-1967), else half of the host's memory, tmpfs(5).
/// Both 0777, with fsGroup 02777 and that group, as the kubelet makes them. Made already is success and changes
/// nothing.
///
/// sizeLimit of an emptyDir on disk is NOT enforced yet: that needs project quotas or a usage scan with eviction.
Result<std::filesystem::path> make_empty_dir(const PodDirs& dirs, const model::PodSpec& spec, const std::string& name,
                                             const model::EmptyDirSource& source,
                                             const std::optional<GroupOwner>& owner);

/// The tmpfs size in bytes; none when neither a sizeLimit nor limits of all containers bound it.
std::optional<std::int64_t> memory_size(const model::PodSpec& spec, const model::EmptyDirSource& source);

}  // namespace berth::volumes
