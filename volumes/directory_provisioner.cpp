// volumes/directory_provisioner.cpp - see directory_provisioner.hpp.
#include "volumes/directory_provisioner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/mount_table.hpp"
#include "base/unique_fd.hpp"
#include "volumes/names.hpp"
#include "volumes/remove_tree.hpp"

namespace berth::volumes {
namespace {

constexpr auto kTrash = ".trash";  // no claim's name starts with a dot

Status check_names(const std::string& ns, const std::string& claim) {
  if (auto checked = check_name("namespace", ns); !checked) return checked;
  return check_name("claim", claim);
}

Status sync_directory(const std::filesystem::path& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return Error::from_errno(errno, "sync " + directory.string());
  return Ok{};
}

Status make_closed(const std::filesystem::path& directory) {
  if (::mkdir(directory.c_str(), 0700) == 0) return sync_directory(directory.parent_path());
  if (errno == EEXIST) return Ok{};
  return Error::from_errno(errno, "make directory " + directory.string());
}

/// True when it is there; FailedPrecondition when something else is.
Result<bool> directory_there(const std::filesystem::path& path) {
  struct stat now = {};
  if (::lstat(path.c_str(), &now) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return Error::from_errno(errno, "stat " + path.string());
  }
  if (S_ISDIR(now.st_mode)) return true;
  return Error(ErrorCode::FailedPrecondition, fmt::format("{} is not a directory", path.string()));
}

/// Moves the claim's directory aside under the first free number.
Status move_to_trash(const std::filesystem::path& from, const std::filesystem::path& trash, const std::string& claim) {
  constexpr int kMaxPieces = 1000;
  for (int number = 0; number < kMaxPieces; ++number) {
    const auto to = trash / fmt::format("{}_{}", claim, number);
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return Ok{};
    if (errno == ENOENT) return Ok{};
    if (errno == EBUSY) {
      return Error(ErrorCode::FailedPrecondition, fmt::format("{} is a mount point", from.string()));
    }
    if (errno != EEXIST) return Error::from_errno(errno, fmt::format("move {} aside", from.string()));
  }
  return Error(ErrorCode::ResourceExhausted, fmt::format("{}: too many unfinished removals", trash.string()));
}

}  // namespace

Result<std::filesystem::path> provision_directory(const std::filesystem::path& volumes, const std::string& ns,
                                                  const std::string& claim) {
  if (auto checked = check_names(ns, claim); !checked) return checked.error();
  const auto parent = volumes / ns;
  const auto target = parent / claim;
  const auto there = directory_there(target);
  if (!there) return there.error();
  if (*there) return target;

  if (auto made = make_directories(volumes.parent_path(), 0755); !made) return made.error();
  if (auto made = make_closed(volumes); !made) return made.error();
  if (auto made = make_closed(parent); !made) return made.error();
  // Complete under another name first: pods may change its mode later, so "exists" has to mean "complete".
  const auto fresh = parent / (".new-" + claim);
  if (::mkdir(fresh.c_str(), 0700) != 0 && errno != EEXIST) return Error::from_errno(errno, "make " + fresh.string());
  if (::chmod(fresh.c_str(), 0777) != 0) return Error::from_errno(errno, "change the mode of " + fresh.string());
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0 && errno != EEXIST) {
    return Error::from_errno(errno, "make " + target.string());
  }
  if (auto synced = sync_directory(parent); !synced) return synced.error();
  return target;
}

Status reclaim_directory(const std::filesystem::path& volumes, const std::string& ns, const std::string& claim,
                         SteadyTime deadline) {
  if (auto checked = check_names(ns, claim); !checked) return checked;
  const auto doing = fmt::format("reclaim {}/{}", ns, claim);
  const auto target = volumes / ns / claim;
  const auto trash = volumes / ns / kTrash;
  const auto there = directory_there(target);
  if (!there) return there.error().context(doing);
  if (*there) {
    const auto table = MountTable::read();
    if (!table) return table.error().context(doing);
    if (const auto mounts = table->below(target.string()); !mounts.empty()) {
      return Error(ErrorCode::FailedPrecondition, fmt::format("{}: {} is still mounted", doing, mounts.front().target));
    }
    if (auto made = make_closed(trash); !made) return made.error().context(doing);
    if (auto moved = move_to_trash(target, trash, claim); !moved) return moved.error().context(doing);
    if (auto synced = sync_directory(target.parent_path()); !synced) return synced.error().context(doing);
  }
  // What this or an earlier, interrupted call moved aside. '_' is in no name, so no other claim matches.
  std::error_code failure;
  std::filesystem::directory_iterator entry(trash, failure);
  if (failure == std::errc::no_such_file_or_directory) return Ok{};
  for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
    const auto name = entry->path().filename().string();
    if (name.rfind(claim + "_", 0) != 0) continue;
    if (auto removed = remove_tree(entry->path(), deadline); !removed) return removed.error().context(doing);
  }
  if (failure) return Error::from_errno(failure.value(), fmt::format("{}: read {}", doing, trash.string()));
  return Ok{};
}

}  // namespace berth::volumes
