// runtime/pod_ipc.hpp - what the containers of a pod share to talk to each other: an IPC namespace, and /dev/shm.
#pragma once

#include <filesystem>
#include <mutex>
#include <set>
#include <string>

#include "base/result.hpp"

namespace berth::runtime {

/// What a container is to use; empty: its own.
struct IpcPaths {
  std::string ns;   ///< A namespace, pinned there: System V's and POSIX's queues, semaphores and shared memory.
  std::string shm;  ///< A tmpfs of 64 MiB for /dev/shm, as a kubelet's pods have it.
};

/// Works on the file system alone, so nothing has to be remembered: directory <dir>/<uid> has a pod's. It lasts from
/// its first container until it is removed, whatever becomes of containers meanwhile. Any thread; one pod is not
/// changed by two threads at once.
class PodIpc {
 public:
  explicit PodIpc(std::filesystem::path dir) : dir_(std::move(dir)) {}

  /// Makes what is not there yet. Errors: PermissionDenied, ResourceExhausted, as of unshare(2) and mount(2).
  Result<IpcPaths> prepare(const std::string& uid);

  /// uids of pods of which anything is there.
  std::set<std::string> pods() const;

  /// Nothing there is success. Processes that still use it keep it, but nobody finds it any more.
  Status remove(const std::string& uid) const;

  /// Makes the directory, which stays; prepare() does it, too.
  Status prepare_dir();

 private:
  const std::filesystem::path dir_;
  std::mutex mutex_;
  bool ready_ = false;  ///< The directory is a mount of its own.
};

}  // namespace berth::runtime
