// network/pod_paths.hpp - every name on the host that derives from a pod's uid.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::network {

/// Derived, not remembered: the same before and after a restart.
struct PodPaths {
  std::filesystem::path netns;   ///< <runDir>/netns/<uid>
  std::filesystem::path pod;     ///< <runDir>/pods/<uid>, shared with other rooms
  std::filesystem::path etc;     ///< <runDir>/pods/<uid>/etc
  std::filesystem::path record;  ///< <runDir>/pods/<uid>/network.json: written last, so its presence means complete
};
PodPaths pod_paths(const std::filesystem::path& run_dir, std::string_view uid);

/// The host's end of the pod's cable: "bth" and 12 hex digits (an interface name has at most 15 bytes). The
/// bridge is part of the hash: two agents on one machine may run pods of one manifest, with the same uid.
std::string veth_name(std::string_view bridge, std::string_view uid);

/// InvalidArgument unless `uid` is 1 to 128 of [A-Za-z0-9._-] and does not begin with a dot: it becomes a file name.
Status check_uid(std::string_view uid);

}  // namespace berth::network
