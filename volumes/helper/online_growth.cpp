// volumes/helper/online_growth.cpp - see online_growth.hpp.
#include "volumes/helper/online_growth.hpp"

#include <fmt/format.h>

#include "base/mount_table.hpp"
#include "volumes/helper/step.hpp"
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
  const auto doing = fmt::format("grow the {} of {}", mount->fs_type, mount->source);
  if (mount->fs_type == "xfs") {
    const auto grown = run_step(doing, {"xfs_growfs", target.string()}, kMayTake);
    return grown ? Status(Ok{}) : grown.error();
  }
  if (mount->fs_type.starts_with("ext")) {
    const auto grown = run_step(doing, {"resize2fs", mount->source}, kMayTake);
    return grown ? Status(Ok{}) : grown.error();
  }
  return Error(ErrorCode::Unimplemented, fmt::format("{}: no program for that is known", doing));
}

}  // namespace berth::volumes::helper
