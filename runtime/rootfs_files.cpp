// runtime/rootfs_files.cpp - see rootfs_files.hpp.
#include "runtime/rootfs_files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "base/atomic_file.hpp"
#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxFile = 1024 * 1024;
constexpr std::string_view kPrefix = "rootfs-";

Result<UniqueFd> open_directory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "open " + path);
  return fd;
}

/// The root directory of the layers; the mount lives as long as the descriptor.
Result<UniqueFd> mount_layers(const std::string& layers, const std::filesystem::path& scratch) {
  if (auto made = make_directories(scratch, 0700); !made) return made.error();
  auto target = (scratch / (std::string(kPrefix) + "XXXXXX")).string();
  if (!::mkdtemp(target.data())) return Error::from_errno(errno, "mkdtemp " + target);
  const ScopeExit remove([&] { ::rmdir(target.c_str()); });
  const auto options = "lowerdir=" + layers;
  if (::mount("overlay", target.c_str(), "overlay", MS_RDONLY | MS_NODEV | MS_NOEXEC | MS_NOSUID, options.c_str()) !=
      0) {
    return Error::from_errno(errno, "mount the image's layers on " + target);
  }
  const ScopeExit detach([&] { ::umount2(target.c_str(), MNT_DETACH); });
  return open_directory(target);
}

Result<UniqueFd> open_root(const std::vector<SnapshotMount>& mounts, const std::filesystem::path& scratch) {
  if (mounts.size() != 1) return Error(ErrorCode::Unimplemented, "read the image's users: several mounts");
  const auto& mount = mounts.front();
  if (mount.type == "bind") return open_directory(mount.source);
  if (mount.type != "overlay") {
    return Error(ErrorCode::Unimplemented, "read the image's users: file system type " + mount.type);
  }
  constexpr std::string_view kLower = "lowerdir=";
  const auto lower = std::find_if(mount.options.begin(), mount.options.end(),
                                  [&](const auto& option) { return option.starts_with(kLower); });
  if (lower == mount.options.end())
    return Error(ErrorCode::Internal, "read the image's users: an overlay without lowerdir");
  const auto layers = lower->substr(kLower.size());
  // The upper directory of a new snapshot is empty; a single layer is a plain directory.
  if (layers.find(':') == std::string::npos) return open_directory(layers);
  return mount_layers(layers, scratch);
}

Result<std::string> read_inside(int root, const char* path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof how)));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::string();
    return Error::from_errno(errno, fmt::format("open /{} of the image", path));
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::string();
  std::string text;
  std::string buffer(16 * 1024, '\0');
  for (;;) {
    const auto count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0) return Error::from_errno(errno, fmt::format("read /{} of the image", path));
    if (count == 0) return text;
    text.append(buffer, 0, static_cast<std::size_t>(count));
    if (text.size() > kMaxFile) {
      return Error(ErrorCode::ResourceExhausted,
                   fmt::format("/{} of the image is larger than {} bytes", path, kMaxFile));
    }
  }
}

}  // namespace

Result<UserFiles> read_user_files(const std::vector<SnapshotMount>& mounts, const std::filesystem::path& scratch) {
  const auto root = open_root(mounts, scratch);
  if (!root) return root.error();
  auto passwd = read_inside(root->get(), "etc/passwd");
  if (!passwd) return passwd.error();
  auto group = read_inside(root->get(), "etc/group");
  if (!group) return group.error();
  return UserFiles{*std::move(passwd), *std::move(group)};
}

void clear_scratch(const std::filesystem::path& scratch) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(scratch, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().native().starts_with(kPrefix)) continue;
    ::umount2(it->path().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
    ::rmdir(it->path().c_str());
  }
}

}  // namespace berth::runtime
