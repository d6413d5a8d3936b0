// agent/start.hpp - the daemon's start, which outlasts a disk that is full.
#pragma once

#include <filesystem>
#include <memory>

#include "agent/agent.hpp"
#include "agent/config.hpp"
#include "base/result.hpp"

namespace berth::agent {

/// Does the file system of `directory` refuse what we would write: is it out of space, or are we over our quota? Writes
/// a little there and takes it back. Any other trouble is no full disk. Blocks as the disk does.
bool disk_is_full(const std::filesystem::path& directory);

/// make_agent(); while it fails for the full disk of stateDir or runDir, waits for room and tries again: nobody may be
/// there to start us then. systemd is told why, and that it shall wait, too.
///
/// Errors: those of make_agent(), at once, when no disk is full; Cancelled: SIGTERM or SIGINT came while we waited.
/// Before other threads exist: signals are waited for on the calling one.
Result<std::unique_ptr<Agent>> start_agent(const Config& config, const KeptSockets& kept = {});

}  // namespace berth::agent
