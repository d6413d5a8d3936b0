// agent/status_board.hpp - what the rooms last said of themselves, for whoever asks about the host.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/host_status.hpp"

namespace berth::agent {

/// Each part is written by whoever knows it, when it changes; nothing is asked for while somebody reads. Any thread.
class StatusBoard {
 public:
  /// `begin` is what never changes: version, node, paths.
  StatusBoard(const Clock& clock, model::HostStatus begin);

  /// What containerd says of itself: an error ("" when it is usable) and its version ("": as before).
  void set_containerd(const std::string& error, const std::string& version);
  void set_silent_shims(std::vector<model::HostProblem> silent);
  void set_store_problems(std::vector<model::HostProblem> problems);
  void set_backup(std::string path, WallTime at);
  void set_sources(std::vector<model::SourceStatus> sources);
  void set_strangers(std::vector<model::Stranger> strangers);
  void set_logs(std::vector<model::HostProblem> logs);
  void set_cluster(std::vector<model::HostProblem> troubles);

  model::HostStatus read() const;

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  model::HostStatus status_;
};

/// The disk under `path`, see statvfs(3). Blocks on a disk that is sick: call from a lane.
model::DiskStatus look_at_disk(const std::string& path);

}  // namespace berth::agent
