// network/netns.cpp - setns(2).
#include "network/netns.hpp"

#include <sched.h>

#include <cerrno>

#include "network/sysctl.hpp"

namespace berth::network {
namespace {

constexpr int kLoopbackIndex = 1;  // In every namespace the loopback is made first.

Status ignore_routers() {
  for (const auto* link : {"all", "default"}) {
    if (auto set = ignore_routers_on(link); !set) return set;
  }
  return Ok{};
}

Status enter(int fd) {
  if (::setns(fd, CLONE_NEWNET) != 0) return Error::from_errno(errno, "enter a network namespace");
  return Ok{};
}

}  // namespace

Result<Netns> open_or_make_netns(const std::filesystem::path& path) {
  UniqueFd fd;
  std::optional<Netlink> netlink;
  std::optional<std::uint64_t> inode;
  bool fresh = false;
  if (auto pin = open_pin(path)) {
    fd = std::move(*pin);
    inode = namespace_inode(fd.get());
  }
  auto done = on_own_thread([&]() -> Status {
    if (inode) {
      if (auto entered = enter(fd.get()); !entered) return entered;
    } else {
      if (auto made = enter_and_pin_new(kNetworkNamespace, path, ignore_routers); !made) return made;
      fresh = true;
      auto pin = open_pin(path);
      if (!pin) return std::move(pin).error();
      fd = std::move(*pin);
      inode = namespace_inode(fd.get());
    }
    auto opened = Netlink::open();  // For ever in this thread's namespace.
    if (!opened) return std::move(opened).error();
    netlink.emplace(std::move(*opened));
    return netlink->set_up(kLoopbackIndex);
  });
  if (done.ok() && !inode) done = Error(ErrorCode::Internal, "pinned file is not a namespace");
  if (!done) {
    if (fresh) static_cast<void>(remove_pin(path));
    return std::move(done).error().context("network namespace " + path.native());
  }
  return Netns{std::move(fd), std::move(*netlink), *inode, fresh};
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
