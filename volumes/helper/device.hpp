// volumes/helper/device.hpp - the device of a volume: attached to this host, found, detached.
#pragma once

#include <filesystem>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes::helper {

/// Is it a device at all? NFS exports and directories are not.
bool is_device(const model::PersistentSource& source);

/// What detach() has to know, decided before anything is attached: is a loop device there already, which is not ours to
/// take away? Put into the stage's record. {} for what nobody attaches here. Errors: as of attach().
Result<json::object> plan_attach(const DiskVolume& volume);

/// Attaches the device if need be and returns its node (/dev/sdb, /dev/loop3, /dev/dm-0).
/// Errors: NotFound (says what was looked for), Unauthenticated, Unavailable, InvalidArgument.
Result<std::filesystem::path> attach(const DiskVolume& volume, const std::filesystem::path& run_dir);

/// Takes away what attach() made, if the plan says that it is ours and nobody else uses it. Nothing there is success.
/// `key`: the stage that is being released.
Status detach(const model::PersistentSource& source, const json::object& plan, const std::filesystem::path& run_dir,
              const std::string& key);

}  // namespace berth::volumes::helper
