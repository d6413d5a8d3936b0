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
  if (auto grown = grow(mount->source, mount->fs_type, target); !grown) return grown;
  // The others have grown. (xfs writes its superblock when it likes: on the device it still has its old size.)
  if (!mount->fs_type.starts_with("ext")) return Ok{};
  const auto left = has_room_to_grow(mount->source, mount->fs_type);
  if (!left) return left.error();
  if (!*left) return Ok{};
  return Error(
      ErrorCode::FailedPrecondition,
      fmt::format("{} at {} cannot grow while it is mounted: that takes CAP_SYS_RESOURCE; it will when its pod "
                  "starts next",
                  mount->fs_type, mount->source));
}

}  // namespace berth::volumes::helper
