// base/atomic_file.cpp - write beside, sync, rename.
#include "base/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"

namespace berth {
namespace {

Status write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno(errno, "write");
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return Ok{};
}

Status sync_directory(const std::filesystem::path& dir) {
  const UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return Error::from_errno(errno, "sync directory " + dir.native());
  return Ok{};
}

Status write_beside_and_rename(const std::filesystem::path& path, std::string_view content, mode_t mode,
                               Durability durability) {
  // Starts with a dot and ends in .tmp: no source of manifests reads it.
  static std::atomic<unsigned> counter{0};
  const auto dir = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const auto temporary = dir / fmt::format(".{}.{}-{}.tmp", path.filename().native(), ::getpid(), counter++);

  const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(errno, "open " + temporary.native());
  ScopeExit remove_temporary([&temporary] { ::unlink(temporary.c_str()); });
  if (auto written = write_all(fd.get(), content); !written) return written;
  if (::fchmod(fd.get(), mode) != 0) return Error::from_errno(errno, "set mode");
  if (durability == Durability::Durable && ::fsync(fd.get()) != 0) return Error::from_errno(errno, "sync");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return Error::from_errno(errno, "rename");
  remove_temporary.dismiss();
  if (durability == Durability::Durable) return sync_directory(dir);
  return Ok{};
}

}  // namespace

Status write_file(const std::filesystem::path& path, std::string_view content, mode_t mode, Durability durability) {
  auto done = write_beside_and_rename(path, content, mode, durability);
  if (!done) return std::move(done).error().context("write " + path.native());
  return Ok{};
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "open " + path.native());
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, "stat " + path.native());
  if (!S_ISREG(info.st_mode)) {
    return Error(ErrorCode::InvalidArgument, "read " + path.native() + ": not a regular file");
  }
  const auto too_large = [&] {
    return Error(ErrorCode::ResourceExhausted,
                 fmt::format("read {}: larger than the limit of {} bytes", path.native(), max_bytes));
  };
  if (static_cast<std::uintmax_t>(info.st_size) > max_bytes) return too_large();

  // The size is a hint: files of /proc say 0, others may grow while we read.
  std::string content;
  std::size_t used = 0;
  // A page at least: files of /proc/sys end after the first read, whatever it took.
  content.resize(std::max<std::size_t>(static_cast<std::size_t>(info.st_size) + 1, 4096));
  for (;;) {
    if (used == content.size()) content.resize(content.size() * 2 + 4096);
    const auto got = ::read(fd.get(), content.data() + used, content.size() - used);
    if (got < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno(errno, "read " + path.native());
    }
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (used > max_bytes) return too_large();
  }
  content.resize(used);
  return content;
}

Status make_directories(const std::filesystem::path& path, mode_t mode) {
  std::filesystem::path built;
  for (const auto& part : path.lexically_normal()) {
    built /= part;
    if (part.empty() || built == "/" || built == ".") continue;
    if (::mkdir(built.c_str(), mode) == 0) {
      // mkdir(2) applies the umask: say what was asked.
      if (::chmod(built.c_str(), mode) != 0) return Error::from_errno(errno, "set mode of " + built.native());
      continue;
    }
    const int failure = errno;
    struct stat info {};
    const bool is_directory = ::stat(built.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    if (!is_directory) {
      return Error::from_errno(failure == EEXIST ? ENOTDIR : failure, "make directory " + built.native());
    }
  }
  return Ok{};
}

}  // namespace berth
