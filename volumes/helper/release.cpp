// volumes/helper/release.cpp - see release.hpp; the order is that of stage.cpp, backwards.
#include "volumes/helper/release.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/mount_table.hpp"
#include "base/unique_fd.hpp"
#include "volumes/helper/device.hpp"
#include "volumes/helper/scsi_reservation.hpp"
#include "volumes/helper/unmount.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLock{60};
/// Writing back what the page cache has.
constexpr std::chrono::seconds kWriteBack{600};
constexpr std::chrono::seconds kDetach{120};

bool is_link(const fs::path& path) {
  struct stat now = {};
  return ::lstat(path.c_str(), &now) == 0 && S_ISLNK(now.st_mode);
}

/// Targets of ours that are still mounted or linked.
Result<std::vector<fs::path>> living_targets(const StageDir& stage, const MountTable& table) {
  const auto targets = read_targets(stage);
  if (!targets) return targets.error();
  std::vector<fs::path> living;
  for (const auto& target : *targets) {
    if (table.find(target.string()) != nullptr || is_link(target)) living.push_back(target);
  }
  return living;
}

/// Other mounts of the file system that is mounted at the stage: binds of pods, subPath pins.
std::vector<std::string> other_mounts(const StageDir& stage, const MountTable& table) {
  const auto* own = table.find(stage.mount.string());
  std::vector<std::string> others;
  if (own == nullptr) return others;
  for (const auto& entry : table.entries()) {
    if (entry.device == own->device && entry.target != stage.mount) others.push_back(entry.target);
  }
  return others;
}

/// What is in the page cache goes to the disk first: an error here is the last chance to hear of one. DataLoss.
Status write_back(const StageDir& stage, const std::string& name) {
  const UniqueFd mounted(::open(stage.mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!mounted) return Ok{};  // a file system that is shut down; it can still be unmounted
  say_doing(fmt::format("write {} to disk", name), kWriteBack);
  if (::syncfs(mounted.get()) == 0) return Ok{};
  return Error(ErrorCode::DataLoss, fmt::format("{}: not everything that was written could be brought to the disk: {}",
                                                name, Error::from_errno(errno, "syncfs").message()));
}

/// Needs the lock, and that no target is left.
Status release(const StageDir& stage, const fs::path& run_dir) {
  const auto record = read_record(stage);
  if (!record) return record.error();
  const auto table = MountTable::read();
  if (!table) return table.error();
  const auto mounted = table->find(stage.mount.string()) != nullptr;
  if (!*record) {
    // The record is older than anything attached, and goes after it.
    if (mounted) {
      return Error(ErrorCode::DataLoss, fmt::format("{} is mounted, but {} is gone: it is left alone",
                                                    stage.mount.string(), stage.record.string()));
    }
    return remove_stage(stage);
  }
  if (const auto others = other_mounts(stage, *table); !others.empty()) {
    return Error(ErrorCode::Unavailable, fmt::format("{} is still mounted at {}", (*record)->name, others.front()));
  }
  Status written = Ok{};
  if (mounted) {
    written = write_back(stage, (*record)->name);
    say_doing(fmt::format("unmount {}", (*record)->name), kWriteBack);
    if (auto unmounted = unmount_really(stage.mount, (*record)->name); !unmounted) return unmounted;
  }
  if (const auto reserved = read_reserved(stage)) {
    // A disk that does not answer keeps our key: whoever is given it next throws that out.
    say_doing(fmt::format("give back {}", reserved->device.string()), kDetach);
    static_cast<void>(give_back_disk(reserved->device, reserved->key));
  }
  say_doing(fmt::format("detach {}", (*record)->name), kDetach);
  const auto key = stage.dir.filename().string();
  if (auto detached = detach((*record)->source, (*record)->attachment, run_dir, key); !detached) return detached;
  if (auto removed = remove_stage(stage); !removed) return removed;
  // Lost data must not keep a device for ever whose medium is gone; but it is told, and then there is nothing left to
  // do.
  return written;
}

}  // namespace

Status release_after(const StageDir& stage, const fs::path& run_dir, const std::vector<fs::path>& targets) {
  const auto left = leave_to_others(stage, targets);
  if (!left) return left.error();
  if (*left) return Ok{};
  const auto table = MountTable::read();
  if (!table) return table.error();
  for (const auto& target : targets) {
    if (table->find(target.string()) == nullptr && !is_link(target)) continue;
    return Error(ErrorCode::Unavailable, fmt::format("{} is still there", target.string()));
  }
  say_doing(fmt::format("wait for another job on {}", stage.dir.filename().string()), kLock * 2);
  const auto lock = FileLock::wait(stage.lock, stage.dir.string(), kLock);
  if (!lock) return lock.error();
  // Another pod may have come while we waited for the lock; nobody can come now.
  const auto all = read_targets(stage);
  if (!all) return all.error();
  const auto is_mine = [&](const auto& each) {
    return std::find(targets.begin(), targets.end(), each) != targets.end();
  };
  if (!std::all_of(all->begin(), all->end(), is_mine)) return forget_targets(stage, targets);
  return release(stage, run_dir);
}

Status release_if_unused(const StageDir& stage, const fs::path& run_dir) {
  const auto lock = FileLock::try_existing(stage.lock);
  if (!lock) return lock.error();
  if (!*lock) return Ok{};
  const auto table = MountTable::read();
  if (!table) return table.error();
  const auto living = living_targets(stage, *table);
  if (!living) return living.error();
  if (living->empty()) return release(stage, run_dir);
  auto gone = read_targets(stage);
  if (!gone) return gone.error();
  std::erase_if(*gone,
                [&](const auto& each) { return std::find(living->begin(), living->end(), each) != living->end(); });
  return forget_targets(stage, *gone);
}

}  // namespace berth::volumes::helper
