// volumes/local_pod_volumes.hpp - PodVolumes on this host: each kind's file does its part.
#pragma once

#include <chrono>

#include "volumes/pod_dirs.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::volumes {

/// Holds no state: everything is derived from the uid and looked up on the host. Calls for different pods may
/// run at the same time.
class LocalPodVolumes final : public PodVolumes {
 public:
  explicit LocalPodVolumes(VolumesConfig config);

  Result<VolumePaths> mount(const PodVolumesSpec& spec) override;
  Status unmount(const std::string& pod_uid) override;
  Result<bool> present(const std::string& pod_uid) override;
  Result<std::vector<std::string>> mounted_pods() override;
  Result<std::filesystem::path> sub_path(const std::string& pod_uid, const std::string& container, int mount_index,
                                         const std::filesystem::path& volume, const std::string& sub_path) override;
  Result<std::filesystem::path> termination_log(const std::string& pod_uid, const std::string& container,
                                                unsigned attempt) override;
  Result<std::filesystem::path> provision(const std::string& ns, const std::string& claim) override;
  Status reclaim(const std::string& ns, const std::string& claim) override;

 private:
  VolumesConfig config_;
};

}  // namespace berth::volumes
