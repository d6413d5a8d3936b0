// volumes/helper/unpublish.cpp - takes volumes away from a pod, and from the host when nobody else has them.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "base/mount_table.hpp"
#include "volumes/helper/iscsi.hpp"
#include "volumes/helper/release.hpp"
#include "volumes/helper/stage_record.hpp"
#include "volumes/helper/unmount.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kUnmount{60};

/// Keeps the first error and goes on: one volume's trouble must not keep the others.
class FirstError {
 public:
  void note(const Status& status) {
    if (!status && first_) first_ = status;
  }
  Answer answer() const { return first_ ? Answer(json::object()) : Answer(first_.error()); }

 private:
  Status first_ = Ok{};
};

/// The devices, as mountinfo numbers them, that are mounted below run_dir/staged.
std::set<std::string> staged_devices(const MountTable& table, const fs::path& run_dir) {
  std::set<std::string> devices;
  for (const auto& entry : table.below((run_dir / "staged").string())) devices.insert(entry.device);
  return devices;
}

/// Only a link of ours is removed: somebody's file is not.
void remove_links(const fs::path& directory, FirstError& errors) {
  struct stat now = {};
  if (::lstat(directory.c_str(), &now) != 0) return;
  std::vector<fs::path> links;
  if (S_ISLNK(now.st_mode)) links.push_back(directory);
  if (S_ISDIR(now.st_mode)) {
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(directory, failure)) {
      if (entry.is_symlink(failure)) links.push_back(entry.path());
    }
  }
  for (const auto& link : links) {
    if (::unlink(link.c_str()) != 0 && errno != ENOENT) {
      errors.note(Error::from_errno(errno, "remove " + link.string()));
    }
  }
}

/// Mounts of staged devices are really unmounted, so that what is in use is noticed before it is detached. All others
/// (exports of servers, pins of host directories) have nothing behind them that we would take away.
void take_down(const fs::path& directory, const std::set<std::string>& devices, FirstError& errors) {
  const auto table = MountTable::read();
  if (!table) return errors.note(table.error());
  auto left = false;
  for (const auto& entry : table->below(directory.string())) {
    say_doing(fmt::format("unmount {}", entry.target), kUnmount);
    const auto down = devices.contains(entry.device)
                          ? unmount_really(entry.target, fs::path(entry.target).filename().string())
                          : unmount_lazily(entry.target);
    errors.note(down);
    left = left || !down;
    // What publish made to mount on; another's file or a directory with content stays.
    if (down) ::rmdir(entry.target.c_str());
  }
  if (!left) remove_links(directory, errors);
}

bool below_any(const fs::path& path, const std::vector<fs::path>& directories) {
  return std::any_of(directories.begin(), directories.end(),
                     [&path](const auto& each) { return is_below(path, each); });
}

}  // namespace

Answer unpublish(const UnpublishJob& job) {
  std::error_code failure;
  const auto run_dir = fs::weakly_canonical(job.run_dir, failure);
  if (failure || !run_dir.is_absolute()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("run_dir \"{}\": must be absolute", job.run_dir.string()));
  }
  std::vector<fs::path> directories;
  for (const auto& each : job.directories) {
    // Its parent only: it may be the mount of a server that does not answer.
    const auto parent = fs::weakly_canonical(each.parent_path(), failure);
    if (failure || !each.is_absolute() || each.filename().empty()) {
      return Error(ErrorCode::InvalidArgument, fmt::format("directory \"{}\": must be absolute", each.string()));
    }
    directories.push_back(parent / each.filename());
  }
  const auto table = MountTable::read();
  if (!table) return table.error();
  FirstError errors;
  const auto devices = staged_devices(*table, run_dir);
  for (const auto& directory : directories) take_down(directory, devices, errors);

  const auto stages = staged_dirs(run_dir);
  if (!stages) return stages.error();
  for (const auto& dir : *stages) {
    const StageDir stage(dir);
    if (directories.empty()) {
      errors.note(release_if_unused(stage, run_dir));
      continue;
    }
    const auto targets = read_targets(stage);
    if (!targets) {
      errors.note(targets.error());
      continue;
    }
    auto mine = *targets;
    std::erase_if(mine, [&](const auto& target) { return !below_any(target, directories); });
    if (!mine.empty()) errors.note(release_after(stage, run_dir, mine));
  }
  if (directories.empty()) errors.note(end_unused_sessions(run_dir));
  return errors.answer();
}

}  // namespace berth::volumes::helper
