// api/request/user.cpp - who sends a request.
#include "api/request/user.hpp"

#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include <fmt/format.h>

namespace berth::api {

namespace {

constexpr const char* kAuthenticated = "system:authenticated";

/// getpwuid(3) would load NSS modules and may wait for a directory server; this reads one file.
std::string account_name(uid_t uid) {
  if (uid == 0) return "root";
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/etc/passwd", "re"), &std::fclose);
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(4096);
  while (file && ::fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0) {
    if (found->pw_uid == uid) return found->pw_name;
  }
  return fmt::format("uid:{}", uid);
}

}  // namespace

Role role_of(const std::vector<std::string>& groups) {
  auto role = Role::None;
  for (const auto& group : groups) {
    if (group == "system:masters") return Role::Admin;
    if (group == "berth:viewers" || group == "view") role = Role::Viewer;
  }
  return role;
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
  return make_user(known ? account_name(peer.uid) : "unknown", {"system:masters"});
}

}  // namespace berth::api
