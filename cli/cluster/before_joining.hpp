// cli/cluster/before_joining.hpp - what would end a join half-way, found before anything is changed: ports, room, an
// etcd that is full, clocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/tcp_address.hpp"
#include "cli/cluster/etcd_members.hpp"

namespace berth::cli {

/// A member of the etcd writes ahead two files of 64 MB and begins with a database of some.
inline constexpr std::uint64_t kRoomOfMember = 256ULL * 1024 * 1024;
/// What certificates bear is an hour; whose clock is wrong by more than this has no time service.
inline constexpr std::chrono::minutes kClockBears{5};

/// FailedPrecondition: another process listens there, which `who` should. bind(2) knows, and nothing of it stays.
Status is_free(const TcpAddress& address, const std::string& who);

/// What is free for root where that directory is, or will be: statvfs(3).
Result<std::uint64_t> free_bytes(const std::filesystem::path& directory);
/// FailedPrecondition: `free` is too little for a member of the etcd. Pure.
Status has_room(const std::filesystem::path& data, std::uint64_t free);

/// Are a member's ports at `host` free, and is there room? As is_free() and has_room().
Status has_place_for_member(const std::string& host, const std::filesystem::path& data);

/// FailedPrecondition: a member says that nothing can be written. Pure.
Status takes_writes(const std::vector<MemberState>& states);

/// FailedPrecondition: `host` has another time than we; nothing: it did not say which. Pure.
Status is_of_our_time(const std::string& host, std::optional<std::chrono::system_clock::time_point> theirs,
                      std::chrono::system_clock::time_point ours);

}  // namespace berth::cli
