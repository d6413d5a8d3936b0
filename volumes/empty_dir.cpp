// volumes/empty_dir.cpp - see empty_dir.hpp.
#include "volumes/empty_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "volumes/mounts.hpp"

namespace berth::volumes {
namespace {

constexpr mode_t kMode = 0777;
constexpr mode_t kMemoryMode = 01777;  // as tmpfs has it by itself, and with it in every kubelet's pods

mode_t mode_for(mode_t mode, const std::optional<GroupOwner>& owner) {
  return owner ? group_mode(mode, /*is_directory=*/true, /*read_only=*/false) : mode;
}

Result<std::filesystem::path> on_disk(const PodDirs& dirs, const std::string& name,
                                      const std::optional<GroupOwner>& owner) {
  if (auto made = make_private(dirs.empty_dirs); !made) return made.error();
  const auto target = dirs.empty_dirs / name;
  struct stat now = {};
  if (::lstat(target.c_str(), &now) == 0) {
    if (S_ISDIR(now.st_mode)) return target;
    return Error(ErrorCode::FailedPrecondition, fmt::format("{} is not a directory", target.string()));
  }
  // Made under another name first: the pod may change the mode later, so "exists" has to mean "complete".
  const auto fresh = dirs.empty_dirs / (".new-" + name);
  if (::mkdir(fresh.c_str(), 0700) != 0 && errno != EEXIST) return Error::from_errno(errno, "make " + fresh.string());
  if (owner && ::chown(fresh.c_str(), static_cast<uid_t>(-1), owner->gid) != 0) {
    return Error::from_errno(errno, "change the group of " + fresh.string());
  }
  if (::chmod(fresh.c_str(), mode_for(kMode, owner)) != 0)
    return Error::from_errno(errno, "change the mode of " + fresh.string());
  if (std::rename(fresh.c_str(), target.c_str()) != 0) return Error::from_errno(errno, "make " + target.string());
  return target;
}

}  // namespace

std::optional<std::int64_t> memory_size(const model::PodSpec& spec, const model::EmptyDirSource& source) {
  std::optional<std::int64_t> size;
  if (source.size_limit && !source.size_limit->is_zero()) size = source.size_limit->value();
  std::int64_t limits = 0;
  for (const auto& container : spec.containers) {
    const auto limit = container.resources.limits.find("memory");
    if (limit == container.resources.limits.end()) return size;
    limits += limit->second.value();
  }
  if (limits > 0 && (!size || limits < *size)) size = limits;
  return size;
}

Result<std::filesystem::path> make_empty_dir(const PodDirs& dirs, const model::PodSpec& spec, const std::string& name,
                                             const model::EmptyDirSource& source,
                                             const std::optional<GroupOwner>& owner) {
  if (source.medium.empty()) return on_disk(dirs, name, owner);
  if (source.medium != "Memory") {
    return Error(ErrorCode::Unimplemented,
                 fmt::format("emptyDir.medium \"{}\": only \"\" and \"Memory\"", source.medium));
  }
  if (auto made = make_private(dirs.volumes); !made) return made.error();
  const auto target = dirs.memory / name;
  auto options = fmt::format("mode={:o}", mode_for(kMemoryMode, owner));
  if (owner) options += fmt::format(",gid={}", owner->gid);
  if (const auto size = memory_size(spec, source)) options += fmt::format(",size={}", *size);
  if (auto mounted = mount_tmpfs(target, options); !mounted) return mounted.error();
  return target;
}

}  // namespace berth::volumes
