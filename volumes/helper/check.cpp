// volumes/helper/check.cpp - does a mounted file system answer?
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {

Answer check(const CheckJob& job) {
  constexpr std::chrono::seconds kAnswers{10};
  say_doing("look at " + job.target.string(), kAnswers);
  // statfs(2) may be answered from a cache, an attribute that must be fresh may not.
  struct statx now = {};
  if (::statx(AT_FDCWD, job.target.c_str(), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &now) != 0) {
    return Error::from_errno(errno, "look at " + job.target.string());
  }
  struct statfs room = {};
  if (::statfs(job.target.c_str(), &room) != 0) return Error::from_errno(errno, "statfs " + job.target.string());
  return json::object();
}

}  // namespace berth::volumes::helper
