// volumes/helper/durable.cpp - see durable.hpp.
#include "volumes/helper/durable.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.hpp"

namespace berth::volumes::helper {

Status sync_directory(const std::filesystem::path& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return Error::from_errno(errno, fmt::format("sync {}", directory.string()));
  return Ok{};
}

Status make_durable_directory(const std::filesystem::path& directory, mode_t mode) {
  if (::mkdir(directory.c_str(), mode) == 0) return sync_directory(directory.parent_path());
  if (errno != EEXIST) return Error::from_errno(errno, fmt::format("make directory {}", directory.string()));
  struct stat there = {};
  if (::lstat(directory.c_str(), &there) != 0) {
    return Error::from_errno(errno, fmt::format("look at {}", directory.string()));
  }
  if (S_ISDIR(there.st_mode)) return Ok{};
  return Error(ErrorCode::FailedPrecondition, fmt::format("{} is not a directory", directory.string()));
}

}  // namespace berth::volumes::helper
