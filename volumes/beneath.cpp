// volumes/beneath.cpp - see beneath.hpp.
#include "volumes/beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace berth::volumes {

UniqueFd open_beneath(int dir, const std::string& path, int flags, Links links, bool same_mount) {
  constexpr int kAttempts = 16;
  struct open_how how = {};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (links == Links::Refuse) how.resolve |= RESOLVE_NO_SYMLINKS;
  if (same_mount) how.resolve |= RESOLVE_NO_XDEV;
  // EAGAIN: the kernel could not prove that ".." in a link stayed beneath while something was renamed.
  for (int attempt = 0;; ++attempt) {
    UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how)));
    if (fd || errno != EAGAIN || attempt == kAttempts) return fd;
  }
}

Result<UniqueFd> open_directory(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "open directory " + path.string());
  return fd;
}

}  // namespace berth::volumes
