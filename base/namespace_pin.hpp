// base/namespace_pin.hpp - namespaces that outlive every process: pinned by a bind mount, see namespaces(7).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// A kind of namespace. See unshare(2).
struct NamespaceKind {
  int flag;          ///< CLONE_NEW...
  const char* file;  ///< Its name in /proc/PID/ns.
  const char* noun;  ///< For messages: "a network namespace".
};
extern const NamespaceKind kNetworkNamespace;
extern const NamespaceKind kIpcNamespace;

/// Makes `dir` and turns it into a shared mount of its own. Without that, a pin would stay behind in every mount
/// namespace that was copied from ours, and an unpinned namespace would live as long as those.
Status prepare_pin_dir(const std::filesystem::path& dir);

/// Runs `work` on a thread of its own, which ends with it, and waits: a thread that has changed its namespace is never
/// used for anything else. `work` must not throw.
Status on_own_thread(const std::function<Status()>& work);

/// On such a thread: enters a new namespace, does `inside`, if there is such, and pins the namespace at `path`. What an
/// error leaves at `path`, remove_pin() removes. Errors: PermissionDenied, ResourceExhausted, as of unshare(2).
Status enter_and_pin_new(const NamespaceKind& kind, const std::filesystem::path& path,
                         const std::function<Status()>& inside = {});

/// Opens what is at `path`; whether that is a namespace, namespace_inode() says.
Result<UniqueFd> open_pin(const std::filesystem::path& path);

/// The inode of the namespace that was opened, which tells two apart that were pinned at one path, one after the other;
/// none when it is no namespace.
std::optional<std::uint64_t> namespace_inode(int fd);

/// The inode of the namespace pinned at `path`; none when nothing is. Two system calls on the run directory,
/// which is local by definition; cheaper than reading the mount table when every pod asks.
std::optional<std::uint64_t> pinned_namespace(const std::filesystem::path& path);

/// Unpins and removes the file. Nothing there is success. The kernel ends the namespace when its last process has.
Status remove_pin(const std::filesystem::path& path);

}  // namespace berth
