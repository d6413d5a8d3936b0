// volumes/host_registry.hpp - what all agents of one machine have in common: locks, iSCSI sessions, and each other.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.hpp"

namespace berth::volumes {

/// /run/lock/berth, or $BERTH_LOCK_DIR (tests). Several agents on one machine have each its own run and state
/// directory, but the disks, targets and volume groups are the same ones: who works on such a thing locks it here, and
/// looks in every agent's directories for who else has it.
std::filesystem::path host_dir();

/// The directory, made if need be. FailedPrecondition: it is not ours, or others may write there: anybody could keep us
/// from our disks then. (/run/lock itself is everybody's.)
Result<std::filesystem::path> want_host_dir();

/// An agent's directories; the state directory may not be known.
struct AgentDirs {
  std::filesystem::path run_dir;
  std::filesystem::path state_dir;
};

/// Lets the others find us. Written already is success; an empty directory is left out.
Status note_agent(const AgentDirs& own);

/// The run and the state directories of all agents that have noted themselves since the boot, `own` first. Those that
/// are gone are forgotten after a while.
Result<std::vector<std::filesystem::path>> all_run_dirs(const std::filesystem::path& own);
Result<std::vector<std::filesystem::path>> all_state_dirs(const std::filesystem::path& own);

}  // namespace berth::volumes
