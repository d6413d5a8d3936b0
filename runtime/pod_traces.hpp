// runtime/pod_traces.hpp - of which pods there may be more in containerd than their containers' records tell.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace berth::runtime {

/// A pod that came up after present_pods() had seen it nowhere, and of which every start and every removal ended as it
/// was asked to, has nothing in containerd before its first container and after its last: nobody need look. Of all
/// others, those of an agent before us too, something may be left. Memory only: what is forgotten costs a look. Any
/// thread.
class PodTraces {
 public:
  /// All pods of which anything is on this host.
  void found(const std::vector<std::string>& pod_uids) {
    const std::scoped_lock lock(mutex_);
    looked_ = true;
    found_.insert(pod_uids.begin(), pod_uids.end());
  }
  /// From here on something of the container may be there, until removed().
  void begun(const std::string& container_id) {
    const std::scoped_lock lock(mutex_);
    made_.insert(container_id);
  }
  void removed(const std::string& container_id) {
    const std::scoped_lock lock(mutex_);
    made_.erase(container_id);
  }
  /// A call failed, or nobody knows what became of it.
  void doubt(const std::string& pod_uid) {
    const std::scoped_lock lock(mutex_);
    doubtful_.insert(pod_uid);
  }
  /// It was looked for, everywhere, and nothing is left.
  void cleared(const std::string& pod_uid) {
    const std::scoped_lock lock(mutex_);
    found_.erase(pod_uid);
    doubtful_.erase(pod_uid);
    std::erase_if(made_, [&](const std::string& id) { return id.starts_with(pod_uid + "-"); });
  }
  /// Can anything be left of it?
  bool possible(const std::string& pod_uid) const {
    const std::scoped_lock lock(mutex_);
    if (!looked_ || found_.contains(pod_uid) || doubtful_.contains(pod_uid)) return true;
    const auto first = made_.lower_bound(pod_uid + "-");
    return first != made_.end() && first->starts_with(pod_uid + "-");
  }

  /// Has a call failed, so that what was asked for may be there all the same, or come later?
  bool doubtful(const std::string& pod_uid) const {
    const std::scoped_lock lock(mutex_);
    return doubtful_.contains(pod_uid);
  }

 private:
  mutable std::mutex mutex_;
  bool looked_ = false;
  std::set<std::string> found_;     ///< Pods that were here before us.
  std::set<std::string> doubtful_;  ///< Pods.
  std::set<std::string> made_;      ///< Containers.
};

}  // namespace berth::runtime
