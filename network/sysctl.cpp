// network/sysctl.cpp - one small file for each setting; see ip-sysctl in the kernel's documentation.
#include "network/sysctl.hpp"

#include <cerrno>
#include <cstdio>

#include "base/atomic_file.hpp"

namespace berth::network {

Status set_sysctl(const std::string& name, std::string_view value) {
  const std::string path = "/proc/sys/net/" + name;
  auto now = read_file(path, 4096);
  if (now && now->substr(0, now->find('\n')) == value) return Ok{};
  // Not write_file: there is no renaming in /proc.
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return Error::from_errno(errno, "set " + path);
  const bool written = std::fwrite(value.data(), 1, value.size(), file) == value.size();
  const int write_error = errno;
  if (std::fclose(file) != 0 || !written) return Error::from_errno(written ? errno : write_error, "set " + path);
  return Ok{};
}

Status ignore_routers_on(const std::string& link) {
  if (auto done = set_sysctl("ipv4/conf/" + link + "/accept_redirects", "0"); !done) return done;
  for (const auto* setting : {"accept_ra", "accept_redirects"}) {
    auto done = set_sysctl("ipv6/conf/" + link + "/" + setting, "0");
    if (!done && !failed_with(done, ErrorCode::NotFound)) return done;
  }
  return Ok{};
}

}  // namespace berth::network
