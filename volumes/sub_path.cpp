// volumes/sub_path.cpp - see sub_path.hpp. The attacks this stands against: CVE-2017-1002101, CVE-2021-25741.
#include "volumes/sub_path.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/mount_table.hpp"
#include "volumes/beneath.hpp"
#include "volumes/mounts.hpp"
#include "volumes/names.hpp"
#include "volumes/network_mounts.hpp"

namespace berth::volumes {
namespace {

constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxComponents = 100;
constexpr int kMaxMountIndex = 10'000;

Error bad(const std::string& sub_path, std::string_view why) {
  return {ErrorCode::InvalidArgument, fmt::format("subPath \"{}\": {}", sub_path, why)};
}

/// Components without "." and doubled slashes; none of them is "..".
Result<std::vector<std::string>> split(const std::string& sub_path) {
  if (sub_path.size() >= kMaxPath) return bad(sub_path.substr(0, 100), "must be shorter than 4096 bytes");
  if (sub_path.find('\0') != std::string::npos) return bad(sub_path.c_str(), "must not contain a zero byte");
  if (!sub_path.empty() && sub_path.front() == '/') return bad(sub_path, "must be relative");
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= sub_path.size()) {
    const auto end = std::min(sub_path.find('/', begin), sub_path.size());
    auto part = sub_path.substr(begin, end - begin);
    begin = end + 1;
    if (part == "..") return bad(sub_path, "must not contain \"..\"");
    if (part.empty() || part == ".") continue;
    parts.push_back(std::move(part));
    if (parts.size() > kMaxComponents) return bad(sub_path, "has more than 100 components");
  }
  return parts;
}

Error walk_error(int error, const std::string& sub_path, const std::string& part) {
  if (error == ELOOP) return bad(sub_path, fmt::format("\"{}\" is a symbolic link", part));
  if (error == ENOTDIR) return bad(sub_path, fmt::format("\"{}\" or what is before it is not a directory", part));
  if (error == EXDEV) return bad(sub_path, fmt::format("\"{}\" leaves the volume", part));
  return Error::from_errno(error, fmt::format("subPath \"{}\": open \"{}\"", sub_path, part));
}

/// Opens one component, making a directory of `mode` when nothing is there.
Result<UniqueFd> step(int dir, const std::string& part, bool last, mode_t mode, const std::string& sub_path) {
  const int flags = last ? O_PATH : O_PATH | O_DIRECTORY;
  constexpr int kAttempts = 8;  // against somebody who makes and removes it all the time
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto fd = open_beneath(dir, part, flags, Links::Refuse)) return fd;
    if (errno != ENOENT) return walk_error(errno, sub_path, part);
    if (::mkdirat(dir, part.c_str(), mode & 0777U) != 0) {
      if (errno == EEXIST) continue;
      return Error::from_errno(errno, fmt::format("subPath \"{}\": make directory \"{}\"", sub_path, part));
    }
    // The umask took bits away. By descriptor: the name may be somebody else's by now.
    const auto made = open_beneath(dir, part, O_RDONLY | O_DIRECTORY, Links::Refuse);
    if (made && ::fchmod(made.get(), mode) != 0) {
      return Error::from_errno(errno, fmt::format("subPath \"{}\": change the mode of \"{}\"", sub_path, part));
    }
  }
  return Error(ErrorCode::Unavailable, fmt::format("subPath \"{}\": \"{}\" comes and goes", sub_path, part));
}

/// Is `path` a direct child of `parent`?
bool is_child(const std::filesystem::path& path, const std::filesystem::path& parent) {
  return path.lexically_normal().parent_path() == parent.lexically_normal();
}

/// An empty directory of the pod, for a subPath that a written volume does not have.
Result<UniqueFd> open_nothing(const PodDirs& dirs) {
  if (auto made = make_private(dirs.volumes); !made) return made.error();
  const auto nothing = dirs.volumes / "nothing";
  if (::mkdir(nothing.c_str(), 0755) != 0 && errno != EEXIST) {
    return Error::from_errno(errno, "make directory " + nothing.string());
  }
  return open_directory(nothing);
}

/// A place to mount over: a directory or an empty file, as the source is one or not.
Status make_target(const std::filesystem::path& target, bool directory) {
  struct stat now = {};
  if (::lstat(target.c_str(), &now) == 0) {
    if (S_ISDIR(now.st_mode) == directory) return Ok{};
    const auto removed = S_ISDIR(now.st_mode) ? ::rmdir(target.c_str()) : ::unlink(target.c_str());
    if (removed != 0) return Error::from_errno(errno, "remove " + target.string());
  }
  if (directory) {
    if (::mkdir(target.c_str(), 0755) != 0) return Error::from_errno(errno, "make directory " + target.string());
    return Ok{};
  }
  const UniqueFd fd(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) return Error::from_errno(errno, "create " + target.string());
  return Ok{};
}

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

Result<UniqueFd> open_sub_path(const std::filesystem::path& volume, const std::string& sub_path) {
  const auto parts = split(sub_path);
  if (!parts) return parts.error();
  // The volume itself is named by the manifest or made by us: links on the way to it are the administrator's.
  UniqueFd here(::open(volume.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!here) {
    if (errno == ENOTDIR) return bad(sub_path, "the volume is a file");
    return Error::from_errno(errno, "open volume " + volume.string());
  }
  struct stat root = {};
  if (::fstat(here.get(), &root) != 0) return Error::from_errno(errno, "stat volume " + volume.string());
  for (std::size_t i = 0; i < parts->size(); ++i) {
    auto next = step(here.get(), (*parts)[i], i + 1 == parts->size(), root.st_mode & 07777U, sub_path);
    if (!next) return next.error();
    here = std::move(*next);
  }
  return here;
}

Result<UniqueFd> open_written_path(const std::filesystem::path& volume, const std::string& sub_path) {
  const auto parts = split(sub_path);
  if (!parts) return parts.error();
  auto root = open_directory(volume);
  if (!root || parts->empty()) return root;
  std::string path;
  for (const auto& part : *parts) path += path.empty() ? part : "/" + part;
  auto found = open_beneath(root->get(), path, O_PATH, Links::StayBeneath);
  if (!found) return walk_error(errno, sub_path, path);
  return found;
}

Result<std::filesystem::path> pin_sub_path(const PodDirs& dirs, const std::string& container, int mount_index,
                                           const std::filesystem::path& volume, const std::string& sub_path) {
  if (auto checked = check_name("container", container); !checked) return checked.error();
  if (mount_index < 0 || mount_index > kMaxMountIndex) return bad(sub_path, fmt::format("mount index {}", mount_index));
  const auto table = MountTable::read();
  if (!table) return table.error();
  const auto network = network_mount_on(volume, *table);
  if (!network) return network.error();
  if (*network) {
    return Error(ErrorCode::Unimplemented,
                 fmt::format("subPath \"{}\": not on a network file system ({})", sub_path, **network));
  }

  const auto written = is_child(volume, dirs.files);
  auto source = written ? open_written_path(volume, sub_path) : open_sub_path(volume, sub_path);
  if (written && failed_with(source, ErrorCode::NotFound)) source = open_nothing(dirs);
  if (!source) return source.error();
  struct stat wanted = {};
  if (::fstat(source->get(), &wanted) != 0) return Error::from_errno(errno, "stat subPath " + sub_path);
  if (S_ISLNK(wanted.st_mode)) return bad(sub_path, "is a symbolic link");

  const auto parent = dirs.subpaths / container;
  if (auto made = make_private(dirs.subpaths); !made) return made.error();
  if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) return Error::from_errno(errno, "make " + parent.string());
  const auto target = parent / std::to_string(mount_index);
  if (table->find(target.string()) != nullptr) {
    struct stat pinned = {};
    if (::lstat(target.c_str(), &pinned) == 0 && same_file(pinned, wanted)) return target;
    if (auto unmounted = unmount_below(target); !unmounted) return unmounted.error();  // the file was replaced
  }
  if (auto made = make_target(target, S_ISDIR(wanted.st_mode)); !made) return made.error();
  if (auto bound = bind_descriptor(source->get(), target, /*read_only=*/written); !bound) {
    return bound.error().context(fmt::format("subPath \"{}\"", sub_path));
  }
  return target;
}

}  // namespace berth::volumes
