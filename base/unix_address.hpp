// base/unix_address.hpp - the address of a socket in the file system, see unix(7).
#pragma once

#include <sys/un.h>

#include <filesystem>
#include <optional>

namespace berth {

/// Nothing: the path is longer than a socket's may be (107 bytes).
inline std::optional<sockaddr_un> unix_address(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto& name = path.native();
  if (name.size() >= sizeof address.sun_path) return std::nullopt;
  name.copy(address.sun_path, name.size());
  return address;
}

}  // namespace berth
