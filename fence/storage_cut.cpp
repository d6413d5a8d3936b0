// fence/storage_cut.cpp - see storage_cut.hpp.
#include "fence/storage_cut.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <system_error>

#include "fence/kernel_file.hpp"

namespace berth::fence {
namespace {

namespace fs = std::filesystem;

void add_once(std::vector<std::string>& all, const std::string& one) {
  if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
}

}  // namespace

Cut find_cut(const MountTable& table, const fs::path& run_dir, const std::string& uid) {
  Cut out;
  const auto pod = run_dir / "pods" / uid;
  std::vector<std::string> shown;  // Devices of the pod's own mounts.
  const auto take = [&](const MountEntry& mount) {
    add_once(out.unmount, mount.target);
    if (is_network_type(mount.fs_type)) add_once(out.force, mount.target);
  };
  for (const auto* below : {"subpaths", "mounts"}) {
    for (const auto& mount : table.below((pod / below).native())) {
      take(mount);
      add_once(shown, mount.device);
    }
  }
  for (const auto& mount : table.below((run_dir / "staged").native())) {
    if (std::find(shown.begin(), shown.end(), mount.device) == shown.end()) continue;
    take(mount);
    add_once(out.devices, mount.device);
  }
  return out;
}

Cut look(const fs::path& run_dir, const std::string& uid) {
  auto table = MountTable::read();
  auto out = table ? find_cut(*table, run_dir, uid) : Cut{};
  std::error_code error;
  for (fs::directory_iterator it(run_dir / "pods" / uid / "devices", error), end; !error && it != end;
       it.increment(error)) {
    struct stat node {};
    if (::stat(it->path().c_str(), &node) != 0 || !S_ISBLK(node.st_mode)) continue;
    add_once(out.devices, std::to_string(major(node.st_rdev)) + ":" + std::to_string(minor(node.st_rdev)));
  }
  return out;
}

void make_cut(const Cut& cut, const fs::path& sysfs) {
  for (const auto& target : cut.force) ::umount2(target.c_str(), MNT_FORCE | UMOUNT_NOFOLLOW);
  for (const auto& target : cut.unmount) ::umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  for (const auto& device : cut.devices) {
    std::error_code error;
    const auto disk = iscsi_disk(fs::canonical(sysfs / "dev/block" / device, error));
    if (!error && !disk.empty()) put(disk / "device/delete", "1");
  }
}

fs::path iscsi_disk(const fs::path& device) {
  bool brought = false;
  fs::path at;
  std::string before;
  for (const auto& step : device) {
    at /= step;
    const auto& name = step.native();
    brought = brought || (name.starts_with("session") && name.find_first_not_of("0123456789", 7) == std::string::npos);
    if (brought && before == "block") return at;
    before = name;
  }
  return {};
}

}  // namespace berth::fence
