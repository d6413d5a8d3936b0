// api/http/socket_file.cpp - the unix socket that the API listens on.
#include "api/http/socket_file.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include <fmt/format.h>

#include "base/accounts.hpp"
#include "base/atomic_file.hpp"
#include "base/unix_address.hpp"

namespace berth::api {

namespace {

constexpr int kBacklog = 128;

Result<UniqueFd> make_socket(std::string_view doing) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, doing);
  return fd;
}

/// Removes what a dead server left. Success when nothing is in the way any more.
Status clear_dead_socket(const std::filesystem::path& path, const sockaddr_un& address, std::string_view doing) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? Status(Ok{}) : Status(Error::from_errno(errno, doing));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Error(ErrorCode::AlreadyExists, fmt::format("{}: a file that is not a socket is there", doing));
  }
  auto probe = make_socket(doing);
  if (!probe) return probe.error();
  const int connected = ::connect(probe->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // EAGAIN: its backlog is full, so somebody listens.
  if (connected == 0 || errno == EAGAIN) {
    return Error(ErrorCode::Unavailable, fmt::format("{}: another agent answers there", doing));
  }
  if (errno != ECONNREFUSED && errno != ENOENT) return Error::from_errno(errno, doing);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno(errno, doing);
  return Ok{};
}

/// The id of group `berth`, or -1 (chown(2): leave it) when there is none.
gid_t berth_group() {
  const auto groups = read_file("/etc/group");
  return groups ? find_group(*groups, "berth").value_or(static_cast<gid_t>(-1)) : static_cast<gid_t>(-1);
}

}  // namespace

Result<UniqueFd> listen_on(const std::filesystem::path& path) {
  const auto doing = fmt::format("listen on {}", path.string());
  const auto address = unix_address(path);
  if (!address) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("{}: a socket path may have at most {} bytes", doing, sizeof(sockaddr_un::sun_path) - 1));
  }
  if (auto cleared = clear_dead_socket(path, *address, doing); !cleared) return cleared.error();
  auto fd = make_socket(doing);
  if (!fd) return fd.error();
  // Nobody may connect before mode and group are right: listen(2) comes last, and until then connecting is refused.
  if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return Error::from_errno(errno, doing);
  }
  if (::chmod(path.c_str(), 0660) != 0) return Error::from_errno(errno, doing);
  // Without the right to give it away the owner's own group has to do.
  if (::chown(path.c_str(), static_cast<uid_t>(-1), berth_group()) != 0 && errno != EPERM) {
    return Error::from_errno(errno, doing);
  }
  if (::listen(fd->get(), kBacklog) != 0) return Error::from_errno(errno, doing);
  return fd;
}

Result<UniqueFd> listen_on(const std::filesystem::path& path, const KeptSockets& kept) {
  if (!kept.take) return listen_on(path);
  // By the file's number: a socket whose file was removed or replaced is reached by nobody.
  const auto name_of_file = [&]() -> std::string {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return {};
    return fmt::format("api-unix-{}-{}", info.st_dev, info.st_ino);
  };
  if (const auto name = name_of_file(); !name.empty()) {
    if (auto fd = kept.take(name); fd) return fd;
  }
  auto fd = make_beside(kept, [&] { return listen_on(path); });
  if (fd) kept.keep(name_of_file(), fd->get());
  return fd;
}

}  // namespace berth::api
