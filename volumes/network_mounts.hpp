// volumes/network_mounts.hpp - may we touch this path ourselves, or could a dead server hang us?
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/mount_table.hpp"
#include "base/result.hpp"

namespace berth::volumes {

/// The network or user-space mount that looking up `path` would enter, links included, as "nfs4 at /srv/data";
/// nothing when the path stays on local file systems. Touches only local ones to find out.
/// InvalidArgument: not absolute, or more than 40 links.
Result<std::optional<std::string>> network_mount_on(const std::filesystem::path& path, const MountTable& table);

}  // namespace berth::volumes
