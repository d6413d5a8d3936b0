// network/netns.cpp - unshare(2), setns(2), bind mounts of /proc/thread-self/ns/net.
#include "network/netns.hpp"

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
#include "base/scope_exit.hpp"
#include "network/sysctl.hpp"

namespace berth::network {
namespace {

constexpr int kLoopbackIndex = 1;  // In every namespace the loopback is made first.

// A thread that has changed its namespace is never used for anything else: it ends.
Status on_own_thread(const std::function<Status()>& work) {
  Status result = Ok{};
  try {
    std::thread([&] { result = work(); }).join();
  } catch (const std::system_error& failure) {
    return Error::from_errno(failure.code().value(), "start a thread");
  }
  return result;
}

std::optional<std::uint64_t> inode_if_netns(int fd) {
  struct statfs file_system {};
  struct stat info {};
  if (::fstatfs(fd, &file_system) != 0 || file_system.f_type != NSFS_MAGIC || ::fstat(fd, &info) != 0)
    return std::nullopt;
  return info.st_ino;
}

Result<UniqueFd> open_pin(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error::from_errno(errno, "open " + path.native());
  return fd;
}

// On a new thread: enters a new namespace and pins it.
Status make_here(const std::filesystem::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0444));
  if (!file) return Error::from_errno(errno, "make " + path.native());
  if (::unshare(CLONE_NEWNET) != 0) return Error::from_errno(errno, "make a network namespace");
  for (const auto* link : {"all", "default"}) {
    if (auto set = ignore_routers_on(link); !set) return set;
  }
  if (::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return Error::from_errno(errno, "pin a network namespace at " + path.native());
  }
  return Ok{};
}

Status enter(int fd) {
  if (::setns(fd, CLONE_NEWNET) != 0) return Error::from_errno(errno, "enter a network namespace");
  return Ok{};
}

}  // namespace

Status prepare_netns_dir(const std::filesystem::path& dir) {
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

std::optional<std::uint64_t> pinned_netns(const std::filesystem::path& path) {
  const auto fd = open_pin(path);
  return fd ? inode_if_netns(fd->get()) : std::nullopt;
}

Result<Netns> open_or_make_netns(const std::filesystem::path& path) {
  UniqueFd fd;
  std::optional<Netlink> netlink;
  std::optional<std::uint64_t> inode;
  bool fresh = false;
  if (auto pin = open_pin(path)) {
    fd = std::move(*pin);
    inode = inode_if_netns(fd.get());
  }
  auto done = on_own_thread([&]() -> Status {
    if (inode) {
      if (auto entered = enter(fd.get()); !entered) return entered;
    } else {
      if (auto made = make_here(path); !made) return made;
      fresh = true;
      auto pin = open_pin(path);
      if (!pin) return std::move(pin).error();
      fd = std::move(*pin);
      inode = inode_if_netns(fd.get());
    }
    auto opened = Netlink::open();  // For ever in this thread's namespace.
    if (!opened) return std::move(opened).error();
    netlink.emplace(std::move(*opened));
    return netlink->set_up(kLoopbackIndex);
  });
  if (done.ok() && !inode) done = Error(ErrorCode::Internal, "pinned file is not a namespace");
  if (!done) {
    if (fresh) static_cast<void>(remove_netns(path));
    return std::move(done).error().context("network namespace " + path.native());
  }
  return Netns{std::move(fd), std::move(*netlink), *inode, fresh};
}

Status remove_netns(const std::filesystem::path& path) {
  // Until nothing is mounted there: an agent killed between two mounts may have stacked them.
  while (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT) return Error::from_errno(errno, "unpin network namespace " + path.native());
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno(errno, "remove " + path.native());
  return Ok{};
}

Status run_in_netns(const std::filesystem::path& path, const std::function<void()>& work) {
  const auto fd = open_pin(path);
  if (!fd) return fd.error();
  return on_own_thread([&]() -> Status {
    auto entered = enter(fd->get());
    if (entered.ok()) work();
    return entered;
  });
}

}  // namespace berth::network
