// volumes/helper/pool_devices.hpp - looks at the devices of a pool: which there are, and why one is not free.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "volumes/helper/device_users.hpp"
#include "volumes/helper/pool_choice.hpp"
#include "volumes/helper/pool_parameters.hpp"
#include "volumes/helper/pool_records.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes::helper {

struct PoolDevice {
  Candidate candidate;
  model::PersistentSource source;
  std::string fs_type;  ///< With adopt: what is on it already; else empty.
};

/// "10.0.0.5:3260 iqn.2026-01.org:target lun 3". Pure.
std::string lun_name(const model::IscsiSource& source);

/// Is the device one of this pool, whether it is there now or not? Pure.
bool is_of_pool(const PoolParameters& parameters, const std::string& device);

/// What `device` is not free for: "in use: mounted at /data", "holds ext4", "has partitions sdb1"; empty: it is free.
/// Sets `bytes` and, with adopt, `fs_type`. Looks, changes nothing.
void inspect(const std::filesystem::path& device, const PoolParameters& parameters, const HostView& host,
             PoolDevice& into);

/// The devices that match, each once (links to one device are one), in the order of the patterns and of names.
std::vector<PoolDevice> find_disks(const PoolParameters& parameters, const ProvisionJob& job,
                                   const std::vector<PoolRecord>& records, const HostView& host);

/// The LUNs. Those that may be free are attached to be looked at, and given back. Errors: as of attach_iscsi, of the
/// target as a whole.
Result<std::vector<PoolDevice>> find_luns(const PoolParameters& parameters, const ProvisionJob& job,
                                          const std::vector<PoolRecord>& records, const HostView& host);

}  // namespace berth::volumes::helper
