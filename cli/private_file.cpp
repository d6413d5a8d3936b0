// cli/private_file.cpp - see private_file.hpp.
#include "cli/private_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

namespace berth::cli {

Result<PrivateFile> PrivateFile::make(std::filesystem::path file) {
  auto half = file.parent_path() / fmt::format(".{}.{}", file.filename().string(), ::getpid());
  UniqueFd fd{::open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!fd) return Error::from_errno(errno, "make " + half.string());
  return PrivateFile(std::move(file), std::move(half), std::move(fd));
}

PrivateFile::~PrivateFile() {
  if (!half_.empty()) ::unlink(half_.c_str());
}

Status PrivateFile::keep() {
  if (::fsync(fd_.get()) != 0) return Error::from_errno(errno, "fsync " + half_.string());
  if (::rename(half_.c_str(), file_.c_str()) != 0) {
    return Error::from_errno(errno, fmt::format("rename {} to {}", half_.string(), file_.string()));
  }
  half_.clear();
  return Ok{};
}

}  // namespace berth::cli
