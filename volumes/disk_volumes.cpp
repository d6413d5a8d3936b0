// volumes/disk_volumes.cpp - see disk_volumes.hpp.
#include "volumes/disk_volumes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/log.hpp"
#include "base/mount_table.hpp"
#include "volumes/host_registry.hpp"
#include "volumes/names.hpp"
#include "volumes/network_mounts.hpp"

namespace berth::volumes {
namespace {

/// An answer this old says nothing about the server any more.
constexpr std::chrono::seconds kFresh{5};

std::string check_id(const std::filesystem::path& target) { return "check " + target.string(); }
std::string publish_id(const std::filesystem::path& target) { return "publish " + target.string(); }

/// The text of a symbolic link on our own tmpfs; empty when there is none.
std::filesystem::path link_text(const std::filesystem::path& link) {
  std::error_code failure;
  auto text = std::filesystem::read_symlink(link, failure);
  return failure ? std::filesystem::path() : text;
}

/// Is a device attached for this pod, or was it about to be when its child ended? The child notes each target before it
/// attaches anything (volumes/helper/stage_record.hpp): links on our own tmpfs.
bool is_staged_for(const std::filesystem::path& run_dir, const std::string& pod_uid) {
  const auto mine = fmt::format("/pods/{}/", pod_uid);
  std::error_code failure;
  for (const auto& stage : std::filesystem::directory_iterator(run_dir / "staged", failure)) {
    std::error_code gone;
    for (const auto& target : std::filesystem::directory_iterator(stage.path() / "targets", gone)) {
      if (link_text(target.path()).string().find(mine) != std::string::npos) return true;
    }
  }
  return false;
}

/// Whom taking these mounts down may have to wait for.
std::string peer_of_mounts(const std::vector<MountEntry>& mounts) {
  for (const auto& mount : mounts) {
    if (!is_network_type(mount.fs_type)) continue;
    const auto end = mount.source.rfind(":/");
    return fmt::format("server {}", end == std::string::npos ? mount.source : mount.source.substr(0, end));
  }
  return "disks";
}

/// The volume is used all the same: most disks cannot do it.
void say_unreserved(const json::object& answer) {
  const auto why = find_string(json::value(answer), {"unreserved"});
  if (why.empty()) return;
  log(LogLevel::Warning, "a disk cannot keep other hosts from writing to it; that no other has it is the store's word",
      {{"why", std::string(why)}});
}

}  // namespace

DiskVolumes::DiskVolumes(const VolumesConfig& config, JobRunner& runner)
    : run_dir_(config.run_dir), state_dir_(config.state_dir), on_progress_(config.on_progress), runner_(runner) {
  // So that another agent of this machine finds what we gave out before it gives it out, too. Each job says it again.
  static_cast<void>(note_agent({run_dir_, state_dir_}));
}

Status DiskVolumes::begin(const std::string& id, const std::string& pod_uid, VolumeJob job) {
  job.id = id;
  const auto tell = [on_progress = on_progress_, pod_uid] {
    if (on_progress && !pod_uid.empty()) on_progress(pod_uid);
  };
  {
    const std::lock_guard lock(mutex_);
    told_.try_emplace(id);
  }
  runner_.start(
      std::move(job),
      [this, id, tell](const Result<json::object>& answer) {
        if (answer) say_unreserved(*answer);
        {
          const std::lock_guard lock(mutex_);
          const auto found = told_.find(id);
          if (found == told_.end()) return;  // Its pod is gone.
          auto& told = found->second;
          told.failure.reset();
          if (answer) {
            told.answered = std::chrono::steady_clock::now();
            told.path = std::string(find_string(json::value(*answer), {"path"}));
          } else if (answer.error().code() != ErrorCode::Cancelled) {
            told.failure = answer.error();
          }
        }
        tell();
      },
      [this, id, tell] {
        tell();
        // A child that hung has ended at last, and its pod did not wait for it: what it had staged is nobody's.
        if (!runner_.busy(id) && !is_awaited(id)) sweep();
      });
  return Error(ErrorCode::Aborted, runner_.waits_for(id));
}

std::optional<Error> DiskVolumes::take_failure(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = told_.find(id);
  return found == told_.end() ? std::nullopt : std::exchange(found->second.failure, std::nullopt);
}

bool DiskVolumes::is_awaited(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return told_.contains(id);
}

bool DiskVolumes::answered_lately(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = told_.find(id);
  return found != told_.end() && std::chrono::steady_clock::now() - found->second.answered < kFresh;
}

Result<std::filesystem::path> DiskVolumes::publish(const PodDirs& dirs, const std::string& pod_uid, const Wish& wish) {
  const auto target = (wish.volume.block ? dirs.devices : dirs.mounts) / wish.pod_volume;
  const auto id = publish_id(target);
  {
    const std::lock_guard lock(mutex_);
    told_[id].local = std::holds_alternative<model::LocalSource>(wish.volume.source);
  }
  if (auto failure = take_failure(id)) return *failure;
  if (auto failure = take_failure(check_id(target))) return *failure;
  if (runner_.busy(id)) return Error(ErrorCode::Aborted, runner_.waits_for(id));

  const auto peer = peer_of(wish.volume);
  if (wish.volume.block) {
    if (auto device = link_text(target); !device.empty()) return device;
  } else {
    const auto table = MountTable::read();
    if (!table) return table.error();
    if (const auto* mount = table->find(target.string()); mount != nullptr) {
      if (!is_network_type(mount->fs_type) || answered_lately(id) || answered_lately(check_id(target))) return target;
      return begin(check_id(target), pod_uid,
                   {.id = {},
                    .serial = check_id(target),
                    .peer = peer,
                    .name = wish.volume.name,
                    .document = encode(CheckJob{target})})
          .error();
    }
  }
  if (auto held = surely_held(wish.volume, boot_time()); !held) return held.error();
  const auto shared = !std::holds_alternative<model::NfsSource>(wish.volume.source);
  return begin(id, pod_uid,
               {.id = {},
                .serial = shared ? volume_key(wish.volume) : target.string(),
                .peer = peer,
                .name = wish.volume.name,
                .document = encode(PublishJob{.volume = wish.volume,
                                              .run_dir = run_dir_,
                                              .target = target,
                                              .group = wish.group,
                                              .selinux_label = wish.selinux_label})})
      .error();
}

Status DiskVolumes::unpublish(const PodDirs& dirs, const std::string& pod_uid) {
  const auto id = "unpublish " + pod_uid;
  // What was asked for the pod and is not there yet is not wanted any more; it must have ended before we look.
  std::vector<std::string> others;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [job, told] : told_) {
      if (job != id && job.find(dirs.run.string() + "/") != std::string::npos) others.push_back(job);
    }
  }
  std::string pending;
  auto hangs = false;
  for (const auto& job : others) {
    runner_.cancel(job);
    if (runner_.busy(job)) pending = runner_.waits_for(job);
    hangs = hangs || runner_.hangs(job);
  }
  if (auto failure = take_failure(id)) return *failure;
  if (runner_.busy(id)) return Error(ErrorCode::Aborted, runner_.waits_for(id));

  const auto table = MountTable::read();
  if (!table) return table.error();
  auto mounts = table->below(dirs.mounts.string());
  for (auto& pin : table->below(dirs.subpaths.string())) {
    if (!mounts.empty() || is_network_type(pin.fs_type)) mounts.push_back(std::move(pin));  // Else the caller's affair.
  }
  std::error_code failure;
  const auto links =
      std::filesystem::exists(dirs.devices, failure) && !std::filesystem::is_empty(dirs.devices, failure);
  // A publish that failed half-way, or was cut short, has logged in, or attached, all the same: that is to be undone
  // before the pod is gone.
  const auto staged = is_staged_for(run_dir_, pod_uid);
  if (mounts.empty() && !links && (!staged || hangs)) {
    // A child that hangs may have left something staged: that is swept when it has ended.
    if (!pending.empty()) log(LogLevel::Warning, "a volume's process outlives its pod", {{"why", pending}});
    const std::lock_guard lock(mutex_);
    std::erase_if(told_, [&](const auto& entry) {
      return entry.first == id || entry.first.find(dirs.run.string() + "/") != std::string::npos;
    });
    return Ok{};
  }
  if (!pending.empty()) return Error(ErrorCode::Aborted, pending);
  return begin(id, pod_uid,
               {.id = {},
                .serial = id,
                .peer = "unmount from " + peer_of_mounts(mounts),
                .name = "pod " + pod_uid,
                .document = encode(
                    UnpublishJob{.run_dir = run_dir_, .directories = {dirs.subpaths, dirs.mounts, dirs.devices}})});
}

Result<std::filesystem::path> DiskVolumes::sub_path(const SubPathJob& job) {
  const auto id =
      fmt::format("sub-path {} {} {}", (run_dir_ / "pods" / job.pod_uid / "").string(), job.container, job.mount_index);
  if (auto failure = take_failure(id)) return *failure;
  if (runner_.busy(id)) return Error(ErrorCode::Aborted, runner_.waits_for(id));
  if (answered_lately(id)) {
    const std::lock_guard lock(mutex_);
    return told_[id].path;
  }
  const auto table = MountTable::read();
  if (!table) return table.error();
  const auto* mount = table->find(job.volume.string());
  return begin(id, job.pod_uid,
               {.id = {},
                .serial = id,
                .peer = mount == nullptr ? std::string("disks") : peer_of_mounts({*mount}),
                .name = job.volume.filename().string(),
                .document = encode(job)})
      .error();
}

bool DiskVolumes::may_be_silent(const std::filesystem::path& volume) const {
  const std::lock_guard lock(mutex_);
  const auto found = told_.find(publish_id(volume));
  return found == told_.end() || !found->second.local;
}

bool DiskVolumes::knows(const std::string& pod_uid) const {
  const auto directory = (run_dir_ / "pods" / pod_uid / "").string();
  const std::lock_guard lock(mutex_);
  return std::any_of(told_.begin(), told_.end(),
                     [&](const auto& entry) { return entry.first.find(directory) != std::string::npos; });
}

void DiskVolumes::sweep() {
  std::error_code failure;
  if (!std::filesystem::exists(run_dir_ / "staged", failure)) return;
  (void)begin("sweep", {},
              {.id = {},
               .serial = "sweep",
               .peer = "disks",
               .name = "volumes that no pod uses",
               .document = encode(UnpublishJob{.run_dir = run_dir_, .directories = {}})});
}

}  // namespace berth::volumes
