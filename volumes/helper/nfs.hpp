// volumes/helper/nfs.hpp - exports of NFS servers, see nfs(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes::helper {

/// "10.0.0.5:/export", "[fd00::5]:/export". Pure.
std::string nfs_device(const model::NfsSource& source);

/// What mount.nfs gets for -o: the volume's options without those that only mount(8) and fstab know (nofail, _netdev,
/// x-*), without `bg` (it would go on without us), with `ro`, and one attempt where nothing else is said: trying again
/// is the agent's. Pure.
std::string nfs_options(const std::vector<std::string>& options, bool read_only);

/// mount.nfs's words as an error: NotFound (no such export), PermissionDenied, Unavailable (server away),
/// FailedPrecondition (rpc.statd, versions), InvalidArgument (options). Pure.
Error nfs_error(const std::string& device, std::string_view output);

/// Mounts the export at `job.target`. Mounted already is success. Errors: as nfs_error(), and NotFound where mount.nfs
/// is not installed.
Status publish_nfs(const PublishJob& job);

}  // namespace berth::volumes::helper
