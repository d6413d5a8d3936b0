// agent/object_move.hpp - berthd --move-objects: from SQLite into the etcd, or back, for `berth cluster`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "agent/config.hpp"
#include "base/result.hpp"

namespace berth::agent {

/// The configuration at `file` and its drop-ins, with `over` laid over them: one that is not in force yet.
Result<Config> load_config_with(const std::filesystem::path& file, const std::filesystem::path& over);

/// `where`: "to-etcd" or "to-sqlite"; the etcd is the one of `config`. Prints what was done; returns the exit code: 0,
/// 1 (the error is on stderr), 3 (names collide: one a line on stderr, nothing was changed). Blocks; no agent may run.
int move_objects(const Config& config, const std::string& where);

}  // namespace berth::agent
