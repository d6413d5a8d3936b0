// network/pod_record.hpp - what a pod was given, as one small file under the run directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "network/pod_network.hpp"

namespace berth::network {

/// Written when an attach is complete and removed before a detach begins; it dies with the boot, as do the
/// namespace and the nftables elements that it tells of.
struct PodRecord {
  std::string pod;  ///< "default/web-0", for messages.
  bool host_network = false;
  std::string address;
  std::uint64_t netns_inode = 0;
  std::vector<HostPort> host_ports;
};

/// As JSON text, and back. DataLoss when the text is not such a record.
std::string record_text(const PodRecord& record);
Result<PodRecord> read_record_text(std::string_view text);

/// None when there is no file; DataLoss when it is damaged; else as of open(2).
Result<std::optional<PodRecord>> read_record(const std::filesystem::path& path);

}  // namespace berth::network
