// volumes/helper/sub_path.cpp - a subPath on a volume that may not answer.
#include "volumes/sub_path.hpp"

#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {

Answer sub_path(const SubPathJob& job) {
  constexpr std::chrono::seconds kWalk{30};
  const auto dirs = pod_dirs({.run_dir = job.run_dir, .state_dir = job.state_dir}, job.pod_uid);
  if (!dirs) return dirs.error();
  say_doing("find " + job.sub_path + " in " + job.volume.string(), kWalk);
  const auto pinned = pin_sub_path(*dirs, job.container, job.mount_index, job.volume, job.sub_path);
  if (!pinned) return pinned.error();
  return json::object{{"path", pinned->string()}};
}

}  // namespace berth::volumes::helper
