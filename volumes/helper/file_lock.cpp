// volumes/helper/file_lock.cpp - see file_lock.hpp.
#include "volumes/helper/file_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::chrono::milliseconds kLookAgain{50};

/// Is what we locked still what the name means?
bool still_named(int fd, const std::filesystem::path& file) {
  struct stat mine = {};
  struct stat named = {};
  return ::fstat(fd, &mine) == 0 && ::stat(file.c_str(), &named) == 0 && mine.st_dev == named.st_dev &&
         mine.st_ino == named.st_ino;
}

Error busy(std::string_view what) {
  return {ErrorCode::Unavailable, fmt::format("{}: another process is still working on it", what)};
}

}  // namespace

Status lock_within(int fd, std::chrono::seconds patience, const std::function<void()>& on_wait) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (bool waited = false; ::flock(fd, LOCK_EX | LOCK_NB) != 0; waited = true) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Error::from_errno(errno, "flock");
    if (std::chrono::steady_clock::now() >= until) return Error(ErrorCode::Unavailable, "another process has the lock");
    if (!waited && on_wait) on_wait();
    std::this_thread::sleep_for(kLookAgain);
  }
  return Ok{};
}

Result<FileLock> FileLock::wait(const std::filesystem::path& file, std::string_view what,
                                std::chrono::seconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (auto made = make_directories(file.parent_path(), 0700); !made) return made.error();
    UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd && errno != ENOENT) return Error::from_errno(errno, "open " + file.string());
    // ENOENT: the directory was removed between the two calls.
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && still_named(fd.get(), file)) return FileLock(std::move(fd));
    if (std::chrono::steady_clock::now() >= until) return busy(what);
    std::this_thread::sleep_for(kLookAgain);
  }
}

Result<FileLock> FileLock::wait_directory(const std::filesystem::path& directory, std::string_view what,
                                          std::chrono::seconds patience) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return Error::from_errno(errno, "open " + directory.string());
  const auto locked = lock_within(fd.get(), patience);
  if (failed_with(locked, ErrorCode::Unavailable)) return busy(what);
  if (!locked) return locked.error().context("lock " + directory.string());
  return FileLock(std::move(fd));
}

Result<std::optional<FileLock>> FileLock::try_existing(const std::filesystem::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return std::optional<FileLock>();
    return Error::from_errno(errno, "open " + file.string());
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || !still_named(fd.get(), file)) return std::optional<FileLock>();
  return std::optional<FileLock>(FileLock(std::move(fd)));
}

}  // namespace berth::volumes::helper
