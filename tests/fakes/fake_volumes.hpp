// tests/fakes/fake_volumes.hpp - PodVolumes in memory: no file is touched, any verb can be made to fail.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "volumes/pod_volumes.hpp"

namespace berth::volumes {

/// Paths it returns are below /fake and name what they stand for; nothing is there. Any thread.
class FakeVolumes final : public PodVolumes {
 public:
  /// The next call of that verb ("mount", "unmount", "present", "mounted_pods", "sub_path", "termination_log",
  /// "provision", "expand", "reclaim") fails with `error`, once for each call of this.
  void fail_next(const std::string& verb, Error error);

  /// hostPaths that are not there: mount() answers NotFound while a path is listed.
  void set_missing_host_path(const std::string& path, bool missing = true);

  /// Every call so far: "mount mongo-0", "unmount <uid>", "provision default/data-mongo-0", ...
  std::vector<std::string> calls() const;

  /// What the last mount() of that pod was given; none when not mounted.
  std::optional<PodVolumesSpec> mounted(const std::string& pod_uid) const;

  /// Claims that exist: "default/data-mongo-0".
  std::set<std::string> provisioned() const;

  Result<VolumePaths> mount(const PodVolumesSpec& spec) override;
  Status unmount(const std::string& pod_uid) override;
  Status release(const std::string& pod_uid) override;
  Result<bool> present(const std::string& pod_uid) override;
  bool under_way(const std::string& pod_uid) override;
  Result<std::vector<std::string>> mounted_pods() override;
  Result<std::filesystem::path> sub_path(const std::string& pod_uid, const std::string& container, int mount_index,
                                         const std::filesystem::path& volume, const std::string& sub_path) override;
  Result<std::filesystem::path> termination_log(const std::string& pod_uid, const std::string& container,
                                                unsigned attempt) override;
  void provision(const ProvisionRequest& request, std::function<void(const Result<Provisioned>&)> done) override;
  void expand(const ExpandRequest& request, std::function<void(const Result<std::int64_t>&)> done) override;
  void reclaim(const ReclaimRequest& request, std::function<void(const Status&)> done) override;

 private:
  Status begin(const std::string& verb, const std::string& what);
  Status begin_claim(const std::string& verb, const std::string& ns, const std::string& claim);
  Result<std::filesystem::path> path_of(const PodVolumesSpec& spec, const model::Volume& volume) const;

  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
  std::map<std::string, std::vector<Error>> failures_;  ///< By verb, first in first out.
  std::set<std::string> missing_host_paths_;
  std::map<std::string, PodVolumesSpec> pods_;
  std::set<std::string> under_way_;  ///< uids whose last mount() failed with Aborted.
  std::set<std::string> touched_;    ///< uids with sub paths or termination logs only.
  std::set<std::string> claims_;
};

}  // namespace berth::volumes
