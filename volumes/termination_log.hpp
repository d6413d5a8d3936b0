// volumes/termination_log.hpp - the file in which a container may say why it ended.
#pragma once

#include <string>

#include "volumes/pod_dirs.hpp"

namespace berth::volumes {

/// See PodVolumes::termination_log. 0666, so that a container of any user can write it, as the kubelet makes it.
Result<std::filesystem::path> make_termination_log(const PodDirs& dirs, const std::string& container, unsigned attempt);

}  // namespace berth::volumes
