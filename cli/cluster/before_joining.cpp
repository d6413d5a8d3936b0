// cli/cluster/before_joining.cpp - see before_joining.hpp.
#include "cli/cluster/before_joining.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "base/unique_fd.hpp"
#include "cli/ages.hpp"

namespace berth::cli {
namespace {

// As etcd's own defaults, and host_config's.
constexpr std::uint16_t kClientPort = 2379;
constexpr std::uint16_t kPeerPort = 2380;

}  // namespace

Status is_free(const TcpAddress& address, const std::string& who) {
  const auto doing = "see whether " + address.text() + " is free";
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, doing);
  // As servers do it: what a process that has ended left behind keeps nobody out, see socket(7).
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(address.port);
  if (::inet_pton(AF_INET, address.host.c_str(), &own.sin_addr) != 1) {
    return Error(ErrorCode::InvalidArgument, doing + ": no address");
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0) return Ok{};
  if (errno != EADDRINUSE) return Error::from_errno(errno, doing);
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("another process listens on {}, where {} would (ss -ltnp): nothing was changed",
                           address.text(), who));
}

Result<std::uint64_t> free_bytes(const std::filesystem::path& directory) {
  struct statvfs disk {};
  for (auto at = directory; ::statvfs(at.c_str(), &disk) != 0; at = at.parent_path()) {
    if (errno != ENOENT || at == at.parent_path())
      return Error::from_errno(errno, "look at the disk of " + at.native());
  }
  return std::uint64_t{disk.f_bfree} * disk.f_frsize;
}

Status has_room(const std::filesystem::path& data, std::uint64_t free) {
  if (free >= kRoomOfMember) return Ok{};
  constexpr std::uint64_t kMebibyte = 1024ULL * 1024;
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("{} MiB are free where {} would be, and a member of the etcd needs {}: make room, or join "
                           "with --member no",
                           free / kMebibyte, data.native(), kRoomOfMember / kMebibyte));
}

Status has_place_for_member(const std::string& host, const std::filesystem::path& data) {
  for (const auto& place :
       {TcpAddress{host, kClientPort}, TcpAddress{"127.0.0.1", kClientPort}, TcpAddress{host, kPeerPort}}) {
    if (auto free = is_free(place, "this host's member of the etcd"); !free) return free;
  }
  const auto free = free_bytes(data);
  return free ? has_room(data, *free) : free.error();
}

Status takes_writes(const std::vector<MemberState>& states) {
  const bool is_full = std::any_of(states.begin(), states.end(), [](const MemberState& each) {
    return std::any_of(each.errors.begin(), each.errors.end(),
                       [](const auto& error) { return error.find("NOSPACE") != std::string::npos; });
  });
  if (!is_full) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               "the etcd is full (NOSPACE), and nobody can join until it takes writes: `berth cluster status` on a "
               "host of the cluster has the cure");
}

Status is_of_our_time(const std::string& host, std::optional<std::chrono::system_clock::time_point> theirs,
                      std::chrono::system_clock::time_point ours) {
  if (!theirs) return Ok{};
  const bool behind = *theirs > ours;
  const auto apart = std::chrono::duration_cast<std::chrono::seconds>(behind ? *theirs - ours : ours - *theirs);
  if (apart <= kClockBears) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("this host's clock is {} {} that of {}, and certificates are for a time: set it "
                           "(timedatectl set-ntp true), and run this again",
                           human_duration(apart), behind ? "behind" : "ahead of", host));
}

}  // namespace berth::cli
