// fence/cgroup_stop.hpp - nothing runs in a pod's cgroup, and nothing begins to. See cgroups(7).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace berth::fence {

/// Works on what the kernel shows in `root` ("/sys/fs/cgroup") alone: version 2, or all hierarchies of version 1. A
/// cgroup is meant as "/berth-pods/burstable/pod<uid>". Every call may be repeated.
class CgroupStop {
 public:
  explicit CgroupStop(std::filesystem::path root) : root_(std::move(root)) {}

  /// Kills whatever is in the cgroup and below, and leaves it frozen: a process that enters it later runs no
  /// instruction of its own. Waits for the end of what it killed, `kWait` at the most. True: nothing is left.
  bool take_down(const std::string& cgroup) const;
  static constexpr int kWaitMilliseconds = 50;

  /// After take_down(): what comes next may run. What is there is killed first.
  void release(const std::string& cgroup) const;

  /// Is it frozen as take_down() leaves it?
  bool is_down(const std::string& cgroup) const;

 private:
  bool version_2() const;
  std::filesystem::path freezer_of(const std::string& cgroup) const;
  std::vector<std::filesystem::path> directories_of(const std::string& cgroup) const;
  void freeze(const std::string& cgroup, bool on) const;
  bool kill_all(const std::string& cgroup) const;
  bool is_empty(const std::string& cgroup) const;

  std::filesystem::path root_;
};

}  // namespace berth::fence
