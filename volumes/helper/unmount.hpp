// volumes/helper/unmount.hpp - umount(2) that means it.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.hpp"

namespace berth::volumes::helper {

/// Unmounts everything stacked at `target`, and never detaches what is in use. Processes that were just killed are
/// waited for a moment. Unavailable: `what` is busy at `target`.
Status unmount_really(const std::filesystem::path& target, std::string_view what);

/// Takes the mount away from the name at once (umount2(2), MNT_DETACH). What is still to be written to a server is
/// written by a process of its own: it is waited for some seconds, then left to the kernel, for a silent server may
/// take for ever. Unavailable: it is still mounted.
Status unmount_lazily(const std::filesystem::path& target);

}  // namespace berth::volumes::helper
