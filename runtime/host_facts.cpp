// runtime/host_facts.cpp - see host_facts.hpp.
#include "runtime/host_facts.hpp"

#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_address.hpp"

namespace berth::runtime {
namespace {

constexpr unsigned kCapSysResource = 24;
constexpr std::size_t kMaxDevices = 4096;

Result<pid_t> peer_of(const std::string& socket_path) {
  const auto doing = "connect to containerd at " + socket_path;
  const auto address = unix_address(socket_path);
  if (!address) return Error(ErrorCode::InvalidArgument, doing + ": path too long");
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, doing);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return Error(ErrorCode::Unavailable, Error::from_errno(errno, doing).message());
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return Error::from_errno(errno, doing);
  return peer.pid;
}

/// The number after `label` in the text of a proc file.
template <typename Number>
Number number_after(std::string_view text, std::string_view label, int base, Number fallback) {
  const auto at = text.find(label);
  if (at == std::string_view::npos) return fallback;
  text.remove_prefix(at + label.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  Number value = fallback;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

}  // namespace

Result<HostFacts> read_host_facts(const std::string& containerd_socket) {
  const auto peer = peer_of(containerd_socket);
  if (!peer) return peer.error();
  auto proc = *peer > 0 ? fmt::format("/proc/{}", *peer) : std::string("/proc/self");
  auto status = read_file(proc + "/status");
  if (!status) {
    proc = "/proc/self";
    status = read_file(proc + "/status");
    if (!status) return status.error().context("read capabilities");
  }
  HostFacts facts;
  facts.capabilities = number_after<std::uint64_t>(*status, "CapBnd:", 16, 0);

  struct statfs cgroup {};
  facts.cgroup_v2 = ::statfs("/sys/fs/cgroup", &cgroup) == 0 && cgroup.f_type == CGROUP2_SUPER_MAGIC;

  facts.recursive_read_only = ::syscall(SYS_mount_setattr, -1, nullptr, 0U, nullptr, 0UL) != 0 && errno != ENOSYS;

  if (const auto memory = read_file("/proc/meminfo")) {
    facts.memory_bytes = number_after<std::int64_t>(*memory, "MemTotal:", 10, 0) * 1024;
  }
  facts.oom_score_floor = -1000;
  if ((facts.capabilities >> kCapSysResource & 1U) == 0) {
    const auto own = read_file(proc + "/oom_score_adj");
    facts.oom_score_floor = own ? number_after<std::int32_t>(*own, "", 10, 0) : 0;
  }
  return facts;
}

namespace {

DeviceNode node_of(std::string path, const struct stat& info) {
  return {.path = std::move(path),
          .type = S_ISCHR(info.st_mode) ? 'c' : 'b',
          .major = static_cast<std::int64_t>(major(info.st_rdev)),
          .minor = static_cast<std::int64_t>(minor(info.st_rdev)),
          .mode = info.st_mode & 07777U,
          .uid = info.st_uid,
          .gid = info.st_gid};
}

}  // namespace

Result<DeviceNode> device_at(const std::string& source, const std::string& target) {
  struct stat info {};
  if (::stat(source.c_str(), &info) != 0) return Error::from_errno(errno, "look at device " + source);
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) return node_of(target, info);
  return Error(ErrorCode::InvalidArgument, source + " is not a device");
}

std::vector<DeviceNode> list_devices() {
  namespace fs = std::filesystem;
  constexpr std::array<std::string_view, 5> kSkippedFolders{"pts", "shm", "fd", "mqueue", "lxc"};
  std::vector<DeviceNode> devices;
  std::error_code error;
  for (fs::recursive_directory_iterator it("/dev", fs::directory_options::skip_permission_denied, error), end;
       !error && it != end && devices.size() < kMaxDevices; it.increment(error)) {
    const auto& path = it->path();
    const auto name = path.filename().string();
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) {
      if (std::find(kSkippedFolders.begin(), kSkippedFolders.end(), name) != kSkippedFolders.end()) {
        it.disable_recursion_pending();
      }
      continue;
    }
    if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) continue;
    if (name == "console" || name == "ptmx") continue;
    devices.push_back(node_of(path.string(), info));
  }
  return devices;
}

}  // namespace berth::runtime
