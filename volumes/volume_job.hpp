// volumes/volume_job.hpp - what the agent asks of berth-volume, its disposable child, and what that answers.
//
// Everything that may wait for a server, a disk or a whole file system runs in a child of its own, never in the agent:
// a child can be given up (KILL, and left alone in state D), a thread cannot. One job is one process: the job is a JSON
// document on its stdin, {"verb": "publish", ...}; what it says on stdout is lines of JSON:
//
//   {"doing": "log in to portal 10.0.0.5:3260", "seconds": 30}    a step has begun, and how long it may take
//   {"result": {...}}                                             done, the last line
//   {"error": {"code": "NotFound", "message": "..."}}             failed, the last line
//
// Every verb may be killed between any two system calls and is then simply run again: it looks before it acts. Children
// of two agents, the one that was killed and its successor, keep out of each other's way by flock(2) on files below
// run_dir.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/boot_time.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "model/model.hpp"
#include "volumes/claim_requests.hpp"
#include "volumes/ownership.hpp"

namespace berth::volumes {

/// A volume on a server or a device, whether a pod names it or a PersistentVolume does.
struct DiskVolume {
  std::string name;  ///< What every message calls it: the claim ("data-db-0"), else the pod's volume.
  model::PersistentSource source;
  std::vector<std::string> mount_options;
  bool read_only = false;
  bool block = false;       ///< volumeMode: Block. The device itself is published.
  model::StringMap secret;  ///< CHAP: "node.session.auth.username", ... (kubernetes.io/iscsi-chap); bytes.
  std::string holder;     ///< The node that alone may write to it (BoundClaim::holder). Empty: nobody else reaches it.
  BootTime held_until{};  ///< BoundClaim::held_until.
};

/// A name for the device or export that does not depend on who uses it: one staging directory, one lock. At most 64
/// characters of [a-z0-9-]. Pure.
std::string volume_key(const DiskVolume& volume);

/// Who does not answer when this volume is silent: "server 10.0.0.5", "portal 10.0.0.5:3260", "disk /dev/sdb". Pure.
std::string peer_of(const DiskVolume& volume);

/// Unavailable: the volume has a holder, and by `now` it may be another one. Pure.
Status surely_held(const DiskVolume& volume, BootTime now);

/// publish: brings the volume to `target`. Attach, format if blank, check, mount below run_dir/staged/<key>, grow, give
/// to the group, and at last bind at `target` (NFS: mounted there directly). For block volumes `target` becomes a
/// symbolic link to the device node. So a target that is there is complete. Answers {}, with "unreserved": "why" when
/// the volume has a holder and its disk cannot keep others from writing; published already is success.
/// Errors: NotFound (device, export, program not here), FailedPrecondition (another file system or a partition table is
/// on it; in use elsewhere), InvalidArgument, Unauthenticated (CHAP), Unavailable (server says no, for now), DataLoss
/// (fsck could not repair). Unavailable, too, where another host may have it by the time at which it would be mounted,
/// or taken from whom it had before: see surely_held().
struct PublishJob {
  DiskVolume volume;
  std::filesystem::path run_dir;
  std::filesystem::path target;
  std::optional<GroupOwner> group;  ///< Of devices only: an NFS export's owners are the server's affair.
  std::string selinux_label;        ///< For -o context= where SELinux is on; empty: none.
};

/// unpublish: takes down every mount and link at or below the directories, in their order; then releases each device
/// that was published there, if nobody else has it any more: unmount, detach, log out. Devices of other pods are not
/// touched: their portals may be silent. A mount of a silent server is detached and left to the kernel; a device's
/// mount is really unmounted, so that its data is on it. Empty directories that were mounted on are removed. No
/// directories: releases every staged device whose targets are all gone (after a restart); those that another process
/// works on are left to it. Errors: Unavailable (a device is still busy: again later), DataLoss (a record below
/// run_dir/staged cannot be understood: left alone; or not all of a device's data could be written: it is released).
struct UnpublishJob {
  std::filesystem::path run_dir;
  std::vector<std::filesystem::path> directories;
};

/// check: does the file system mounted at `target` answer? statfs(2) and one look-up. Answers {}.
struct CheckJob {
  std::filesystem::path target;
};

/// sub-path: pins a path inside a published volume, see PodVolumes::sub_path. Answers {"path": "..."}.
struct SubPathJob {
  std::filesystem::path run_dir, state_dir;
  std::string pod_uid, container;
  int mount_index = 0;
  std::filesystem::path volume;
  std::string sub_path;
};

/// provision: answers {"source": {"nfs": {...}}, "bytes": N, "local": true}, see Provisioned.
/// Errors: InvalidArgument (parameters: which, and what would be right), ResourceExhausted (no space, pool empty),
/// NotFound (program or volume group missing), Unavailable, Aborted (not begun: its time is over, ask anew).
struct ProvisionJob : ProvisionRequest {
  std::filesystem::path run_dir, state_dir;
};

/// expand: answers {"bytes": N}. Errors: Unimplemented (this provisioner cannot), ResourceExhausted.
struct ExpandJob : ExpandRequest {
  std::filesystem::path run_dir, state_dir;
};

/// reclaim: answers {}. Errors: FailedPrecondition (still mounted or open somewhere), Aborted as above.
struct ReclaimJob : ReclaimRequest {
  std::filesystem::path run_dir, state_dir;
};

// To and from the document on stdin, "verb" included. Decoding: InvalidArgument.
json::object encode(const PublishJob& job);
json::object encode(const UnpublishJob& job);
json::object encode(const CheckJob& job);
json::object encode(const SubPathJob& job);
json::object encode(const ProvisionJob& job);
json::object encode(const ExpandJob& job);
json::object encode(const ReclaimJob& job);
Result<PublishJob> decode_publish(const json::object& document);
Result<UnpublishJob> decode_unpublish(const json::object& document);
Result<CheckJob> decode_check(const json::object& document);
Result<SubPathJob> decode_sub_path(const json::object& document);
Result<ProvisionJob> decode_provision(const json::object& document);
Result<ExpandJob> decode_expand(const json::object& document);
Result<ReclaimJob> decode_reclaim(const json::object& document);

/// What the child answers to a provision job. Internal: it is none of that form.
Result<Provisioned> decode_provisioned(const json::object& answer);

/// Where what is staged of a volume is: run_dir/staged/<key>.
std::filesystem::path stage_dir(const std::filesystem::path& run_dir, const std::string& key);

}  // namespace berth::volumes
