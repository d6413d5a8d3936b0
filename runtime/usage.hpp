// runtime/usage.hpp - what the kernel has counted for containers: reads their cgroups.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// Every container with a cgroup below `parent` ("/berth-pods"), of version 1 or 2 as `root` ("/sys/fs/cgroup") shows.
/// One that goes away meanwhile is left out. See cgroups(7).
std::vector<ContainerUsage> read_usage(const std::filesystem::path& root, const std::string& parent);

}  // namespace berth::runtime
