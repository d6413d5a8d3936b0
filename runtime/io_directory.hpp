// runtime/io_directory.hpp - the FIFOs that a container writes its output to.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/containerd_client.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// Keeps run_dir/io/<container id>/ with `meta` (KEY=value lines), `stdout`, `stderr` (not on a terminal) and `stdin`
/// (when asked for). A directory appears complete: it is made under a name with a dot and renamed.
///
/// We keep every FIFO open, too: the shim closes its ends when the process ends, and what the collector has not read by
/// then (it may be down) would be lost. Any thread.
class IoDirectory {
 public:
  explicit IoDirectory(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Makes it, or finds it made. The FIFOs are open when it returns: the shim waits for a reader otherwise.
  Result<TaskStdio> make(const ContainerSpec& spec);

  /// Opens the FIFOs of a container that an earlier agent started. Nothing there is success.
  Status adopt(const std::string& id);

  /// Does so for all that are there; goes on after a failure and returns the first.
  Status adopt_all();

  /// Waits until a collector has read everything: at most 2 s, and not at all once nobody has read for 300 ms.
  /// Then removes it. Gone is success.
  Status drain_and_remove(const std::string& id);

  /// Removes it without waiting.
  Status remove(const std::string& id);

  const std::filesystem::path& path() const { return directory_; }

 private:
  Status open_all(const std::string& id);

  std::filesystem::path directory_;
  std::mutex mutex_;
  std::map<std::string, std::vector<UniqueFd>> open_;
};

}  // namespace berth::runtime
