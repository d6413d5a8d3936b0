// volumes/local_pod_volumes.hpp - PodVolumes on this host: each kind's file does its part.
#pragma once

#include <memory>

#include "volumes/claim_volumes.hpp"
#include "volumes/disk_volumes.hpp"
#include "volumes/job_runner.hpp"
#include "volumes/pod_dirs.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::volumes {

/// Everything is derived from the uid and looked up on the host; what is kept is what children answered. Calls for
/// different pods may run at the same time.
class LocalPodVolumes final : public PodVolumes {
 public:
  explicit LocalPodVolumes(VolumesConfig config);

  Result<VolumePaths> mount(const PodVolumesSpec& spec) override;
  Status unmount(const std::string& pod_uid) override;
  Status release(const std::string& pod_uid) override;
  Result<bool> present(const std::string& pod_uid) override;
  bool under_way(const std::string& pod_uid) override { return disks_.knows(pod_uid); }
  Result<std::vector<std::string>> mounted_pods() override;
  Result<std::filesystem::path> sub_path(const std::string& pod_uid, const std::string& container, int mount_index,
                                         const std::filesystem::path& volume, const std::string& sub_path) override;
  Result<std::filesystem::path> termination_log(const std::string& pod_uid, const std::string& container,
                                                unsigned attempt) override;
  void provision(const ProvisionRequest& request, std::function<void(const Result<Provisioned>&)> done) override;
  void expand(const ExpandRequest& request, std::function<void(const Result<std::int64_t>&)> done) override;
  void reclaim(const ReclaimRequest& request, std::function<void(const Status&)> done) override;

 private:
  VolumesConfig config_;
  DiskVolumes disks_;
  ClaimVolumes claims_;
  JobRunner runner_;  ///< The last: its thread calls into the others, and ends before them.
};

}  // namespace berth::volumes
