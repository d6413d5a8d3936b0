// volumes/directory_provisioner.hpp - claims as plain directories: state_dir/volumes/<namespace>/<claim>.
#pragma once

#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace berth::volumes {

/// See PodVolumes::provision. The directory is 0777 (a pod may run as any user), those above it 0700; durable
/// before it returns. InvalidArgument: a name that cannot be a file name. FailedPrecondition: no directory.
Result<std::filesystem::path> provision_directory(const std::filesystem::path& volumes, const std::string& ns,
                                                  const std::string& claim);

/// See PodVolumes::reclaim. Renamed to volumes/<namespace>/.trash first, so that a claim of the same name never sees
/// half of the old content. Errors: FailedPrecondition (mounted below), DeadlineExceeded (call again: goes on).
Status reclaim_directory(const std::filesystem::path& volumes, const std::string& ns, const std::string& claim,
                         SteadyTime deadline);

}  // namespace berth::volumes
