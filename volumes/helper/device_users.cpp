// volumes/helper/device_users.cpp - see device_users.hpp.
#include "volumes/helper/device_users.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"
#include "volumes/host_registry.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> entries(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string first_line(const fs::path& file) {
  const auto text = read_file(file);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

fs::path sys_dir(dev_t device, const HostView& host) { return host.sys / "dev/block" / number_text(device); }

std::optional<dev_t> parse_number(const std::string& text) {
  unsigned major = 0;
  unsigned minor = 0;
  if (std::sscanf(text.c_str(), "%u:%u", &major, &minor) != 2) return std::nullopt;
  return makedev(major, minor);
}

bool is_device(const fs::path& path, dev_t device) {
  struct stat now = {};
  return ::stat(path.c_str(), &now) == 0 && S_ISBLK(now.st_mode) && now.st_rdev == device;
}

/// dm devices tell their name: "dm-3 (vg0-root)".
std::string holder_name(const fs::path& holder) {
  const auto name = holder.filename().string();
  const auto mapped = first_line(holder / "dm/name");
  return mapped.empty() ? name : fmt::format("{} ({})", name, mapped);
}

void add_mounts(dev_t device, const HostView& host, std::vector<std::string>& users) {
  const auto number = number_text(device);
  for (const auto& mount : host.mounts.entries()) {
    // btrfs shows a number of its own there: its devices are told by the source. Only device nodes are looked at.
    const auto by_source = mount.device != number && mount.source.starts_with("/dev/") && mount.fs_type == "btrfs" &&
                           is_device(mount.source, device);
    if (mount.device == number || by_source) users.push_back(fmt::format("mounted at {}", mount.target));
  }
}

void add_swap(dev_t device, const HostView& host, std::vector<std::string>& users) {
  std::string_view rest = host.swaps;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const fs::path path(line.substr(0, line.find_first_of(" \t")));
    if (path.is_absolute() && is_device(path, device)) users.emplace_back("swap space");
  }
}

void add_loops(dev_t device, const HostView& host, std::vector<std::string>& users) {
  for (const auto& block : entries(host.sys / "block")) {
    const auto backing = first_line(block / "loop/backing_file");
    if (backing.starts_with("/dev/") && is_device(backing, device)) {
      users.push_back(fmt::format("the disk behind /dev/{}", block.filename().string()));
    }
  }
}

void add_pods(dev_t device, const HostView& host, std::vector<std::string>& users) {
  for (const auto& run_dir : host.run_dirs) {
    for (const auto& pod : entries(run_dir / "pods")) {
      for (const auto& link : entries(pod / "devices")) {
        if (is_device(link, device)) {
          users.push_back(fmt::format("given to pod {} as {}", pod.filename().string(), link.filename().string()));
        }
      }
    }
  }
}

}  // namespace

Result<HostView> look_at_host(const fs::path& run_dir) {
  HostView host;
  auto mounts = MountTable::read();
  if (!mounts) return mounts.error();
  host.mounts = *std::move(mounts);
  // A kernel without swap has no such file.
  auto swaps = read_file("/proc/swaps");
  if (!swaps && swaps.error().code() != ErrorCode::NotFound) return swaps.error();
  host.swaps = swaps.value_or({});
  auto run_dirs = all_run_dirs(run_dir);
  if (!run_dirs) return run_dirs.error();
  host.run_dirs = *std::move(run_dirs);
  return host;
}

std::vector<std::string> partitions_of(dev_t device, const HostView& host) {
  std::vector<std::string> names;
  for (const auto& entry : entries(sys_dir(device, host))) {
    if (!first_line(entry / "partition").empty()) names.push_back(entry.filename().string());
  }
  return names;
}

std::vector<std::string> device_users(dev_t device, const HostView& host) {
  std::vector<std::string> users;
  add_mounts(device, host, users);
  add_swap(device, host, users);
  add_loops(device, host, users);
  add_pods(device, host, users);
  for (const auto& holder : entries(sys_dir(device, host) / "holders")) {
    users.push_back(fmt::format("part of {}", holder_name(holder)));
  }
  for (const auto& name : partitions_of(device, host)) {
    const auto number = parse_number(first_line(sys_dir(device, host) / name / "dev"));
    if (!number) continue;
    for (const auto& user : device_users(*number, host)) users.push_back(fmt::format("{} ({})", user, name));
  }
  return users;
}

std::vector<std::string> pods_and_mounts(dev_t device, const HostView& host, bool mounts) {
  std::vector<std::string> users;
  if (mounts) add_mounts(device, host, users);
  add_pods(device, host, users);
  return users;
}

Result<std::vector<std::string>> loops_of(const fs::path& image, const HostView& host) {
  struct stat file = {};
  if (::stat(image.c_str(), &file) != 0) return Error::from_errno(errno, fmt::format("look at {}", image.string()));
  std::vector<std::string> loops;
  for (const auto& block : entries(host.sys / "block")) {
    const auto name = block.filename().string();
    std::error_code failure;
    if (!name.starts_with("loop") || !fs::exists(block / "loop", failure)) continue;  // not in use
    const auto node = fmt::format("/dev/{}", name);
    const UniqueFd fd(::open(node.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct loop_info64 info = {};
    if (!fd || ::ioctl(fd.get(), LOOP_GET_STATUS64, &info) != 0) {
      if (errno == ENXIO || errno == ENOENT) continue;  // detached meanwhile
      return Error::from_errno(errno, fmt::format("look at {}", node));
    }
    if (info.lo_inode == file.st_ino && info.lo_device == file.st_dev) loops.push_back(node);
  }
  return loops;
}

Result<dev_t> block_number(const fs::path& device) {
  struct stat now = {};
  if (::stat(device.c_str(), &now) != 0) return Error::from_errno(errno, fmt::format("look at {}", device.string()));
  if (S_ISBLK(now.st_mode)) return now.st_rdev;
  return Error(ErrorCode::FailedPrecondition, fmt::format("{} is not a block device", device.string()));
}

std::string number_text(dev_t device) { return fmt::format("{}:{}", major(device), minor(device)); }

}  // namespace berth::volumes::helper
