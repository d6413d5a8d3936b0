// volumes/mounts.cpp - see mounts.hpp.
#include "volumes/mounts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <cerrno>

#include "base/atomic_file.hpp"
#include "base/mount_table.hpp"
#include "base/unique_fd.hpp"

namespace berth::volumes {

Result<bool> is_mounted(const std::filesystem::path& target) {
  const auto table = MountTable::read();
  if (!table) return table.error();
  return table->find(target.string()) != nullptr;
}

Result<bool> in_memory(const std::filesystem::path& directory) {
  struct statfs now = {};
  if (::statfs(directory.c_str(), &now) != 0) return Error::from_errno(errno, "statfs " + directory.string());
  return now.f_type == TMPFS_MAGIC || now.f_type == RAMFS_MAGIC;
}

Status mount_tmpfs(const std::filesystem::path& target, const std::string& options) {
  if (auto made = make_directories(target, 0755); !made) return made;
  const auto mounted = is_mounted(target);
  if (!mounted) return mounted.error();
  if (*mounted) return Ok{};
  if (::mount("tmpfs", target.c_str(), "tmpfs", MS_NODEV | MS_NOSUID, options.c_str()) != 0) {
    return Error::from_errno(errno, fmt::format("mount tmpfs at {} with {}", target.string(), options));
  }
  return Ok{};
}

Status bind_descriptor(int source, const std::filesystem::path& target, bool read_only) {
  UniqueFd tree(::open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree) return Error::from_errno(errno, "clone mount for " + target.string());
  // Detached and not yet visible: the attributes are set before anybody can see it. Kernel 5.12, mount_setattr(2).
  struct mount_attr attributes = {};
  attributes.attr_set = read_only ? MOUNT_ATTR_RDONLY : 0U;
  attributes.propagation = MS_PRIVATE;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return Error::from_errno(errno, "set mount attributes for " + target.string());
  }
  if (::move_mount(tree.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return Error::from_errno(errno, "mount at " + target.string());
  }
  return Ok{};
}

Status unmount_below(const std::filesystem::path& directory) {
  constexpr int kRounds = 3;
  for (int round = 0; round < kRounds; ++round) {
    const auto table = MountTable::read();
    if (!table) return table.error();
    const auto mounts = table->below(directory.string());
    if (mounts.empty()) return Ok{};
    for (const auto& mount : mounts) {
      // EINVAL, ENOENT: no longer mounted.
      if (::umount2(mount.target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
        return Error::from_errno(errno, "unmount " + mount.target);
      }
    }
  }
  const auto table = MountTable::read();
  if (!table) return table.error();
  if (table->below(directory.string()).empty()) return Ok{};
  return Error(ErrorCode::Unavailable, fmt::format("unmount {}: something is mounted there again", directory.string()));
}

}  // namespace berth::volumes
