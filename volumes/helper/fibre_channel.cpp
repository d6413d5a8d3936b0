// volumes/helper/fibre_channel.cpp - see fibre_channel.hpp; the names are udev's (60-persistent-storage.rules).
#include "volumes/helper/fibre_channel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <system_error>
#include <thread>

#include "base/clock.hpp"
#include "volumes/helper/block_device.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kAppears{30};
constexpr std::chrono::milliseconds kLookAgain{200};

/// World wide names are written with and without 0x, in either case.
std::string plain_wwn(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (text.starts_with("0x")) text.erase(0, 2);
  std::erase(text, ':');
  return text;
}

bool matches(const std::string& name, const std::vector<std::string>& endings) {
  return std::any_of(endings.begin(), endings.end(), [&name](const auto& each) { return name.ends_with(each); });
}

/// Kernel names ("sdb") of all links in `directory` that match: with several adapters a disk has several.
void collect(const fs::path& directory, const std::vector<std::string>& endings, bool whole,
             std::set<std::string>& disks) {
  std::error_code failure;
  for (const auto& link : fs::directory_iterator(directory, failure)) {
    const auto name = link.path().filename().string();
    const auto found =
        whole ? std::find(endings.begin(), endings.end(), name) != endings.end() : matches(name, endings);
    if (!found) continue;
    const auto node = block_node(link.path());
    if (node) disks.insert(node->filename().string());
  }
}

std::set<std::string> look(const FibreChannelNames& names) {
  std::set<std::string> disks;
  collect("/dev/disk/by-path", names.by_path, /*whole=*/false, disks);
  collect("/dev/disk/by-id", names.by_id, /*whole=*/true, disks);
  return disks;
}

/// Asks the Fibre Channel adapters, and no other, to look at all their targets.
void rescan() {
  std::error_code failure;
  for (const auto& host : fs::directory_iterator("/sys/class/fc_host", failure)) {
    std::ofstream scan(fs::path("/sys/class/scsi_host") / host.path().filename() / "scan");
    scan << "- - -" << std::flush;
  }
}

Error not_found(const FibreChannelNames& names) {
  std::vector<std::string> looked;
  for (const auto& ending : names.by_path) looked.push_back(fmt::format("/dev/disk/by-path/*{}", ending));
  for (const auto& name : names.by_id) looked.push_back(fmt::format("/dev/disk/by-id/{}", name));
  return {ErrorCode::NotFound,
          fmt::format("no Fibre Channel disk is here under any of these names: {}", fmt::join(looked, ", "))};
}

}  // namespace

FibreChannelNames fibre_channel_names(const model::FcSource& source) {
  FibreChannelNames names;
  if (source.lun) {
    for (const auto& wwn : source.target_wwns) {
      names.by_path.push_back(fmt::format("-fc-0x{}-lun-{}", plain_wwn(wwn), *source.lun));
    }
  }
  for (const auto& wwid : source.wwids) {
    names.by_id.push_back(fmt::format("scsi-{}", wwid));
    // The kubelet's wwids are scsi_id's, which begin with the type of the name: 3 for NAA, 2 for EUI.
    const auto plain = plain_wwn(wwid);
    names.by_id.push_back(fmt::format("wwn-0x{}", plain));
    if (plain.size() > 1 && (plain.front() == '3' || plain.front() == '2')) {
      names.by_id.push_back(fmt::format("wwn-0x{}", plain.substr(1)));
    }
  }
  return names;
}

Result<fs::path> find_fibre_channel(const model::FcSource& source) {
  const auto names = fibre_channel_names(source);
  if (names.by_path.empty() && names.by_id.empty()) {
    return Error(ErrorCode::InvalidArgument, "fc: needs targetWWNs with lun, or wwids");
  }
  auto disks = look(names);
  if (disks.empty()) {
    std::error_code failure;
    if (!fs::exists("/sys/class/fc_host", failure)) return not_found(names);  // no adapter: nothing can appear
    say_doing("look for the Fibre Channel disk", kAppears * 2);
    rescan();
    const auto until = std::chrono::steady_clock::now() + kAppears;
    while (disks.empty() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(kLookAgain);
      disks = look(names);
    }
  }
  if (disks.empty()) return not_found(names);
  return through_multipath(*disks.begin(), disks.size() > 1 || source.target_wwns.size() > 1);
}

}  // namespace berth::volumes::helper
