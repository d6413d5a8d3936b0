// api/request/user.cpp - who sends a request.
#include "api/request/user.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/accounts.hpp"
#include "base/atomic_file.hpp"

namespace berth::api {

namespace {

constexpr const char* kAuthenticated = "system:authenticated";
constexpr const char* kMasters = "system:masters";
constexpr const char* kViewers = "berth:viewers";

std::string account_name(uid_t uid) {
  if (uid == 0) return "root";
  const auto accounts = read_file("/etc/passwd");
  const auto found = accounts ? find_account(*accounts, uid) : std::nullopt;
  return found ? found->name : fmt::format("uid:{}", uid);
}

}  // namespace

Role role_of(const std::vector<std::string>& groups) {
  auto role = Role::None;
  for (const auto& group : groups) {
    if (group == kMasters) return Role::Admin;
    if (group == kHostsGroup) role = Role::Host;
    const bool is_viewer = group == kViewers || group == "view";
    if (is_viewer && (role == Role::None || role == Role::Joiner)) role = Role::Viewer;
    if (role == Role::None && group == kBootstrappersGroup) role = Role::Joiner;
  }
  return role;
}

std::vector<std::string> groups_of_stranger(const std::vector<std::string>& groups,
                                            const std::map<std::string, std::string>& mapping) {
  std::vector<std::string> out;
  for (const auto& group : groups) {
    if (role_of({group}) == Role::None) out.push_back(group);
    const auto found = mapping.find(group);
    if (found == mapping.end()) continue;
    if (found->second == "admin") out.emplace_back(kMasters);
    if (found->second == "viewer") out.emplace_back(kViewers);
  }
  return out;
}

User make_user(std::string name, std::vector<std::string> groups, std::string uid) {
  const auto role = role_of(groups);
  if (std::find(groups.begin(), groups.end(), kAuthenticated) == groups.end()) groups.emplace_back(kAuthenticated);
  return {.name = std::move(name), .uid = std::move(uid), .groups = std::move(groups), .role = role};
}

User socket_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  // Cannot fail for a connected unix socket; who opened it is Admin in any case.
  const bool known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  return make_user(known ? account_name(peer.uid) : "unknown", {kMasters});
}

}  // namespace berth::api
