// base/etcd_member_file.hpp - the etcd's members as they were last heard of, on disk: a host that starts finds the etcd
// though none of the endpoints that it was told answers any more, and so does `berth cluster`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace berth {

/// Where it is, below an agent's stateDir.
inline constexpr const char* kEtcdMemberFile = "etcd-copy/members.json";

/// The members that were learned by these configured endpoints; of others they may be another etcd's. None: there is no
/// such file, or it cannot be read: it is no more than a hint. Blocks as the disk does.
std::vector<std::string> read_etcd_members(const std::filesystem::path& file,
                                           const std::vector<std::string>& configured);

/// Errors: as of the file. Blocks as the disk does.
Status write_etcd_members(const std::filesystem::path& file, const std::vector<std::string>& configured,
                          const std::vector<std::string>& members);

}  // namespace berth
