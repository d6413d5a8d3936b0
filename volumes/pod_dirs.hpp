// volumes/pod_dirs.hpp - where the files of one pod are: derived from its uid, never remembered.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::volumes {

/// Directories of one pod. Other rooms have theirs next to ours in run_dir/pods/<uid>; we touch only these.
/// Each is 0700, because a secret's files are 0644 by default and the host has other users.
struct PodDirs {
  std::filesystem::path run;          ///< run_dir/pods/<uid>
  std::filesystem::path state;        ///< state_dir/pods/<uid>
  std::filesystem::path volumes;      ///< run/volumes, holds the next two
  std::filesystem::path files;        ///< run/volumes/files/<volume>: configMap, secret, downwardAPI, projected
  std::filesystem::path memory;       ///< run/volumes/memory/<volume>: emptyDir on tmpfs
  std::filesystem::path mounts;       ///< run/mounts/<volume>: volumes of servers and devices
  std::filesystem::path devices;      ///< run/devices/<volume>: links to the nodes of raw block volumes
  std::filesystem::path subpaths;     ///< run/subpaths/<container>/<mount index>
  std::filesystem::path termination;  ///< run/termination/<container>-<attempt>
  std::filesystem::path owned;        ///< run/owned/<volume>: fsGroup was applied since the boot
  std::filesystem::path empty_dirs;   ///< state/emptydir/<volume>: emptyDir on disk

  /// All that unmount() removes.
  std::array<std::filesystem::path, 7> all() const {
    return {subpaths, mounts, devices, volumes, termination, owned, empty_dirs};
  }
};

/// InvalidArgument when the uid cannot be a file name.
Result<PodDirs> pod_dirs(const VolumesConfig& config, const std::string& pod_uid);

/// Makes `directory` of a pod with 0700, its parents with 0755. There already is success.
Status make_private(const std::filesystem::path& directory);

}  // namespace berth::volumes
