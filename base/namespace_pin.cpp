// base/namespace_pin.cpp - unshare(2), bind mounts of /proc/thread-self/ns.
#include "base/namespace_pin.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/mount_table.hpp"

namespace berth {

const NamespaceKind kNetworkNamespace{CLONE_NEWNET, "net", "a network namespace"};
const NamespaceKind kIpcNamespace{CLONE_NEWIPC, "ipc", "an IPC namespace"};

Status prepare_pin_dir(const std::filesystem::path& dir) {
  if (auto made = make_directories(dir, 0755); !made) return made;
  std::error_code failure;
  const auto real = std::filesystem::canonical(dir, failure);  // The mount table has no symbolic links.
  if (failure) return Error::from_errno(failure.value(), "resolve " + dir.native());
  const auto mounts = MountTable::read();
  if (!mounts) return mounts.error();
  if (mounts->find(real.native()) == nullptr &&
      ::mount(real.c_str(), real.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return Error::from_errno(errno, fmt::format("bind {} to itself", dir.native()));
  }
  if (::mount(nullptr, real.c_str(), nullptr, MS_SHARED | MS_REC, nullptr) != 0) {
    return Error::from_errno(errno, fmt::format("share the mount {}", dir.native()));
  }
  return Ok{};
}

Status on_own_thread(const std::function<Status()>& work) {
  Status result = Ok{};
  try {
    std::thread([&] { result = work(); }).join();
  } catch (const std::system_error& failure) {
    return Error::from_errno(failure.code().value(), "start a thread");
  }
  return result;
}

Status enter_and_pin_new(const NamespaceKind& kind, const std::filesystem::path& path,
                         const std::function<Status()>& inside) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0444));
  if (!file) return Error::from_errno(errno, "make " + path.native());
  if (::unshare(kind.flag) != 0) return Error::from_errno(errno, fmt::format("make {}", kind.noun));
  if (inside) {
    if (auto done = inside(); !done) return done;
  }
  const auto own = fmt::format("/proc/thread-self/ns/{}", kind.file);
  if (::mount(own.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return Error::from_errno(errno, fmt::format("pin {} at {}", kind.noun, path.native()));
  }
  return Ok{};
}

Result<UniqueFd> open_pin(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error::from_errno(errno, "open " + path.native());
  return fd;
}

std::optional<std::uint64_t> namespace_inode(int fd) {
  struct statfs file_system {};
  struct stat info {};
  if (::fstatfs(fd, &file_system) != 0 || file_system.f_type != NSFS_MAGIC || ::fstat(fd, &info) != 0)
    return std::nullopt;
  return info.st_ino;
}

std::optional<std::uint64_t> pinned_namespace(const std::filesystem::path& path) {
  const auto fd = open_pin(path);
  return fd ? namespace_inode(fd->get()) : std::nullopt;
}

Status remove_pin(const std::filesystem::path& path) {
  // Until nothing is mounted there: an agent killed between two mounts may have stacked them.
  while (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT) return Error::from_errno(errno, "unpin the namespace at " + path.native());
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno(errno, "remove " + path.native());
  return Ok{};
}

}  // namespace berth
