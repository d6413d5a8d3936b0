// cli/dashboard_proxy.hpp - a local port through which a browser sees the dashboard of the agent behind a unix socket.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace berth::cli {

/// Listens on 127.0.0.1 at `port` (0: a free one), calls `ready` with the address to open, and forwards what
/// dashboard_gate.hpp lets pass until a signal (SIGINT, SIGTERM: Ok) ends it. Unavailable: the port cannot be had.
Status show_dashboard(const std::filesystem::path& socket, std::uint16_t port,
                      const std::function<void(const std::string& address)>& ready);

}  // namespace berth::cli
