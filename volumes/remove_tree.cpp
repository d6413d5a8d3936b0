// volumes/remove_tree.cpp - see remove_tree.hpp.
#include "volumes/remove_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "volumes/beneath.hpp"

namespace berth::volumes {
namespace {

constexpr unsigned kMaxDepth = 64;    // descriptors held at once
constexpr std::size_t kBatch = 1024;  // names held at once per level

/// Up to kBatch names in the directory, without "." and "..".
Result<std::vector<std::string>> some_names(int dir) {
  UniqueFd fresh(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fresh) return Error::from_errno(errno, "open");
  auto* stream = ::fdopendir(fresh.get());
  if (stream == nullptr) return Error::from_errno(errno, "read directory");
  static_cast<void>(fresh.release());  // the stream owns it now
  std::vector<std::string> names;
  while (names.size() < kBatch) {
    const auto* entry = ::readdir(stream);
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(stream);
  return names;
}

class Remover {
 public:
  Remover(int root, SteadyTime deadline) : root_(root), deadline_(deadline) {}

  Status clear(int dir, const std::string& shown, unsigned depth) {
    for (;;) {
      auto names = some_names(dir);
      if (!names) return names.error().context("remove " + shown);
      if (names->empty()) return Ok{};
      for (const auto& name : *names) {
        if (auto removed = remove(dir, name, shown + "/" + name, depth); !removed) return removed;
      }
    }
  }

  Status remove(int dir, const std::string& name, const std::string& shown, unsigned depth) {
    if (std::chrono::steady_clock::now() > deadline_) {
      return Error(ErrorCode::DeadlineExceeded, fmt::format("remove {}: out of time, the rest is still there", shown));
    }
    if (::unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return Ok{};
    if (errno == EBUSY) return mount_point(shown);
    if (errno != EISDIR) return Error::from_errno(errno, "remove " + shown);
    auto child = open_beneath(dir, name, O_RDONLY | O_DIRECTORY, Links::Refuse, /*same_mount=*/true);
    if (!child) {
      if (errno == ENOENT) return Ok{};
      if (errno == EXDEV) return mount_point(shown);
      return Error::from_errno(errno, "open " + shown);
    }
    if (depth >= kMaxDepth) {
      // Too deep to hold a descriptor per level: hang the rest below the root, whose loop will find it.
      const auto flat = fmt::format(".deep-{}-{}", ::getpid(), ++flattened_);
      if (::renameat(dir, name.c_str(), root_, flat.c_str()) == 0 || errno == ENOENT) return Ok{};
      return Error::from_errno(errno, "flatten " + shown);
    }
    if (auto cleared = clear(child.get(), shown, depth + 1); !cleared) return cleared;
    if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return Ok{};
    if (errno == ENOTEMPTY) return Ok{};  // somebody still writes: the caller's loop comes back, until the deadline
    if (errno == EBUSY) return mount_point(shown);
    return Error::from_errno(errno, "remove " + shown);
  }

 private:
  static Status mount_point(const std::string& shown) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("remove {}: something is mounted there", shown));
  }

  int root_;
  SteadyTime deadline_;
  unsigned flattened_ = 0;
};

}  // namespace

Status remove_tree(const std::filesystem::path& path, SteadyTime deadline) {
  UniqueFd parent(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent) {
    if (errno == ENOENT) return Ok{};
    return Error::from_errno(errno, "open " + path.parent_path().string());
  }
  return remove_tree(parent.get(), path.filename().string(), path, deadline);
}

Status remove_tree(int parent, const std::string& name, const std::filesystem::path& shown, SteadyTime deadline) {
  for (;;) {
    struct stat now = {};
    if (::fstatat(parent, name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return Ok{};
      return Error::from_errno(errno, "stat " + shown.string());
    }
    UniqueFd root;
    if (S_ISDIR(now.st_mode)) {
      root = open_beneath(parent, name, O_RDONLY | O_DIRECTORY, Links::Refuse, /*same_mount=*/true);
      if (!root && errno == EXDEV) {
        return Error(ErrorCode::FailedPrecondition,
                     fmt::format("remove {}: something is mounted there", shown.string()));
      }
    }
    Remover remover(root.get(), deadline);
    if (auto removed = remover.remove(parent, name, shown.string(), 0); !removed) return removed;
  }
}

Result<std::vector<std::string>> names_in(int directory, std::string_view prefix) {
  UniqueFd fresh(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto* stream = fresh ? ::fdopendir(fresh.get()) : nullptr;
  if (stream == nullptr) return Error::from_errno(errno, "read directory");
  static_cast<void>(fresh.release());  // the stream owns it now
  std::vector<std::string> names;
  errno = 0;
  while (const auto* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name.starts_with(prefix)) names.emplace_back(name);
  }
  const auto failure = errno;
  ::closedir(stream);
  if (failure != 0) return Error::from_errno(failure, "read directory");
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace berth::volumes
