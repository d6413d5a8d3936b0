// volumes/ownership.cpp - see ownership.hpp.
#include "volumes/ownership.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <string>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"
#include "volumes/beneath.hpp"

namespace berth::volumes {
namespace {

constexpr unsigned kMaxDepth = 100;

struct Walk {
  GroupOwner owner;
  SteadyTime deadline;
};

bool is_right(const struct stat& now, const GroupOwner& owner) {
  if (now.st_gid != owner.gid) return false;
  if (S_ISLNK(now.st_mode)) return true;
  const auto mode = now.st_mode & 07777U;
  return group_mode(mode, S_ISDIR(now.st_mode), /*read_only=*/false) == mode;
}

/// `fd` is O_PATH, so that opening has no effect on devices and FIFOs.
Status change(int fd, const struct stat& now, const Walk& walk, const std::string& shown) {
  if (is_right(now, walk.owner)) return Ok{};
  if (::fchownat(fd, "", static_cast<uid_t>(-1), walk.owner.gid, AT_EMPTY_PATH) != 0) {
    return Error::from_errno(errno, "change the group of " + shown);
  }
  if (S_ISLNK(now.st_mode)) return Ok{};
  // chown(2) may have dropped the set-id bits: the mode from before goes back with the group's bits.
  const auto mode = group_mode(now.st_mode & 07777U, S_ISDIR(now.st_mode), /*read_only=*/false);
  if (::chmod(fmt::format("/proc/self/fd/{}", fd).c_str(), mode) != 0) {
    return Error::from_errno(errno, "change the mode of " + shown);
  }
  return Ok{};
}

Status walk_directory(int dir, const Walk& walk, const std::string& shown, unsigned depth) {
  if (depth > kMaxDepth) {
    return Error(ErrorCode::ResourceExhausted, fmt::format("{}: more than {} levels of directories", shown, kMaxDepth));
  }
  UniqueFd readable(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable) return Error::from_errno(errno, "open " + shown);
  auto* stream = ::fdopendir(readable.get());
  if (stream == nullptr) return Error::from_errno(errno, "read " + shown);
  static_cast<void>(readable.release());
  ScopeExit close([stream] { ::closedir(stream); });
  while (const auto* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const auto child_shown = shown + "/" + name;
    if (std::chrono::steady_clock::now() > walk.deadline) {
      return Error(ErrorCode::DeadlineExceeded,
                   child_shown + ": out of time, files remain; fsGroupChangePolicy: OnRootMismatch avoids this work");
    }
    const auto child = open_beneath(dir, name, O_PATH | O_NOFOLLOW, Links::Refuse, /*same_mount=*/true);
    if (!child) {
      if (errno == ENOENT || errno == EXDEV) continue;  // removed meanwhile, or another file system
      return Error::from_errno(errno, "open " + child_shown);
    }
    struct stat now = {};
    if (::fstat(child.get(), &now) != 0) return Error::from_errno(errno, "stat " + child_shown);
    if (S_ISDIR(now.st_mode)) {
      if (auto walked = walk_directory(child.get(), walk, child_shown, depth + 1); !walked) return walked;
    }
    if (auto changed = change(child.get(), now, walk, child_shown); !changed) return changed;
  }
  return Ok{};
}

}  // namespace

Result<std::optional<GroupOwner>> group_owner(const model::PodSecurity& security) {
  if (!security.fs_group) return std::optional<GroupOwner>();
  if (*security.fs_group < 0 || *security.fs_group >= std::numeric_limits<std::int32_t>::max()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("fsGroup {}: not a group id", *security.fs_group));
  }
  return std::optional(
      GroupOwner{static_cast<gid_t>(*security.fs_group), security.fs_group_change_policy == "OnRootMismatch"});
}

mode_t group_mode(mode_t mode, bool is_directory, bool read_only) {
  mode |= read_only ? 0440U : 0660U;
  if (is_directory) mode |= 02110U;
  return mode;
}

Status give_to_group(const std::filesystem::path& directory, const GroupOwner& owner, SteadyTime deadline) {
  const auto shown = directory.string();
  UniqueFd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return Error::from_errno(errno, "open " + shown);
  struct stat now = {};
  if (::fstat(root.get(), &now) != 0) return Error::from_errno(errno, "stat " + shown);
  if (owner.only_on_root_mismatch && is_right(now, owner)) return Ok{};
  const Walk walk{owner, deadline};
  if (auto walked = walk_directory(root.get(), walk, shown, 0); !walked) return walked;
  return change(root.get(), now, walk, shown);
}

}  // namespace berth::volumes
