// volumes/helper/loop_device.cpp - see loop_device.hpp. ioctls: loop(4), linux/loop.h.
#include "volumes/helper/loop_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "base/unique_fd.hpp"

namespace berth::volumes::helper {
namespace {

constexpr unsigned kLoopMajor = 7;
/// Others take the free device that the kernel just named.
constexpr int kAttempts = 32;

std::filesystem::path loop_node(int number) { return fmt::format("/dev/loop{}", number); }

/// The node is made where nobody else does it (containers have no devtmpfs).
UniqueFd open_loop(int number, int flags) {
  const auto node = loop_node(number);
  UniqueFd fd(::open(node.c_str(), flags | O_CLOEXEC));
  if (fd || errno != ENOENT) return fd;
  if (::mknod(node.c_str(), S_IFBLK | 0660, makedev(kLoopMajor, static_cast<unsigned>(number))) != 0 && errno != EEXIST)
    return {};
  return UniqueFd(::open(node.c_str(), flags | O_CLOEXEC));
}

/// "loop3" -> 3; -1 for other names and partitions.
int loop_number(const std::string& name) {
  constexpr std::size_t kPrefix = 4;
  if (!name.starts_with("loop") || name.size() == kPrefix || name.size() > kPrefix + 6) return -1;
  if (!std::all_of(name.begin() + kPrefix, name.end(), [](char c) { return c >= '0' && c <= '9'; })) return -1;
  return std::stoi(name.substr(kPrefix));
}

bool has_file(int loop, const FileIdentity& file) {
  struct loop_info64 info = {};
  if (::ioctl(loop, LOOP_GET_STATUS64, &info) != 0) return false;
  return info.lo_device == file.device && info.lo_inode == file.inode && info.lo_offset == 0 && info.lo_sizelimit == 0;
}

/// Direct I/O is faster and keeps the pages from being cached twice; not every file system can.
void prefer_direct(int loop) { static_cast<void>(::ioctl(loop, LOOP_SET_DIRECT_IO, 1UL)); }

}  // namespace

Result<FileIdentity> file_identity(const std::filesystem::path& file) {
  struct stat now = {};
  if (::stat(file.c_str(), &now) != 0) return Error::from_errno(errno, "look for image " + file.string());
  if (!S_ISREG(now.st_mode)) {
    return Error(ErrorCode::InvalidArgument, fmt::format("{} is neither a block device nor an image", file.string()));
  }
  return FileIdentity{now.st_dev, now.st_ino};
}

Result<std::optional<std::filesystem::path>> find_loop(const FileIdentity& file) {
  std::error_code failure;
  const std::filesystem::directory_iterator devices("/sys/class/block", failure);
  if (failure) return Error::from_errno(failure.value(), "list /sys/class/block");
  for (const auto& device : devices) {
    const auto number = loop_number(device.path().filename().string());
    if (number < 0 || !std::filesystem::exists(device.path() / "loop", failure)) continue;
    const auto loop = open_loop(number, O_RDONLY | O_NONBLOCK);
    if (loop && has_file(loop.get(), file)) return std::optional(loop_node(number));
  }
  return std::optional<std::filesystem::path>();
}

Result<std::filesystem::path> attach_loop(const std::filesystem::path& image) {
  const auto doing = "attach " + image.string() + " to a loop device";
  const auto file = file_identity(image);
  if (!file) return file.error();
  const auto found = find_loop(*file);
  if (!found) return found.error();
  if (*found) {
    const UniqueFd loop(::open((*found)->c_str(), O_RDWR | O_CLOEXEC));
    if (loop) static_cast<void>(::ioctl(loop.get(), LOOP_SET_CAPACITY, 0UL));  // no change when the file has not grown
    return **found;
  }
  UniqueFd backing(::open(image.c_str(), O_RDWR | O_CLOEXEC));
  const auto read_only = !backing && (errno == EROFS || errno == EACCES || errno == EPERM);
  if (read_only) backing.reset(::open(image.c_str(), O_RDONLY | O_CLOEXEC));
  if (!backing) return Error::from_errno(errno, "open " + image.string());
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control) return Error::from_errno(errno, "open /dev/loop-control");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return Error::from_errno(errno, doing);
    const auto loop = open_loop(number, read_only ? O_RDONLY : O_RDWR);
    if (!loop) return Error::from_errno(errno, "open " + loop_node(number).string());
    struct loop_config config = {};
    config.fd = static_cast<__u32>(backing.get());
    if (read_only) config.info.lo_flags = LO_FLAGS_READ_ONLY;
    const auto name = image.string();
    std::copy_n(name.begin(), std::min<std::size_t>(name.size(), LO_NAME_SIZE - 1),
                reinterpret_cast<char*>(config.info.lo_file_name));
    if (::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) {
      prefer_direct(loop.get());
      return loop_node(number);
    }
    if (errno != EBUSY) return Error::from_errno(errno, doing);
  }
  return Error(ErrorCode::ResourceExhausted, doing + ": no free device");
}

Status detach_loop(const FileIdentity& file) {
  const auto found = find_loop(file);
  if (!found) return found.error();
  if (!*found) return Ok{};
  const UniqueFd loop(::open((*found)->c_str(), O_RDONLY | O_CLOEXEC));
  if (!loop) return Error::from_errno(errno, "open " + (*found)->string());
  if (!has_file(loop.get(), file)) return Ok{};
  // ENXIO: somebody else detached it just now.
  if (::ioctl(loop.get(), LOOP_CLR_FD) == 0 || errno == ENXIO) return Ok{};
  return Error::from_errno(errno, "detach " + (*found)->string());
}

}  // namespace berth::volumes::helper
