// volumes/helper/unmount.cpp - see unmount.hpp.
#include "volumes/helper/unmount.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/clock.hpp"
#include "volumes/mounts.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::chrono::seconds kLastUserGoes{3};
constexpr std::chrono::milliseconds kLookAgain{100};
constexpr std::chrono::milliseconds kLookOften{5};
/// For a server that answers, to take what is still in the page cache.
constexpr std::chrono::seconds kWriteBack{10};

/// In the forked process. It may outlive the job: its own session, and none of the job's pipes.
[[noreturn]] void detach_and_end(const char* target) {
  ::setsid();
  const auto nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const auto fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, fd);
  ::umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
  ::_exit(0);
}

}  // namespace

Status unmount_really(const std::filesystem::path& target, std::string_view what) {
  const auto until = std::chrono::steady_clock::now() + kLastUserGoes;
  for (;;) {
    const auto mounted = is_mounted(target);
    if (!mounted) return mounted.error();
    if (!*mounted) return Ok{};
    if (::umount2(target.c_str(), UMOUNT_NOFOLLOW) == 0) continue;  // something else may be below it
    // EINVAL, ENOENT: somebody else was faster.
    const int failure = errno;
    if (failure != EBUSY && failure != EINVAL && failure != ENOENT) {
      return Error::from_errno(failure, "unmount " + target.string());
    }
    if (std::chrono::steady_clock::now() >= until) {
      return Error(ErrorCode::Unavailable,
                   fmt::format("unmount {}: a process still uses it at {}", what, target.string()));
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

Status unmount_lazily(const std::filesystem::path& target) {
  const auto writer = ::fork();
  if (writer < 0) return Error::from_errno(errno, "fork to unmount " + target.string());
  if (writer == 0) detach_and_end(target.c_str());
  const auto until = std::chrono::steady_clock::now() + kWriteBack;
  while (std::chrono::steady_clock::now() < until) {
    if (::waitpid(writer, nullptr, WNOHANG) != 0) break;
    std::this_thread::sleep_for(kLookOften);
  }
  const auto mounted = is_mounted(target);
  if (!mounted) return mounted.error();
  if (!*mounted) return Ok{};
  return Error(ErrorCode::Unavailable, fmt::format("unmount {}: it is still mounted", target.string()));
}

}  // namespace berth::volumes::helper
