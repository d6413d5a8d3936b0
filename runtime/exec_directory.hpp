// runtime/exec_directory.hpp - what an exec has on disk, and how to keep a shim from waiting for it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace berth::runtime {

/// File in run_dir/exec/<exec>/ that says whose exec it is; beside it are the FIFOs of its streams.
constexpr auto kContainerOfExec = "container";

/// An exec that has to be ended, with both ends of its FIFOs held open.
///
/// The shim opens its end of each FIFO with an open(2) that waits for ours: see fifo(7). When ours is gone, because the
/// agent was killed just then, it waits for 30 s (containerd's pkg/process), and while it does, it answers nothing
/// about any container of the pod. As long as one of these is held it does not wait.
struct HeldExec {
  std::string container;  ///< Empty: its creation was cut short, and containerd does not know it.
  std::string exec;
  std::filesystem::path directory;
  std::vector<UniqueFd> fifos;
};

/// Opens every FIFO in `directory` for reading and writing, without waiting. One that cannot be opened is left out.
std::vector<UniqueFd> hold_fifos(const std::filesystem::path& directory);

/// Every exec below run_dir/exec. Only while there is none of our own.
std::vector<HeldExec> hold_all_execs(const std::filesystem::path& directory);

/// Makes the FIFOs large enough for what the shim still has of a command that was killed: it waits for a reader
/// otherwise.
void make_room(const std::vector<UniqueFd>& fifos);

}  // namespace berth::runtime
