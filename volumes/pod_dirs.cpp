// volumes/pod_dirs.cpp - see pod_dirs.hpp.
#include "volumes/pod_dirs.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "base/atomic_file.hpp"
#include "volumes/names.hpp"

namespace berth::volumes {

Result<PodDirs> pod_dirs(const VolumesConfig& config, const std::string& pod_uid) {
  if (auto checked = check_name("pod uid", pod_uid); !checked) return checked.error();
  PodDirs dirs;
  dirs.run = config.run_dir / "pods" / pod_uid;
  dirs.state = config.state_dir / "pods" / pod_uid;
  dirs.volumes = dirs.run / "volumes";
  dirs.files = dirs.volumes / "files";
  dirs.memory = dirs.volumes / "memory";
  dirs.mounts = dirs.run / "mounts";
  dirs.devices = dirs.run / "devices";
  dirs.subpaths = dirs.run / "subpaths";
  dirs.termination = dirs.run / "termination";
  dirs.owned = dirs.run / "owned";
  dirs.empty_dirs = dirs.state / "emptydir";
  return dirs;
}

Status make_private(const std::filesystem::path& directory) {
  if (auto made = make_directories(directory.parent_path(), 0755); !made) return made;
  if (::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return Ok{};
  return Error::from_errno(errno, "make directory " + directory.string());
}

}  // namespace berth::volumes
