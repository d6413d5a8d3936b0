// volumes/helper/fibre_channel.hpp - disks behind a Fibre Channel adapter.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::volumes::helper {

/// What to look for in /dev/disk: a name ends with, or is, one of these. Pure.
struct FibreChannelNames {
  std::vector<std::string> by_path;  ///< Endings in /dev/disk/by-path: "-fc-0x500a0982991b8dc5-lun-2"
  std::vector<std::string> by_id;    ///< Names in /dev/disk/by-id: "scsi-3600508b4", "wwn-0x600508b4"
};
FibreChannelNames fibre_channel_names(const model::FcSource& source);

/// The disk's node, or that of its multipath map; the adapters look for new disks first when it is not there.
/// Errors: NotFound (names what was looked for), InvalidArgument (neither targetWWNs with lun nor wwids).
Result<std::filesystem::path> find_fibre_channel(const model::FcSource& source);

}  // namespace berth::volumes::helper
