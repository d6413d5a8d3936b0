// volumes/disk_volumes.hpp - volumes on servers and devices: looked up here, made and taken down by children.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "volumes/job_runner.hpp"
#include "volumes/ownership.hpp"
#include "volumes/pod_dirs.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes {

/// Calls return at once: whether a volume is there is read from mountinfo or a link; everything else is a job.
/// Remembers only what jobs answered and nobody has been told yet. Any thread.
class DiskVolumes {
 public:
  DiskVolumes(const VolumesConfig& config, JobRunner& runner);

  struct Wish {
    DiskVolume volume;
    std::string pod_volume;  ///< spec.volumes[].name
    std::optional<GroupOwner> group;
    std::string selinux_label;
  };
  /// Where the pod's volume is once it is published and, for a network file system, has just answered.
  /// Aborted: under way. Unavailable: it is not here, and may be another host's by now. Else what the job said, once;
  /// the next call begins again.
  Result<std::filesystem::path> publish(const PodDirs& dirs, const std::string& pod_uid, const Wish& wish);

  /// Takes down all that publish() and sub_path() made for the pod, and releases devices that nobody uses any more.
  /// Nothing of that kind there is success, at once. Aborted: under way. Else what the job said, once.
  Status unpublish(const PodDirs& dirs, const std::string& pod_uid);

  /// See PodVolumes::sub_path; `volume` is one that publish() answered.
  Result<std::filesystem::path> sub_path(const SubPathJob& job);

  /// Was anything begun for the pod since unpublish() answered Ok?
  bool knows(const std::string& pod_uid) const;

  /// Releases what is staged and used by no pod: after a restart, or after a child that hung.
  void sweep();

  /// Is this path a published volume whose file system may not answer? False for devices of this host.
  bool may_be_silent(const std::filesystem::path& volume) const;

 private:
  struct Told {
    std::optional<Error> failure;  ///< Of the last job, not told yet.
    std::filesystem::path path;    ///< Of a sub path.
    SteadyTime answered{};         ///< When it was seen to work.
    bool local = false;            ///< On a device of this host.
  };

  Status begin(const std::string& id, const std::string& pod_uid, VolumeJob job);
  std::optional<Error> take_failure(const std::string& id);
  bool is_awaited(const std::string& id) const;
  bool answered_lately(const std::string& id) const;

  const std::filesystem::path run_dir_;
  const std::filesystem::path state_dir_;
  const std::function<void(const std::string&)> on_progress_;
  JobRunner& runner_;
  mutable std::mutex mutex_;
  std::map<std::string, Told> told_;  ///< By job id; those of a pod go with unpublish().
};

}  // namespace berth::volumes
