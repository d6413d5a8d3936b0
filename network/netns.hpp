// network/netns.hpp - network namespaces that outlive every process: pinned by a bind mount, see ip-netns(8).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "network/netlink.hpp"

namespace berth::network {

/// Makes `dir` and turns it into a shared mount of its own. Without that, a pin would stay behind in every mount
/// namespace that was copied from ours, and a detached pod's namespace would live as long as those.
Status prepare_netns_dir(const std::filesystem::path& dir);

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

/// The inode of the namespace pinned at `path`; none when nothing is. Two system calls on the run directory,
/// which is local by definition; cheaper than reading the mount table when every pod asks.
std::optional<std::uint64_t> pinned_netns(const std::filesystem::path& path);

/// Unpins and removes the file. Nothing there is success. The kernel ends the namespace when its last process has.
Status remove_netns(const std::filesystem::path& path);

/// Runs `work` on a thread of its own inside the namespace and waits. `work` must not throw.
Status run_in_netns(const std::filesystem::path& path, const std::function<void()>& work);

}  // namespace berth::network
