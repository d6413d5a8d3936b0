// runtime/pod_cgroups.hpp - the cgroups of pods: where they are, what they may use, and that nothing of them stays.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// The cgroups of pods below `parent` in the hierarchy that is mounted on `hierarchy`, by uid.
std::multimap<std::string, std::filesystem::path> pod_cgroups_in(const std::filesystem::path& hierarchy,
                                                                 const std::string& parent);

/// The CPU weight of version 2 for shares of version 1, as the kubelet and runc compute it; and back.
std::int64_t weight_of_shares(std::int64_t shares);
std::int64_t shares_of_weight(std::int64_t weight);

/// The tree is the kubelet's: <parent>/pod<uid> for guaranteed pods, <parent>/burstable/pod<uid> and
/// <parent>/besteffort/pod<uid> for the others, the same in every hierarchy of version 1. Works on the file system
/// alone, so nothing has to be remembered. A pod that has a cgroup at another level (it was made by an earlier berth)
/// stays there. Any thread; one pod is not changed by two threads at once.
class PodCgroups {
 public:
  /// `root` is where cgroups are mounted ("/sys/fs/cgroup"), `parent` is below it ("/berth-pods").
  PodCgroups(std::filesystem::path root, std::string parent) : root_(std::move(root)), parent_(std::move(parent)) {}

  /// Where the pod's cgroup is, or will be: "/berth-pods/burstable/pod<uid>".
  std::string path(const std::string& uid, std::string_view qos_class) const;

  /// Makes the pod's cgroup where CPU and memory are limited, and writes its limits. Between pods CPU goes by their
  /// requests: all burstable ones together have the sum of theirs, all best-effort ones the least there is.
  Status prepare(const std::string& uid, std::string_view qos_class, const PodLimits& limits) const;

  /// Can a cgroup's swap be limited? Known once a pod was prepared.
  bool counts_swap() const;

  /// uids of pods that have a cgroup in any hierarchy.
  std::set<std::string> pods() const;

  /// What runs in the cgroup that a container (its id) of the pod has, and below; nothing there is none.
  std::vector<pid_t> processes(const std::string& uid, const std::string& container) const;

  /// Removes the pod's own cgroups as far as they are empty.
  void remove_empty(const std::string& uid) const;

  /// For a pod of which containerd has no container: kills what still runs in its cgroups and removes them with all
  /// below. Nothing there is success. Unavailable: a process does not die (it waits for a device or a server).
  Status remove(const std::string& uid) const;

 private:
  /// Roots of all hierarchies: one with version 2.
  std::vector<std::filesystem::path> hierarchies() const;
  /// Where the pod has a cgroup: usually one directory a hierarchy.
  std::vector<std::filesystem::path> directories_of(const std::string& uid) const;

  bool version_2() const;
  /// Where version 2, or a controller of version 1, has cgroups.
  std::filesystem::path hierarchy_of(const char* controller) const;
  Status write_limits(const std::filesystem::path& pod, const PodLimits& limits) const;
  /// The burstable level gets the sum of what its pods have.
  void sum_up() const;

  std::filesystem::path root_;
  std::string parent_;
};

}  // namespace berth::runtime
