// cli/private_file.hpp - a file that only its owner reads, under its name as a whole or not at all.
#pragma once

#include <filesystem>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::cli {

/// Written beside its name, mode 0600, and renamed when it is whole. Destroyed before that, nothing of it is left.
class PrivateFile {
 public:
  /// Errors as of open(2).
  static Result<PrivateFile> make(std::filesystem::path file);
  ~PrivateFile();
  PrivateFile(PrivateFile&& other) noexcept
      : file_(std::move(other.file_)), half_(std::exchange(other.half_, {})), fd_(std::move(other.fd_)) {}
  PrivateFile& operator=(PrivateFile&&) = delete;

  int fd() const { return fd_.get(); }
  /// On disk, and under its name. Errors as of fsync(2) and rename(2); what had the name before is untouched then.
  Status keep();

 private:
  PrivateFile(std::filesystem::path file, std::filesystem::path half, UniqueFd fd)
      : file_(std::move(file)), half_(std::move(half)), fd_(std::move(fd)) {}

  std::filesystem::path file_;
  std::filesystem::path half_;  ///< Empty: moved away, or kept.
  UniqueFd fd_;
};

}  // namespace berth::cli
