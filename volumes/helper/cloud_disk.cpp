// volumes/helper/cloud_disk.cpp - see cloud_disk.hpp. Names: the udev rules of amazon-ec2-utils, google-guest-configs
// and WALinuxAgent, systemd's 60-persistent-storage.rules, and the Kubernetes cloud providers' disk finders.
#include "volumes/helper/cloud_disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <system_error>

#include "base/atomic_file.hpp"
#include "volumes/helper/block_device.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

/// virtio-blk has room for 20 bytes of a serial number.
constexpr std::size_t kVirtioSerial = 20;

std::string after_last(const std::string& text, char mark) {
  const auto at = text.rfind(mark);
  return at == std::string::npos ? text : text.substr(at + 1);
}

std::string without(std::string text, char letter) {
  std::erase(text, letter);
  return text;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// Letters, digits, '-', '_' and '.': what can be part of a file name, and of these ids.
bool is_id(const std::string& text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !text.empty() && text.front() != '.' && std::all_of(text.begin(), text.end(), good);
}

bool is_hex(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// "aws://us-east-1a/vol-0abc" and "vol-0abc" -> "vol-0abc"; .../disks/data -> "data"; the others' ids are plain.
std::string plain_id(const model::CloudDiskSource& source) {
  auto id = after_last(source.id, '/');
  if (id.ends_with(".vmdk")) id.erase(id.size() - 5);
  return is_id(id) ? id : std::string();
}

/// The names without "/dev/disk/by-id/".
std::vector<std::string> names_by_id(const model::CloudDiskSource& source, const std::string& id) {
  if (source.kind == "awsElasticBlockStore") {
    const auto serial = without(id, '-');
    return {fmt::format("nvme-Amazon_Elastic_Block_Store_{}", serial),
            fmt::format("nvme-Amazon_Elastic_Block_Store_{}_1", serial),
            fmt::format("virtio-{}", id.substr(0, kVirtioSerial)), fmt::format("scsi-0QEMU_QEMU_HARDDISK_{}", id)};
  }
  if (source.kind == "gcePersistentDisk") {
    return {fmt::format("google-{}", id), fmt::format("scsi-0Google_PersistentDisk_{}", id)};
  }
  if (source.kind == "cinder") {
    return {fmt::format("virtio-{}", id.substr(0, kVirtioSerial)), fmt::format("virtio-{}", id),
            fmt::format("scsi-0QEMU_QEMU_HARDDISK_{}", id),
            fmt::format("scsi-0QEMU_QEMU_HARDDISK_{}", id.substr(0, kVirtioSerial)),
            fmt::format("wwn-0x{}", without(id, '-'))};
  }
  return {};
}

/// vSphere shows a disk's UUID as its world wide name; azure's disks have links of their own.
std::vector<fs::path> other_names(const model::CloudDiskSource& source, const std::string& id) {
  if (source.kind == "azureDisk") {
    std::vector<fs::path> names{fmt::format("/dev/disk/azure/data/by-name/{}", id)};
    const auto from_uri = after_last(source.uri, '/');
    if (is_id(from_uri) && from_uri != id) names.push_back(fmt::format("/dev/disk/azure/data/by-name/{}", from_uri));
    // Disks are attached by number: an id that is one is a LUN.
    const auto is_lun =
        id.size() <= 2 && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (is_lun) {
      names.push_back(fmt::format("/dev/disk/azure/scsi1/lun{}", id));
      names.push_back(fmt::format("/dev/disk/azure/data/by-lun/{}", id));
    }
    names.push_back(fmt::format("/dev/disk/by-id/scsi-0Msft_Virtual_Disk_{}", id));
    return names;
  }
  if (source.kind == "vsphereVolume") {
    const auto uuid = lower(without(without(id, '-'), ' '));
    std::vector<fs::path> names;
    if (is_hex(uuid)) {
      names.push_back(fmt::format("/dev/disk/by-id/wwn-0x{}", uuid));
      names.push_back(fmt::format("/dev/disk/by-id/scsi-3{}", uuid));
    }
    names.push_back(fmt::format("/dev/disk/by-id/scsi-0VMware_Virtual_disk_{}", id));
    return names;
  }
  return {};
}

fs::path with_partition(const fs::path& disk, int partition) {
  return partition > 0 ? fs::path(fmt::format("{}-part{}", disk.string(), partition)) : disk;
}

/// sysfs's view of "the third partition of nvme0n1"; empty when there is none.
std::string partition_of(const fs::path& disk, int partition) {
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(disk, failure)) {
    const auto number = read_file(entry.path() / "partition", 64);
    if (number && number->starts_with(fmt::format("{}\n", partition))) return entry.path().filename().string();
  }
  return {};
}

/// By serial number, for hosts without udev.
std::string disk_with_serial(const std::string& serial, int partition) {
  std::error_code failure;
  for (const auto& disk : fs::directory_iterator("/sys/block", failure)) {
    for (const auto* const where : {"serial", "device/serial"}) {
      const auto text = read_file(disk.path() / where, 4096);
      if (!text || text->substr(0, text->find_last_not_of(" \n") + 1) != serial) continue;
      return partition > 0 ? partition_of(disk.path(), partition) : disk.path().filename().string();
    }
  }
  return {};
}

}  // namespace

std::vector<fs::path> cloud_disk_candidates(const model::CloudDiskSource& source) {
  const auto id = plain_id(source);
  if (id.empty()) return {};
  std::vector<fs::path> candidates;
  for (const auto& name : names_by_id(source, id)) candidates.emplace_back(fmt::format("/dev/disk/by-id/{}", name));
  for (auto& name : other_names(source, id)) candidates.push_back(std::move(name));
  for (auto& candidate : candidates) candidate = with_partition(candidate, source.partition);
  const auto same = std::unique(candidates.begin(), candidates.end());
  candidates.erase(same, candidates.end());
  return candidates;
}

std::string cloud_disk_serial(const model::CloudDiskSource& source) {
  const auto id = plain_id(source);
  if (source.kind == "awsElasticBlockStore") return without(id, '-');
  if (source.kind == "cinder") return id.substr(0, kVirtioSerial);
  return {};
}

Result<fs::path> find_cloud_disk(const model::CloudDiskSource& source) {
  constexpr std::chrono::seconds kLook{30};
  say_doing(fmt::format("look for {} {}", source.kind, source.id), kLook);
  const auto candidates = cloud_disk_candidates(source);
  if (candidates.empty()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("{}: \"{}\" is not the id of a disk", source.kind, source.id));
  }
  for (const auto& candidate : candidates) {
    auto node = block_node(candidate);
    if (node || !failed_with(node, ErrorCode::NotFound)) return node;
  }
  std::vector<std::string> looked;
  looked.reserve(candidates.size() + 1);
  for (const auto& candidate : candidates) looked.push_back(candidate.string());
  if (const auto serial = cloud_disk_serial(source); !serial.empty()) {
    if (const auto disk = disk_with_serial(serial, source.partition); !disk.empty()) return fs::path("/dev") / disk;
    looked.push_back(fmt::format("serial number {} in /sys/block", serial));
  }
  return Error(ErrorCode::NotFound, fmt::format("{} {} is not attached to this host; looked for {}", source.kind,
                                                source.id, fmt::join(looked, ", ")));
}

}  // namespace berth::volumes::helper
