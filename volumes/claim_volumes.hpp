// volumes/claim_volumes.hpp - claims' volumes made, enlarged and removed: directories here, all else by a child.
#pragma once

#include <functional>

#include "volumes/job_runner.hpp"
#include "volumes/pod_volumes.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes {

/// See PodVolumes::provision() and its neighbours. Lane threads: directories are made and removed within the call.
class ClaimVolumes {
 public:
  ClaimVolumes(const VolumesConfig& config, JobRunner& runner);

  void provision(const ProvisionRequest& request, std::function<void(const Result<Provisioned>&)> done);
  void expand(const ExpandRequest& request, std::function<void(const Result<std::int64_t>&)> done);
  void reclaim(const ReclaimRequest& request, std::function<void(const Status&)> done);

 private:
  /// One job per claim at a time.
  void start(const std::string& ns, const std::string& claim, std::string peer, json::object document,
             const JobRunner::Done& done);

  const std::filesystem::path run_dir_;
  const std::filesystem::path state_dir_;
  JobRunner& runner_;
};

}  // namespace berth::volumes
