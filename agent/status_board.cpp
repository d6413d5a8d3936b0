// agent/status_board.cpp - see status_board.hpp.
#include "agent/status_board.hpp"

#include <sys/statvfs.h>

#include <cerrno>
#include <utility>

namespace berth::agent {

StatusBoard::StatusBoard(const Clock& clock, model::HostStatus begin) : clock_(clock), status_(std::move(begin)) {
  status_.started_at = clock_.wall();
  status_.containerd.error = "not asked yet";
  status_.containerd.since = status_.started_at;
}

void StatusBoard::set_containerd(const std::string& error, const std::string& version) {
  const std::lock_guard lock(mutex_);
  auto& now = status_.containerd;
  // Another reason why it cannot be used is the same outage.
  if (now.error.empty() != error.empty()) now.since = clock_.wall();
  now.error = error;
  if (!version.empty()) now.version = version;
}

void StatusBoard::set_silent_shims(std::vector<model::HostProblem> silent) {
  const std::lock_guard lock(mutex_);
  status_.containerd.silent = std::move(silent);
}

void StatusBoard::set_store_problems(std::vector<model::HostProblem> problems) {
  const std::lock_guard lock(mutex_);
  status_.store.problems = std::move(problems);
}

void StatusBoard::set_backup(std::string path, WallTime at) {
  const std::lock_guard lock(mutex_);
  status_.store.backup_path = std::move(path);
  status_.store.backup_at = at;
}

void StatusBoard::set_sources(std::vector<model::SourceStatus> sources) {
  const std::lock_guard lock(mutex_);
  status_.sources = std::move(sources);
}

void StatusBoard::set_strangers(std::vector<model::Stranger> strangers) {
  const std::lock_guard lock(mutex_);
  status_.strangers = std::move(strangers);
}

void StatusBoard::set_logs(std::vector<model::HostProblem> logs) {
  const std::lock_guard lock(mutex_);
  status_.logs = std::move(logs);
}

void StatusBoard::set_cluster(std::vector<model::HostProblem> troubles) {
  const std::lock_guard lock(mutex_);
  status_.cluster = std::move(troubles);
}

model::HostStatus StatusBoard::read() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

model::DiskStatus look_at_disk(const std::string& path) {
  model::DiskStatus out;
  out.path = path;
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0) {
    out.error = Error::from_errno(errno, "ask the disk").message();
    return out;
  }
  out.total_bytes = std::uint64_t{disk.f_blocks} * disk.f_frsize;
  out.free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  return out;
}

}  // namespace berth::agent
