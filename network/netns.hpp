// network/netns.hpp - network namespaces that outlive every process, and sockets in them; pins: base/namespace_pin.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/namespace_pin.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "network/netlink.hpp"

namespace berth::network {

/// A pinned namespace and a socket that acts inside it.
struct Netns {
  UniqueFd fd;
  Netlink netlink;
  std::uint64_t inode = 0;  ///< Tells two namespaces apart that were pinned at one path, one after the other.
  bool fresh = false;       ///< Made by this call.
};

/// Opens the namespace pinned at `path`, or makes one with its loopback up. The work is done on a thread of its
/// own: the caller stays in its namespace. Errors: PermissionDenied, ResourceExhausted, as of mount(2), setns(2).
Result<Netns> open_or_make_netns(const std::filesystem::path& path);

/// Runs `work` on a thread of its own inside the namespace and waits. `work` must not throw.
Status run_in_netns(const std::filesystem::path& path, const std::function<void()>& work);

}  // namespace berth::network
