// cli/port_forward.hpp - local TCP ports whose connections go to a pod, each through a WebSocket of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace berth::cli {

struct ForwardedPort {
  std::uint16_t local = 0;  ///< 0: a free one.
  std::uint16_t remote = 0;
};

/// Listens and forwards until a signal (SIGINT, SIGTERM: Ok) ends it. `path` is the pod's ".../portforward". A
/// connection that fails says so on stderr and ends alone. Unavailable: no port could be opened at any address.
Status forward_ports(const std::filesystem::path& socket, const std::string& path,
                     const std::vector<ForwardedPort>& ports, const std::vector<std::string>& addresses);

}  // namespace berth::cli
