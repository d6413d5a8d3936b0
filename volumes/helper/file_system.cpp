// volumes/helper/file_system.cpp - see file_system.hpp; probing is in probe.cpp.
#include "volumes/helper/file_system.hpp"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "volumes/helper/block_device.hpp"
#include "volumes/helper/tool.hpp"
#include "volumes/helper/verbs.hpp"
#include "volumes/mounts.hpp"

namespace berth::volumes::helper {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using Kind = DeviceContent::Kind;

/// Discarding the blocks of a large disk, or writing inode tables of one without lazy initialisation.
constexpr seconds kFormat = hours(1);
/// fsck of a damaged file system reads all of its metadata.
constexpr seconds kRepair = hours(4);
/// Replaying a journal.
constexpr seconds kMount{600};
constexpr seconds kGrow = hours(1);

constexpr std::array<std::string_view, 5> kMakes{"ext4", "xfs", "ext3", "ext2", "btrfs"};

bool is_ext(std::string_view type) { return type == "ext2" || type == "ext3" || type == "ext4"; }

/// Does the driver of `wanted` mount what is there? ext4's takes its ancestors.
bool fits(const std::string& wanted, const std::string& there) {
  return wanted.empty() || wanted == there || (wanted == "ext4" && is_ext(there));
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

ErrorCode mount_error(std::string_view output) {
  if (contains(output, "Structure needs cleaning") || contains(output, "Input/output error")) {
    return ErrorCode::DataLoss;
  }
  if (contains(output, "wrong fs type") || contains(output, "unknown filesystem") || contains(output, "bad option")) {
    return ErrorCode::FailedPrecondition;
  }
  return ErrorCode::Unavailable;
}

Status run_fsck(const std::filesystem::path& device, const std::string& type, const std::vector<std::string>& how) {
  say_doing(fmt::format("check {} on {}", type, device.string()), kRepair);
  // Not fsck(8): it would run this as a child, which would not end with us.
  std::vector<std::string> argv{fmt::format("fsck.{}", type)};
  argv.insert(argv.end(), how.begin(), how.end());
  argv.push_back(device.string());
  const auto checked = run_tool(argv, kRepair);
  if (!checked) return checked.error();
  // e2fsck(8): a sum of 1 corrected, 2 corrected and reboot, 4 left uncorrected, 8 operational error, ...
  constexpr unsigned kCorrected = 1U | 2U;
  constexpr unsigned kLeft = 4;
  constexpr unsigned kSignal = 128;
  const auto code = static_cast<unsigned>(checked->exit_code);
  if ((code & ~kCorrected) == 0) return Ok{};
  const auto words = fmt::format("{} {}: exit code {}: {}", argv.front(), device.string(), checked->exit_code,
                                 one_line(checked->output));
  if (code < kSignal && (code & kLeft) != 0) {
    return Error(ErrorCode::DataLoss, fmt::format("{} has errors which could not be corrected: {}", type, words));
  }
  return Error(ErrorCode::Unavailable, words);
}

/// EXT4_IOC_RESIZE_FS wants CAP_SYS_RESOURCE, see capabilities(7).
bool may_grow_mounted() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[CAP_TO_INDEX(CAP_SYS_RESOURCE)].effective & CAP_TO_MASK(CAP_SYS_RESOURCE)) != 0;
}

Status run_grow(const std::vector<std::string>& argv, const std::filesystem::path& device, const std::string& type) {
  say_doing(fmt::format("grow {} on {}", type, device.string()), kGrow);
  const auto grown = run_tool(argv, kGrow);
  if (!grown) return grown.error();
  if (grown->exit_code == 0) return Ok{};
  return Error(ErrorCode::Unavailable,
               fmt::format("{} {}: exit code {}: {}", argv[0], argv.back(), grown->exit_code, one_line(grown->output)));
}

std::string join(const std::vector<std::string>& options) {
  std::string joined;
  for (const auto& option : options) {
    if (option.empty()) continue;
    if (!joined.empty()) joined += ',';
    joined += option;
  }
  return joined;
}

}  // namespace

Result<MountPlan> plan_mount(const std::filesystem::path& device, const DeviceContent& content,
                             const std::string& wanted, bool read_only) {
  const auto refuse = [&](std::string_view why) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("device {} {}", device.string(), why));
  };
  switch (content.kind) {
    case Kind::Other: return refuse(fmt::format("holds {}: neither mounted nor formatted", content.type));
    case Kind::FileSystem:
      if (!fits(wanted, content.type)) return refuse(fmt::format("holds {}, the volume says {}", content.type, wanted));
      return MountPlan{content.type, /*format=*/false};
    case Kind::Blank:
      if (read_only) return refuse("is blank, and a read-only volume is not formatted");
      break;
    case Kind::UnfinishedFormat:
      if (read_only) return refuse("has an unfinished format, and a read-only volume is not formatted");
      break;
  }
  const auto type = wanted.empty() ? std::string("ext4") : wanted;
  if (std::find(kMakes.begin(), kMakes.end(), type) == kMakes.end()) {
    return Error(
        ErrorCode::InvalidArgument,
        fmt::format("device {} is blank, and fsType \"{}\" is none that can be made here: ext4, xfs, ext3, ext2 "
                    "or btrfs",
                    device.string(), type));
  }
  return MountPlan{type, /*format=*/true};
}

std::vector<std::string> format_command(const std::filesystem::path& device, const std::string& type,
                                        const DeviceContent& content) {
  std::vector<std::string> argv{fmt::format("mkfs.{}", type)};
  if (type == "ext3" || type == "ext4") argv.insert(argv.end(), {"-F", "-m0"});
  if (type == "ext2") argv.emplace_back("-F");
  const auto over = content.kind == Kind::UnfinishedFormat;
  if (over && (type == "xfs" || type == "btrfs")) argv.emplace_back("-f");
  argv.push_back(device.string());
  return argv;
}

Status format(const std::filesystem::path& device, const std::string& type, const DeviceContent& content) {
  say_doing(fmt::format("make {} on {}", type, device.string()), kFormat);
  const auto made = run_tool(format_command(device, type, content), kFormat);
  if (!made) return made.error();
  if (made->exit_code == 0) return Ok{};
  return Error(ErrorCode::FailedPrecondition, fmt::format("mkfs.{} {}: exit code {}: {}", type, device.string(),
                                                          made->exit_code, one_line(made->output)));
}

bool is_clean(const std::filesystem::path& device, const std::string& type) {
  return !is_ext(type) || run_fsck(device, type, {"-n"}).ok();
}

Status repair(const std::filesystem::path& device, const std::string& type) {
  return is_ext(type) ? run_fsck(device, type, {"-a"}) : Status(Ok{});
}

Status mount_device(const std::filesystem::path& device, const std::string& type,
                    const std::vector<std::string>& options, const std::filesystem::path& target) {
  say_doing(fmt::format("mount {}", device.string()), kMount);
  std::vector<std::string> argv{"mount", "-t", type};
  if (const auto joined = join(options); !joined.empty()) argv.insert(argv.end(), {"-o", joined});
  argv.insert(argv.end(), {device.string(), target.string()});
  const auto mounted = run_tool(argv, kMount);
  if (!mounted) return mounted.error();
  if (mounted->exit_code == 0) return Ok{};
  // The mount(8) of a job that was killed may have come first.
  if (is_mounted(target).value_or(false)) return Ok{};
  return Error(mount_error(mounted->output),
               fmt::format("mount {} ({}): {}", device.string(), type, one_line(mounted->output)));
}

Result<bool> has_room_to_grow(const std::filesystem::path& device, const std::string& type) {
  /// Less than this is what mkfs could not use.
  constexpr std::uint64_t kWorthIt = 1024 * 1024;
  const auto uses = file_system_bytes(device, type);
  if (!uses) return uses.error();
  if (*uses == 0) return false;
  const auto has = device_bytes(device);
  if (!has) return has.error();
  return *has >= *uses + kWorthIt;
}

Status grow_unmounted(const std::filesystem::path& device, const std::string& type) {
  if (!is_ext(type) || may_grow_mounted()) return Ok{};
  const auto larger = has_room_to_grow(device, type);
  if (!larger) return larger.error();
  if (!*larger) return Ok{};
  if (auto checked = run_fsck(device, type, {"-f", "-a"}); !checked) return checked;
  return run_grow({"resize2fs", device.string()}, device, type);
}

Status grow(const std::filesystem::path& device, const std::string& type, const std::filesystem::path& target) {
  const auto larger = has_room_to_grow(device, type);
  if (!larger) return larger.error();
  if (!*larger) return Ok{};
  if (is_ext(type)) return may_grow_mounted() ? run_grow({"resize2fs", device.string()}, device, type) : Ok{};
  if (type == "xfs") return run_grow({"xfs_growfs", "-d", target.string()}, device, type);
  return run_grow({"btrfs", "filesystem", "resize", "max", target.string()}, device, type);
}

}  // namespace berth::volumes::helper
