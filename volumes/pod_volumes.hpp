// volumes/pod_volumes.hpp - front door: the files of pods.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/boot_time.hpp"
#include "base/result.hpp"
#include "model/pod.hpp"
#include "model/workloads.hpp"
#include "volumes/claim_requests.hpp"

namespace berth::volumes {

/// A claim of the pod, bound: where its content is.
struct BoundClaim {
  std::string claim_name;   ///< "data-mongo-0"
  std::string volume_name;  ///< PersistentVolume's name
  model::PersistentSource source;
  std::vector<std::string> mount_options;
  bool block = false;       ///< volumeMode: Block
  bool read_only = false;   ///< For every container, whatever its volumeMount says.
  model::StringMap secret;  ///< CHAP, of the volume's secretRef.
  /// This node, where the volume is one node's at a time and others reach it, too: a disk that can, then refuses what
  /// the others write. Empty: nobody else has it.
  std::string holder;
  /// With a holder: until then it surely is. Later it is not brought here anew; what is here already stays.
  BootTime held_until{};
};

/// Everything the volumes of one pod need to know; objects looked up by the caller.
struct PodVolumesSpec {
  model::Pod pod;                          ///< metadata (downward API) and spec.volumes.
  std::string pod_ip, host_ip, node_name;  ///< For downward API fields; pod_ip may be empty.
  /// By name, those that exist: as they were when they were looked up, shared with whoever else reads them.
  std::map<std::string, std::shared_ptr<const model::ConfigMap>> config_maps;
  std::map<std::string, std::shared_ptr<const model::Secret>> secrets;
  std::map<std::string, BoundClaim> claims;  ///< By claim name.
};

/// Where a pod's volumes are on the host, by volume name: what containers bind-mount. A raw block volume is the path of
/// its device node.
using VolumePaths = std::map<std::string, std::filesystem::path>;

struct VolumesConfig {
  std::filesystem::path run_dir = "/run/berth";  ///< pods/<uid>/volumes/: tmpfs, configMap, secret
  std::filesystem::path state_dir =
      "/var/lib/berth";  ///< pods/<uid>/emptydir/<name>: on disk; volumes/: provisioned directories
  /// berth-volume, the disposable child; empty: beside this program, else ../lib/berth.
  std::filesystem::path helper = {};
  /// Something that a call answered Aborted for has got further: call again. Any thread, never from within a call.
  std::function<void(const std::string& pod_uid)> on_progress = {};
};

/// Volumes of this host's pods. Calls block on local disks: lane threads only, never the loop. What may wait for a
/// server, a device or a whole file system is never waited for: a child does it, the call answers Aborted ("under way",
/// with what is waited for as its text), and on_progress says when to call again.
class PodVolumes {
 public:
  virtual ~PodVolumes() = default;

  /// Makes every volume of the pod and returns where they are. Made already is success; config maps,
  /// secrets and downward files are brought up to date by an atomic swap (..data symlink).
  /// Errors, for the user to read, naming the volume: NotFound (config map, secret, key, claim or hostPath is
  /// missing: retry when it appears), InvalidArgument (hostPath of another type, bad path), Unimplemented (a kind that
  /// this build does not mount), ResourceExhausted (disk full), DeadlineExceeded (fsGroup of a large claim: call
  /// again), Aborted (under way), and those of berth-volume's publish, each told once. A volume that fails keeps no
  /// other from being made. Success means that network volumes have just answered.
  virtual Result<VolumePaths> mount(const PodVolumesSpec& spec) = 0;

  /// Unmounts and removes all that mount() made, except claims' content. Nothing there is success.
  /// DeadlineExceeded: a large emptyDir is still being removed, call again. Aborted: under way. Unavailable: a device
  /// is busy.
  virtual Status unmount(const std::string& pod_uid) = 0;

  /// Gives back what servers and devices lend, so that the host can go down without them: unmounts, detaches, logs out.
  /// The rest stays as it is: emptyDirs on disk outlive a boot. The pod has no processes. Errors as of unmount().
  virtual Status release(const std::string& pod_uid) = 0;

  /// Is anything of this pod here?
  virtual Result<bool> present(const std::string& pod_uid) = 0;

  /// Did a call for this pod answer Aborted, and is what it began neither taken up by mount() nor taken down? Any
  /// thread.
  virtual bool under_way(const std::string& pod_uid) = 0;

  /// uids of all pods that have anything here: for recovery and orphans.
  virtual Result<std::vector<std::string>> mounted_pods() = 0;

  /// The host path of `sub_path` inside `volume`, resolved below it with openat2(2)
  /// RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_MAGICLINKS, directories made when missing, and pinned by a bind
  /// mount under the pod's run directory, so that it cannot be swapped later (CVE-2017-1002101, CVE-2021-25741).
  virtual Result<std::filesystem::path> sub_path(const std::string& pod_uid, const std::string& container,
                                                 int mount_index, const std::filesystem::path& volume,
                                                 const std::string& sub_path) = 0;

  /// An empty file for the container's termination message: made if missing.
  virtual Result<std::filesystem::path> termination_log(const std::string& pod_uid, const std::string& container,
                                                        unsigned attempt) = 0;

  // --- volumes of claims ----------------------------------------------------------------------------
  // `done` is called once, on any thread, possibly before the call returns. The same call may be made again after any
  // error and after a restart. DeadlineExceeded: given up, nobody answered; Aborted: one for the same claim is under
  // way.

  /// See ProvisionRequest. Errors: InvalidArgument (a parameter: which, and what would be right), ResourceExhausted (no
  /// room, pool empty), NotFound (program, volume group, server's directory), Unavailable, PermissionDenied.
  virtual void provision(const ProvisionRequest& request, std::function<void(const Result<Provisioned>&)> done) = 0;
  /// The size it has then. Unimplemented: this provisioner cannot.
  virtual void expand(const ExpandRequest& request, std::function<void(const Result<std::int64_t>&)> done) = 0;
  /// FailedPrecondition: still in use.
  virtual void reclaim(const ReclaimRequest& request, std::function<void(const Status&)> done) = 0;
};

std::unique_ptr<PodVolumes> make_pod_volumes(const VolumesConfig& config);

/// The provisioners there are: "berth.io/directory" first.
const std::vector<std::string_view>& provisioners();

/// Must containers mount it read-only whatever their volumeMount says? configMap, secret, downwardAPI and projected
/// always (only we write there), a claim when the volume says readOnly. (A bound claim may be read-only besides.)
bool is_read_only(const model::VolumeSource& source);

/// The value of a downward API field ("metadata.name", "metadata.labels['x']", "limits.cpu", ...);
/// shared with environment variables. InvalidArgument: no such field.
Result<std::string> downward_field(const PodVolumesSpec& spec, const std::string& field_path);
Result<std::string> downward_resource(const model::PodSpec& spec, const model::ResourceFieldRef& ref,
                                      const std::string& default_container);

}  // namespace berth::volumes
