// volumes/helper/file_lock.hpp - flock(2): keeps the children of two agents out of each other's way.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::volumes::helper {

/// Locks what is behind `fd`. `on_wait` is called once, when somebody else has it; it may be empty. Unavailable: still
/// after `patience`.
Status lock_within(int fd, std::chrono::seconds patience, const std::function<void()>& on_wait = {});

/// Holds the lock until destroyed, or until this process has ended.
class FileLock {
 public:
  /// Waits for the lock on `file`, which is made with its directory. The file may be removed by whoever holds it: then
  /// a new one is made. Unavailable: `what` is still being worked on by another process after `patience`.
  static Result<FileLock> wait(const std::filesystem::path& file, std::string_view what, std::chrono::seconds patience);

  /// The same for a directory that exists; NotFound when it does not.
  static Result<FileLock> wait_directory(const std::filesystem::path& directory, std::string_view what,
                                         std::chrono::seconds patience);

  /// Nothing when somebody else has it, or when there is no such file.
  static Result<std::optional<FileLock>> try_existing(const std::filesystem::path& file);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace berth::volumes::helper
