// volumes/helper/block_device.cpp - see block_device.hpp.
#include "volumes/helper/block_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "base/mount_table.hpp"
#include "base/unique_fd.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::chrono::milliseconds kLookAgain{100};
/// A program that was just killed gives its device back a moment later.
constexpr std::chrono::seconds kLastUserGoes{3};
// A multipathd with much to do takes its time, and a path that is mounted by itself can be in no map any more.
constexpr std::chrono::seconds kMapComes{60};

/// Where the device is mounted, for a message.
std::string mounted_where(const std::filesystem::path& node) {
  const auto number = device_number(node);
  const auto table = MountTable::read();
  if (!number || !table) return {};
  const auto& entries = table->entries();
  const auto mount =
      std::find_if(entries.begin(), entries.end(), [&number](const auto& each) { return each.device == *number; });
  return mount == entries.end() ? std::string() : fmt::format(", mounted at {}", mount->target);
}

}  // namespace

Result<std::filesystem::path> block_node(const std::filesystem::path& path) {
  std::error_code failure;
  auto node = std::filesystem::canonical(path, failure);
  if (failure) return Error::from_errno(failure.value(), fmt::format("look for device {}", path.string()));
  struct stat now = {};
  if (::stat(node.c_str(), &now) != 0) return Error::from_errno(errno, "stat " + node.string());
  if (!S_ISBLK(now.st_mode)) {
    return Error(ErrorCode::InvalidArgument, fmt::format("{} is not a block device", path.string()));
  }
  return node;
}

Result<std::string> device_number(const std::filesystem::path& node) {
  struct stat now = {};
  if (::stat(node.c_str(), &now) != 0) return Error::from_errno(errno, "stat " + node.string());
  return fmt::format("{}:{}", major(now.st_rdev), minor(now.st_rdev));
}

Result<std::uint64_t> device_bytes(const std::filesystem::path& node) {
  const UniqueFd fd(::open(node.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error::from_errno(errno, "open " + node.string());
  struct stat now = {};
  if (::fstat(fd.get(), &now) != 0) return Error::from_errno(errno, "stat " + node.string());
  if (S_ISREG(now.st_mode)) return static_cast<std::uint64_t>(now.st_size);
  std::uint64_t bytes = 0;
  if (::ioctl(fd.get(), BLKGETSIZE64, &bytes) != 0) return Error::from_errno(errno, "ask the size of " + node.string());
  return bytes;
}

Result<bool> in_use(const std::filesystem::path& node) {
  const UniqueFd fd(::open(node.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK));
  if (fd) return false;
  if (errno == EBUSY) return true;
  return Error::from_errno(errno, "open " + node.string());
}

Status want_unused(const std::filesystem::path& node) {
  const auto until = std::chrono::steady_clock::now() + kLastUserGoes;
  for (;;) {
    const auto used = in_use(node);
    if (!used) return used.error();
    if (!*used) return Ok{};
    if (std::chrono::steady_clock::now() >= until) break;
    std::this_thread::sleep_for(kLookAgain);
  }
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("device {} is in use elsewhere{}", node.string(), mounted_where(node)));
}

std::optional<std::filesystem::path> multipath_holder(const std::string& disk, const std::filesystem::path& sys) {
  std::error_code failure;
  const auto holders = sys / "class/block" / disk / "holders";
  for (const auto& holder : std::filesystem::directory_iterator(holders, failure)) {
    const auto name = holder.path().filename().string();
    const auto uuid = read_file(sys / "class/block" / name / "dm/uuid", 4096);
    if (!uuid || !uuid->starts_with("mpath-")) continue;
    // By its name, which tells an administrator more than a number does.
    auto label = read_file(sys / "class/block" / name / "dm/name", 4096).value_or("");
    std::erase(label, '\n');
    const auto mapped = std::filesystem::path("/dev/mapper") / label;
    std::error_code absent;
    if (!label.empty() && std::filesystem::exists(mapped, absent)) return mapped;
    return std::filesystem::path("/dev") / name;
  }
  return std::nullopt;
}

bool multipathd_runs() {
  constexpr std::string_view kName = "/org/kernel/linux/storage/multipathd";
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::copy(kName.begin(), kName.end(), address.sun_path + 1);  // abstract: begins with a zero byte
  const auto size = offsetof(sockaddr_un, sun_path) + 1 + kName.size();
  return fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) == 0;
}

std::filesystem::path through_multipath(const std::string& disk, bool several_paths) {
  if (auto map = multipath_holder(disk)) return *map;
  if (several_paths && multipathd_runs()) {
    say_doing(fmt::format("wait for the multipath map of {}", disk), kMapComes * 2);
    const auto until = std::chrono::steady_clock::now() + kMapComes;
    while (std::chrono::steady_clock::now() < until) {
      if (auto map = multipath_holder(disk)) return *map;
      std::this_thread::sleep_for(kLookAgain);
    }
  }
  return std::filesystem::path("/dev") / disk;
}

}  // namespace berth::volumes::helper
