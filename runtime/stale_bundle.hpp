// runtime/stale_bundle.hpp - a container's directory that containerd has forgotten, and that blocks the container's id.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime {

/// containerd keeps a directory for each container, its bundle: STATE/io.containerd.runtime.v2.task/NAMESPACE/ID. When
/// a creation is cut short (by its deadline, or the death of who asked) and the shim does not answer the clean-up
/// either, containerd 1.6 forgets the shim and leaves the directory. Until its restart every creation of that id fails
/// then: "failed to start shim: mkdir DIRECTORY: file exists".
///
/// That directory, when `message` says so of container `id` in namespace `ns`. Pure.
std::optional<std::filesystem::path> stale_bundle_in(std::string_view message, std::string_view ns,
                                                     std::string_view id);

/// Unmounts its rootfs and removes it, with no directory below but that empty one. Only for a container of which
/// containerd knows no task. Errors: Unavailable: something happened in it just now, so that containerd may still be
/// cleaning up, and would remove the next one of this name; or a process of the container was there, and got SIGKILL:
/// try again. Others are of the system.
Status remove_bundle(const std::filesystem::path& bundle);

}  // namespace berth::runtime
