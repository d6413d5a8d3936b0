// volumes/termination_log.cpp - see termination_log.hpp.
#include "volumes/termination_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/unique_fd.hpp"
#include "volumes/names.hpp"

namespace berth::volumes {

Result<std::filesystem::path> make_termination_log(const PodDirs& dirs, const std::string& container,
                                                   unsigned attempt) {
  if (auto checked = check_name("container", container); !checked) return checked.error();
  if (auto made = make_private(dirs.termination); !made) return made.error();
  auto path = dirs.termination / fmt::format("{}-{}", container, attempt);
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(errno, "create " + path.string());
  if (::fchmod(fd.get(), 0666) != 0) return Error::from_errno(errno, "change the mode of " + path.string());
  return path;
}

}  // namespace berth::volumes
