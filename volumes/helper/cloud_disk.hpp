// volumes/helper/cloud_disk.hpp - a cloud's disk that somebody attached to this host, found by its id.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::volumes::helper {

/// Every name in /dev under which the cloud's own udev rules or hypervisor would show it, best first, with the
/// partition. Empty: the id is not one of that cloud. Pure.
std::vector<std::filesystem::path> cloud_disk_candidates(const model::CloudDiskSource& source);

/// The serial number by which sysfs knows it, where there is no udev; empty: none. Pure.
std::string cloud_disk_serial(const model::CloudDiskSource& source);

/// The node. Errors: NotFound (lists every name that was looked for), InvalidArgument (not an id).
Result<std::filesystem::path> find_cloud_disk(const model::CloudDiskSource& source);

}  // namespace berth::volumes::helper
