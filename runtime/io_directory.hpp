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

/// What is known on disk about the streams of a container that was started.
struct ContainerStreams {
  std::string container;     ///< Name in the pod spec.
  bool terminal = false;     ///< Everything is on stdout.
  bool has_stdin = false;    ///< It was made with one.
  bool stdin_once = false;   ///< The end of the first one attached is the end.
  std::filesystem::path in;  ///< The FIFO. Empty: none, or ended.
};

/// Keeps run_dir/io/<container id>/ with `meta` (KEY=value lines), `stdout`, `stderr` (not on a terminal) and `stdin`
/// (when asked for). A directory appears complete: it is made under a name with a dot and renamed.
///
/// We keep every FIFO open, too: the shim closes its ends when the process ends, and what the collector has not read by
/// then (it may be down) would be lost. stdin does not need us once the task is made: the shim keeps a writing end of
/// it until it is told to close it, so the process sees no end while nobody is attached and no agent runs. Any thread.
class IoDirectory {
 public:
  explicit IoDirectory(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Makes it, or finds it made. The FIFOs are open when it returns: the shim waits for a reader otherwise.
  Result<TaskStdio> make(const ContainerSpec& spec);

  /// Opens the FIFOs of a container that an earlier agent started. Nothing there is success.
  Status adopt(const std::string& id);

  /// Does so for all that are there; goes on after a failure and returns the first.
  Status adopt_all();

  /// Ids of all containers of which there is something here, finished or not.
  std::vector<std::string> ids() const;

  /// NotFound: no such container.
  Result<ContainerStreams> streams(const std::string& id) const;

  /// Lets go of its stdin and removes the FIFO: nobody types to it any more. Gone is success.
  Status end_stdin(const std::string& id);

  /// Waits until a collector has stored everything: at most 2 s, and not at all once nobody has read for 300 ms.
  void drain(const std::string& id);

  /// Does so, and removes it. Gone is success.
  Status drain_and_remove(const std::string& id);

  /// Removes it without waiting.
  Status remove(const std::string& id);

  const std::filesystem::path& path() const { return directory_; }

 private:
  struct Open {
    std::vector<UniqueFd> outputs;
    UniqueFd in;
  };
  Status open_all(const std::string& id);

  std::filesystem::path directory_;
  std::mutex mutex_;
  std::map<std::string, Open> open_;
};

}  // namespace berth::runtime
