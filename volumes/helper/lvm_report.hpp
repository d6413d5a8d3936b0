// volumes/helper/lvm_report.hpp - what lvm2 has: volume groups and logical volumes, from its JSON reports.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth::volumes::helper {

struct VolumeGroup {
  std::string name;
  std::int64_t bytes = 0;
  std::int64_t free = 0;
  std::int64_t extent = 0;  ///< Sizes of volumes are multiples of it.
};

struct LogicalVolume {
  std::string name;
  std::int64_t bytes = 0;
  std::vector<std::string> tags;
  std::string attributes;  ///< As in lvs(8), lv_attr: "twi-aotz--" is a thin pool, "-wi-ao----" an open volume.
  std::string pool;        ///< Of thin volumes.
  double used = 0;         ///< Percent of a thin volume or pool that has blocks.

  bool has_tag(std::string_view tag) const;
  bool is_thin_pool() const { return attributes.starts_with('t'); }
  bool is_active() const { return attributes.size() > 4 && attributes[4] == 'a'; }
  bool is_open() const { return attributes.size() > 5 && attributes[5] == 'o'; }
};

/// `vgs` and `lvs` with --reportformat json. InvalidArgument: not such a report. Pure.
Result<std::vector<VolumeGroup>> parse_groups(std::string_view report);
Result<std::vector<LogicalVolume>> parse_volumes(std::string_view report);

/// Runs them. NotFound: lvm2 is not installed; for the second also errors of lvs(8) itself.
Result<std::vector<VolumeGroup>> read_groups();
Result<std::vector<LogicalVolume>> read_volumes(const std::string& group);

/// An lvm2 command line with what this host needs: without udev nobody would answer lvm2 or make nodes in /dev.
std::vector<std::string> lvm_command(std::vector<std::string> words);

/// How much of a pool is neither used nor promised to its volumes. Pure.
std::int64_t unpromised_bytes(const LogicalVolume& pool, const std::vector<LogicalVolume>& volumes);

}  // namespace berth::volumes::helper
