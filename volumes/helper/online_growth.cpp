// volumes/helper/online_growth.cpp - see online_growth.hpp.
#include "volumes/helper/online_growth.hpp"

#include <fmt/format.h>

#include "base/mount_table.hpp"
#include "volumes/helper/file_system.hpp"
#include "volumes/helper/verbs.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes::helper {

Status grow_if_staged(const std::filesystem::path& run_dir, const model::PersistentSource& source) {
  constexpr std::chrono::minutes kMayTake{10};
  DiskVolume volume;
  volume.source = source;
  const auto target = stage_dir(run_dir, volume_key(volume)) / "mount";
  const auto table = MountTable::read();
  if (!table) return table.error();
  const auto* mount = table->find(target.string());
  if (mount == nullptr) return Ok{};
  say_doing(fmt::format("grow the {} of {}", mount->fs_type, mount->source), kMayTake);
  return grow(mount->source, mount->fs_type, target);
}

}  // namespace berth::volumes::helper
