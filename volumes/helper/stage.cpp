// volumes/helper/stage.cpp - see stage.hpp.
//
// The order, and why it may stop after any line:
//   lock            nobody else publishes or releases this device
//   targets/        whose pod this is for: unpublish of that pod undoes the rest, if we never come back
//   volume.json     what is ours to detach. Before attaching: a loop device that is here afterwards is ours
//   attach          finds what is attached already
//   reserve         from here on no other host writes to it, where the disk can see to that
//   probe, format   only when nothing is mounted: a killed mkfs leaves Blank or UnfinishedFormat, never half a file
//   system fsck, mount     mount(2) is all or nothing; fsck is only ever run on what is not mounted grow, group both
//   look first, and go on where they stopped bind, link      the last step, all or nothing: who sees it sees a complete
//   volume
// Undoing (release.cpp) goes the other way, and removes the record when nothing is attached any more.
#include "volumes/helper/stage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/mount_table.hpp"
#include "volumes/beneath.hpp"
#include "volumes/helper/block_device.hpp"
#include "volumes/helper/claim_lock.hpp"
#include "volumes/helper/device.hpp"
#include "volumes/helper/device_users.hpp"
#include "volumes/helper/file_system.hpp"
#include "volumes/helper/scsi_reservation.hpp"
#include "volumes/helper/stage_record.hpp"
#include "volumes/helper/tool.hpp"
#include "volumes/helper/verbs.hpp"
#include "volumes/host_registry.hpp"
#include "volumes/mounts.hpp"
#include "volumes/pod_dirs.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

/// Another child may be making or checking a file system.
constexpr std::chrono::seconds kLock{60};
constexpr std::chrono::seconds kQuick{60};
/// A few answers of 20 s each.
constexpr std::chrono::seconds kReserve{120};
/// fsGroup of millions of files.
constexpr auto kGroup = std::chrono::hours(4);

std::string fs_type_of(const model::PersistentSource& source) {
  if (const auto* local = std::get_if<model::LocalSource>(&source)) return local->fs_type;
  if (const auto* iscsi = std::get_if<model::IscsiSource>(&source)) return iscsi->fs_type;
  if (const auto* channel = std::get_if<model::FcSource>(&source)) return channel->fs_type;
  if (const auto* cloud = std::get_if<model::CloudDiskSource>(&source)) return cloud->fs_type;
  return {};
}

/// Whether somebody staged it as the other kind: a raw device under a mounted file system would destroy it.
Status same_kind(const StageRecord& record, const PublishJob& job) {
  if (record.block == job.volume.block) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("{} is used as a {} here already ({}), and cannot be a {} at the same time", job.volume.name,
                           record.block ? "raw block device" : "file system", record.name,
                           job.volume.block ? "raw block device" : "file system"));
}

Status begin_record(const StageDir& stage, const PublishJob& job) {
  const auto there = read_record(stage);
  if (!there) return there.error();
  if (*there) return same_kind(**there, job);
  auto plan = plan_attach(job.volume);
  if (!plan) return plan.error();
  return write_record(stage, {job.volume.name, job.volume.source, job.volume.block, *std::move(plan)});
}

std::vector<std::string> mount_options(const PublishJob& job) {
  auto options = job.volume.mount_options;
  if (job.volume.read_only) options.emplace_back("ro");
  std::error_code ignored;
  if (!job.selinux_label.empty() && fs::exists("/sys/fs/selinux/enforce", ignored)) {
    options.push_back(fmt::format("context=\"{}\"", job.selinux_label));
  }
  return options;
}

bool has_option(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const auto end = options.find(',');
    if (options.substr(0, end) == wanted) return true;
    options.remove_prefix(end == std::string_view::npos ? options.size() : end + 1);
  }
  return false;
}

/// The first pod may have wanted it read-only, the second one not: each has its own bind, the file system is for both.
Status make_writable(const fs::path& mounted) {
  const auto table = MountTable::read();
  if (!table) return table.error();
  const auto* entry = table->find(mounted.string());
  if (entry == nullptr || !(has_option(entry->options, "ro") || has_option(entry->fs_options, "ro"))) return Ok{};
  say_doing("mount " + mounted.string() + " writable", kQuick);
  const auto remounted = run_tool({"mount", "-o", "remount,rw", mounted.string()}, kQuick);
  if (!remounted) return remounted.error();
  if (remounted->exit_code == 0) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("mount {} writable: {}", entry->source, one_line(remounted->output)));
}

/// Mounted read-only, as the first pod wanted it, a file system was not repaired: that would have written to it. Before
/// anybody writes to one that needs it, it is taken down and mounted as new, which only works while no pod has it.
Status take_down_unchecked(const StageDir& stage) {
  if (::access(stage.unchecked.c_str(), F_OK) != 0) return Ok{};
  const auto table = MountTable::read();
  if (!table) return table.error();
  const auto* own = table->find(stage.mount.string());
  for (const auto& entry : table->entries()) {
    if (own == nullptr || entry.device != own->device || entry.target == stage.mount) continue;
    return Error(ErrorCode::FailedPrecondition,
                 fmt::format("{} has to be checked before it is written to, and is in use read-only at {}", own->source,
                             entry.target));
  }
  if (own != nullptr && ::umount2(stage.mount.c_str(), UMOUNT_NOFOLLOW) != 0) {
    return Error::from_errno(errno, "unmount " + stage.mount.string() + " to check it");
  }
  if (::unlink(stage.unchecked.c_str()) != 0) return Error::from_errno(errno, "remove " + stage.unchecked.string());
  return Ok{};
}

Status mount_stage(const StageDir& stage, const PublishJob& job, const fs::path& device) {
  if (auto made = make_directories(stage.mount, 0700); !made) return made;
  if (!job.volume.read_only) {
    if (auto checked = take_down_unchecked(stage); !checked) return checked;
  }
  const auto mounted = is_mounted(stage.mount);
  if (!mounted) return mounted.error();
  const auto type_wanted = fs_type_of(job.volume.source);
  std::string type;
  if (*mounted) {
    if (job.volume.read_only) return Ok{};
    if (auto writable = make_writable(stage.mount); !writable) return writable;
    const auto table = MountTable::read();
    if (!table) return table.error();
    if (const auto* entry = table->find(stage.mount.string())) type = entry->fs_type;
  } else {
    say_doing("look at what is on " + device.string(), kQuick);
    // Mounted, held or being formatted by somebody else: not ours to look at, let alone to write to.
    if (auto unused = want_unused(device); !unused) return unused;
    const auto content = probe(device);
    if (!content) return content.error();
    const auto plan = plan_mount(device, *content, type_wanted, job.volume.read_only);
    if (!plan) return plan.error();
    type = plan->type;
    if (plan->format) {
      if (auto made = format(device, type, *content); !made) return made;
    } else if (!job.volume.read_only) {
      if (auto repaired = repair(device, type); !repaired) return repaired;
      if (auto grown = grow_unmounted(device, type); !grown) return grown;
    } else if (!is_clean(device, type)) {
      if (auto noted = write_file(stage.unchecked, ""); !noted) return noted;
    }
    if (auto done = mount_device(device, type, mount_options(job), stage.mount); !done) return done;
    if (job.volume.read_only) return Ok{};
  }
  return grow(device, type, stage.mount);
}

/// Once per group while it is staged: the pods' own later changes stay.
Status give_stage_to_group(const StageDir& stage, const PublishJob& job) {
  if (!job.group || job.volume.read_only) return Ok{};
  const auto mark = fmt::format("{}\n", job.group->gid);
  if (const auto last = read_file(stage.group, 64); last && *last == mark) return Ok{};
  say_doing(fmt::format("give the files of {} to group {}", job.volume.name, job.group->gid), kGroup);
  const auto given = give_to_group(stage.mount, *job.group, std::chrono::steady_clock::now() + kGroup);
  if (!given) return given.error().context("fsGroup");
  return write_file(stage.group, mark);
}

Status bind_target(const StageDir& stage, const PublishJob& job) {
  say_doing("show it to the pod", kQuick);
  if (::mkdir(job.target.c_str(), 0755) != 0 && errno != EEXIST) {
    return Error::from_errno(errno, "make directory " + job.target.string());
  }
  const auto source = open_directory(stage.mount);
  if (!source) return source.error();
  return bind_descriptor(source->get(), job.target, job.volume.read_only);
}

/// A link that appears whole: made beside, then renamed.
Status link_target(const PublishJob& job, const fs::path& device) {
  const auto beside = job.target.parent_path() / fmt::format(".{}.new", job.target.filename().string());
  ::unlink(beside.c_str());
  if (::symlink(device.c_str(), beside.c_str()) != 0) return Error::from_errno(errno, "link " + beside.string());
  if (::rename(beside.c_str(), job.target.c_str()) == 0) return Ok{};
  return Error::from_errno(errno, "rename to " + job.target.string());
}

Result<bool> is_published(const PublishJob& job) {
  if (!job.volume.block) return is_mounted(job.target);
  struct stat now = {};
  if (::lstat(job.target.c_str(), &now) == 0) return S_ISLNK(now.st_mode);
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return Error::from_errno(errno, "look at " + job.target.string());
}

/// Nobody but us writes to the disk from now on. Empty: so it is, or nobody else could; else why it cannot be had.
Result<std::string> reserve(const StageDir& stage, const PublishJob& job, const fs::path& device) {
  if (job.volume.holder.empty() || !can_be_reserved(job.volume.source)) return std::string();
  const auto key = reservation_key(job.volume.holder, volume_key(job.volume));
  say_doing(fmt::format("reserve {}", device.string()), kReserve);
  if (auto noted = write_reserved(stage, {device, key}); !noted) return noted.error();
  const auto done = reserve_disk(device, key, job.volume.held_until);
  if (done) return std::string();
  if (failed_with(done, ErrorCode::Unimplemented)) return done.error().message();
  return done.error();
}

/// Our own pods are told apart by the stage; those of another agent on this machine are seen on the device only. Nobody
/// may write below a mounted file system, nor mount (or format) what a pod has as it is.
Status not_of_another_agent(const fs::path& device, const PublishJob& job) {
  const auto number = block_number(device);
  if (!number) return number.error();
  auto host = look_at_host(job.run_dir);
  if (!host) return host.error();
  host->run_dirs.erase(host->run_dirs.begin());  // the first is our own
  const auto users = pods_and_mounts(*number, *host, /*mounts=*/job.volume.block);
  if (users.empty()) return Ok{};
  return Error(ErrorCode::FailedPrecondition, fmt::format("{} is {}", job.volume.name, users.front()));
}

Status show(const StageDir& stage, const PublishJob& job, const fs::path& device) {
  if (job.volume.block) return link_target(job, device);
  if (auto mounted = mount_stage(stage, job, device); !mounted) return mounted;
  if (auto given = give_stage_to_group(stage, job); !given) return given;
  return bind_target(stage, job);
}

}  // namespace

Answer publish_device(const PublishJob& job) {
  const StageDir stage(stage_dir(job.run_dir, volume_key(job.volume)));
  say_doing(fmt::format("wait for another job on {}", job.volume.name), kLock * 2);
  const auto lock = FileLock::wait(stage.lock, job.volume.name, kLock);
  if (!lock) return lock.error();
  // And against another agent of this machine, which has another run directory.
  if (auto noted = note_agent({job.run_dir, {}}); !noted) return noted.error();
  const auto host_lock = take_lock("device", volume_key(job.volume), HandDown::No);
  if (!host_lock) return host_lock.error();
  const auto published = is_published(job);
  if (!published) return published.error();
  if (*published) return json::object();

  if (auto noted = add_target(stage, job.target); !noted) return noted.error();
  if (auto begun = begin_record(stage, job); !begun) return begun.error();
  const auto device = attach(job.volume, job.run_dir);
  if (!device) return device.error();
  if (auto free = not_of_another_agent(*device, job); !free) return free.error();
  if (auto made = make_private(job.target.parent_path()); !made) return made.error();
  const auto unreserved = reserve(stage, job, *device);
  if (!unreserved) return unreserved.error();
  // For a disk that cannot refuse others this is all there is.
  if (auto held = surely_held(job.volume, boot_time()); !held) return held.error();
  if (auto shown = show(stage, job, *device); !shown) return shown.error();
  json::object answer;
  if (!unreserved->empty()) answer["unreserved"] = *unreserved;
  return answer;
}

}  // namespace berth::volumes::helper
