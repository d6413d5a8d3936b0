// volumes/local_pod_volumes.cpp - see local_pod_volumes.hpp.
#include "volumes/local_pod_volumes.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "base/atomic_file.hpp"
#include "volumes/atomic_writer.hpp"
#include "volumes/empty_dir.hpp"
#include "volumes/file_volumes.hpp"
#include "volumes/host_path.hpp"
#include "volumes/mounts.hpp"
#include "volumes/names.hpp"
#include "volumes/ownership.hpp"
#include "volumes/remove_tree.hpp"
#include "volumes/sub_path.hpp"
#include "volumes/termination_log.hpp"

namespace berth::volumes {
namespace {

/// How long one call works on a large tree before it says DeadlineExceeded: lanes must not be held longer.
constexpr std::chrono::seconds kTreeBudget{8};
/// A tmpfs for files of secrets, where run_dir itself is on a disk.
constexpr auto kSecretOptions = "mode=0755,size=64m,nr_inodes=20k";

SteadyTime tree_deadline() { return std::chrono::steady_clock::now() + kTreeBudget; }

/// Where the volumes of one pod are mounted, one overload per kind.
class Mounter {
 public:
  Mounter(const PodDirs& dirs, const PodVolumesSpec& spec, const std::optional<GroupOwner>& owner, DiskVolumes& disks)
      : dirs_(dirs), spec_(spec), owner_(owner), disks_(disks) {}

  Result<std::filesystem::path> mount(const model::Volume& volume) {
    name_ = volume.name;
    return std::visit(*this, volume.source);
  }

  Result<std::filesystem::path> operator()(const model::EmptyDirSource& source) const {
    return make_empty_dir(dirs_, spec_.pod.spec, name_, source, owner_);
  }
  Result<std::filesystem::path> operator()(const model::HostPathSource& source) const {
    if (auto checked = check_host_path(source); !checked) return checked.error();
    return std::filesystem::path(source.path);
  }
  Result<std::filesystem::path> operator()(const model::ConfigMapSource& source) const {
    return write(config_map_payload(source, source.default_mode, spec_), /*secret=*/false);
  }
  Result<std::filesystem::path> operator()(const model::SecretSource& source) const {
    return write(secret_payload(source, source.default_mode, spec_), /*secret=*/true);
  }
  Result<std::filesystem::path> operator()(const model::DownwardSource& source) const {
    return write(downward_payload(source, source.default_mode, spec_), /*secret=*/false);
  }
  Result<std::filesystem::path> operator()(const model::ProjectedSource& source) const {
    const auto secret = std::any_of(source.sources.begin(), source.sources.end(),
                                    [](const auto& part) { return std::holds_alternative<model::SecretSource>(part); });
    return write(projected_payload(source, spec_), secret);
  }
  Result<std::filesystem::path> operator()(const model::ClaimSource& source) const {
    const auto claim = spec_.claims.find(source.claim_name);
    if (claim == spec_.claims.end()) {
      return Error(ErrorCode::NotFound, fmt::format("claim {}/{} is not bound", spec_.pod.meta.ns, source.claim_name));
    }
    const auto* path = std::get_if<model::HostPathSource>(&claim->second.source);
    const auto* local = std::get_if<model::LocalSource>(&claim->second.source);
    if (local != nullptr) {  // A directory, or a device or disk image.
      const auto type = host_path_type(local->path);
      if (!type) return type.error();
      if (claim->second.block || (*type && **type != S_IFDIR)) return publish(disk_volume(claim->second));
    } else if (path == nullptr) {
      return publish(disk_volume(claim->second));
    }
    auto directory = claim_directory(claim->second, path != nullptr ? path->path : local->path);
    if (!directory || !owner_ || source.read_only || claim->second.read_only) return directory;
    if (auto owned = own_once(*directory); !owned) return owned.error();
    return directory;
  }
  Result<std::filesystem::path> operator()(const model::NfsSource& source) const { return publish_own(source); }
  Result<std::filesystem::path> operator()(const model::IscsiSource& source) const { return publish_own(source); }
  Result<std::filesystem::path> operator()(const model::FcSource& source) const { return publish_own(source); }
  Result<std::filesystem::path> operator()(const model::CloudDiskSource& source) const { return publish_own(source); }
  Result<std::filesystem::path> operator()(const model::UnsupportedSource& source) const { return unsupported(source); }

 private:
  static Error unsupported(const model::UnsupportedSource& source) {
    return {ErrorCode::Unimplemented, fmt::format("{} volumes are not mounted by this build", source.kind)};
  }

  /// A disk that the pod itself names.
  template <typename Source>
  Result<std::filesystem::path> publish_own(const Source& source) const {
    DiskVolume volume{.name = name_,
                      .source = source,
                      .mount_options = {},
                      .read_only = source.read_only,
                      .block = false,
                      .secret = {},
                      .holder = {},
                      .held_until = {}};
    if constexpr (std::is_same_v<Source, model::IscsiSource>) {
      if (!source.secret_name.empty()) {
        const auto secret = spec_.secrets.find(source.secret_name);
        if (secret == spec_.secrets.end()) {
          return Error(ErrorCode::NotFound,
                       fmt::format("secret {}/{} is not there", spec_.pod.meta.ns, source.secret_name));
        }
        for (const auto& [key, value] : secret->second->data) volume.secret[key] = value;
      }
    }
    return publish(volume);
  }

  static DiskVolume disk_volume(const BoundClaim& claim) {
    return {.name = claim.claim_name,
            .source = claim.source,
            .mount_options = claim.mount_options,
            .read_only = claim.read_only,
            .block = claim.block,
            .secret = claim.secret,
            .holder = claim.holder,
            .held_until = claim.held_until};
  }

  Result<std::filesystem::path> publish(const DiskVolume& volume) const {
    if (const auto* source = std::get_if<model::UnsupportedSource>(&volume.source)) return unsupported(*source);
    const auto group = volume.block || volume.read_only ? std::nullopt : owner_;
    return disks_.publish(dirs_, spec_.pod.meta.uid,
                          {.volume = volume, .pod_volume = name_, .group = group, .selinux_label = {}});
  }

  Result<std::filesystem::path> write(const Result<Payload>& payload, bool secret) const {
    if (!payload) return payload.error();
    if (auto made = make_private(dirs_.volumes); !made) return made.error();
    const auto directory = dirs_.files / name_;
    if (auto made = make_directories(directory, 0755); !made) return made.error();
    if (secret) {
      const auto memory = in_memory(directory);
      if (!memory) return memory.error();
      if (!*memory) {
        if (auto mounted = mount_tmpfs(directory, kSecretOptions); !mounted) return mounted.error();
      }
    }
    const auto group = owner_ ? std::optional(owner_->gid) : std::nullopt;
    if (auto written = write_payload(directory, *payload, group); !written) return written.error();
    return directory;
  }

  /// fsGroup once per pod and boot: the pod's own later changes stay, and a pass costs nothing.
  Status own_once(const std::filesystem::path& directory) const {
    const auto marker = dirs_.owned / name_;
    struct stat now = {};
    if (::lstat(marker.c_str(), &now) == 0) return Ok{};
    if (auto given = give_to_group(directory, *owner_, tree_deadline()); !given)
      return given.error().context("fsGroup");
    if (auto made = make_private(dirs_.owned); !made) return made;
    return write_file(marker, "");
  }

  const PodDirs& dirs_;
  const PodVolumesSpec& spec_;
  const std::optional<GroupOwner>& owner_;
  DiskVolumes& disks_;
  std::string name_;
};

Result<bool> is_there(const std::filesystem::path& path) {
  struct stat now = {};
  if (::lstat(path.c_str(), &now) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return Error::from_errno(errno, "stat " + path.string());
}

/// Removes the directory if it is empty: other rooms may still have files of the pod in it.
Status remove_if_empty(const std::filesystem::path& directory) {
  if (::rmdir(directory.c_str()) == 0 || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST) return Ok{};
  return Error::from_errno(errno, "remove " + directory.string());
}

/// Our own directories by their real names, as mountinfo shows them (/var/run is a link on many hosts).
std::filesystem::path real(const std::filesystem::path& path) {
  std::error_code failure;
  auto resolved = std::filesystem::weakly_canonical(path, failure);
  return failure ? path : resolved;
}

VolumesConfig normal(VolumesConfig config) {
  config.run_dir = real(config.run_dir);
  config.state_dir = real(config.state_dir);
  return config;
}

/// A program of ours: in the build directory beside us, installed in ../lib/berth.
std::filesystem::path beside_program(std::string_view name) {
  std::error_code failure;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failure);
  const auto beside = program.parent_path() / name;
  return std::filesystem::exists(beside, failure) ? beside : program.parent_path().parent_path() / "lib/berth" / name;
}

}  // namespace

LocalPodVolumes::LocalPodVolumes(VolumesConfig config)
    : config_(normal(std::move(config))),
      disks_(config_, runner_),
      claims_(config_, runner_),
      runner_(config_.helper.empty() ? beside_program("berth-volume") : config_.helper) {
  disks_.sweep();
}

Result<VolumePaths> LocalPodVolumes::mount(const PodVolumesSpec& spec) {
  const auto dirs = pod_dirs(config_, spec.pod.meta.uid);
  if (!dirs) return dirs.error();
  const auto owner = group_owner(spec.pod.spec.security);
  if (!owner) return owner.error();
  Mounter mounter(*dirs, spec, *owner, disks_);
  VolumePaths paths;
  std::optional<Error> failure;
  for (const auto& volume : spec.pod.spec.volumes) {
    if (auto checked = check_name("volume", volume.name); !checked) return checked.error();
    auto path = mounter.mount(volume);
    if (path) {
      paths[volume.name] = std::move(*path);
    } else if (failed_with(path, ErrorCode::Aborted)) {  // Its text names the volume, and a real failure comes first.
      if (!failure) failure = path.error();
    } else if (!failure || failure->code() == ErrorCode::Aborted) {
      failure = path.error().context(fmt::format("volume \"{}\"", volume.name));
    }
  }
  if (failure) return *std::move(failure);
  return paths;
}

Status LocalPodVolumes::unmount(const std::string& pod_uid) {
  const auto dirs = pod_dirs(config_, pod_uid);
  if (!dirs) return dirs.error();
  const auto doing = "volumes of pod " + pod_uid;
  const auto deadline = tree_deadline();
  if (auto done = disks_.unpublish(*dirs, pod_uid); !done) return done;
  for (const auto& directory : dirs->all()) {
    // Sub paths first: they hold on to what lies in the other directories, and in claims.
    if (auto unmounted = unmount_below(directory); !unmounted) return unmounted.error().context(doing);
  }
  for (const auto& directory : dirs->all()) {
    if (auto removed = remove_tree(directory, deadline); !removed) return removed.error().context(doing);
  }
  if (auto removed = remove_if_empty(dirs->run); !removed) return removed;
  return remove_if_empty(dirs->state);
}

Status LocalPodVolumes::release(const std::string& pod_uid) {
  const auto dirs = pod_dirs(config_, pod_uid);
  if (!dirs) return dirs.error();
  if (auto done = disks_.unpublish(*dirs, pod_uid); !done) return done;
  // Pinned sub paths hold on to what is mounted elsewhere: in a claim on a disk of the host's own, or a hostPath.
  if (auto unmounted = unmount_below(dirs->subpaths); !unmounted) {
    return unmounted.error().context("volumes of pod " + pod_uid);
  }
  return Ok{};
}

Result<bool> LocalPodVolumes::present(const std::string& pod_uid) {
  const auto dirs = pod_dirs(config_, pod_uid);
  if (!dirs) return dirs.error();
  for (const auto& directory : dirs->all()) {
    const auto there = is_there(directory);
    if (!there || *there) return there;
  }
  return false;
}

Result<std::vector<std::string>> LocalPodVolumes::mounted_pods() {
  std::set<std::string> uids;
  for (const auto& pods : {config_.run_dir / "pods", config_.state_dir / "pods"}) {
    std::error_code failure;
    std::filesystem::directory_iterator entry(pods, failure);
    if (failure == std::errc::no_such_file_or_directory) continue;
    for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
      const auto uid = entry->path().filename().string();
      if (uids.contains(uid) || !check_name("pod uid", uid)) continue;
      const auto there = present(uid);
      if (!there) return there.error();
      if (*there) uids.insert(uid);
    }
    // Half a list would make orphans of the other half.
    if (failure) return Error::from_errno(failure.value(), "read " + pods.string());
  }
  return std::vector<std::string>(uids.begin(), uids.end());
}

Result<std::filesystem::path> LocalPodVolumes::sub_path(const std::string& pod_uid, const std::string& container,
                                                        int mount_index, const std::filesystem::path& volume,
                                                        const std::string& sub_path) {
  const auto dirs = pod_dirs(config_, pod_uid);
  if (!dirs) return dirs.error();
  if (volume.parent_path() == dirs->mounts && disks_.may_be_silent(volume)) {
    return disks_.sub_path({.run_dir = config_.run_dir,
                            .state_dir = config_.state_dir,
                            .pod_uid = pod_uid,
                            .container = container,
                            .mount_index = mount_index,
                            .volume = volume,
                            .sub_path = sub_path});
  }
  return pin_sub_path(*dirs, container, mount_index, volume, sub_path);
}

Result<std::filesystem::path> LocalPodVolumes::termination_log(const std::string& pod_uid, const std::string& container,
                                                               unsigned attempt) {
  const auto dirs = pod_dirs(config_, pod_uid);
  if (!dirs) return dirs.error();
  return make_termination_log(*dirs, container, attempt);
}

void LocalPodVolumes::provision(const ProvisionRequest& request, std::function<void(const Result<Provisioned>&)> done) {
  claims_.provision(request, std::move(done));
}

void LocalPodVolumes::expand(const ExpandRequest& request, std::function<void(const Result<std::int64_t>&)> done) {
  claims_.expand(request, std::move(done));
}

void LocalPodVolumes::reclaim(const ReclaimRequest& request, std::function<void(const Status&)> done) {
  claims_.reclaim(request, std::move(done));
}

std::unique_ptr<PodVolumes> make_pod_volumes(const VolumesConfig& config) {
  return std::make_unique<LocalPodVolumes>(config);
}

bool is_read_only(const model::VolumeSource& source) {
  struct ReadOnly {
    bool operator()(const model::EmptyDirSource&) const { return false; }
    bool operator()(const model::HostPathSource&) const { return false; }
    bool operator()(const model::ClaimSource& claim) const { return claim.read_only; }
    bool operator()(const model::NfsSource& nfs) const { return nfs.read_only; }
    bool operator()(const model::IscsiSource& iscsi) const { return iscsi.read_only; }
    bool operator()(const model::FcSource& fc) const { return fc.read_only; }
    bool operator()(const model::CloudDiskSource& disk) const { return disk.read_only; }
    bool operator()(const model::ConfigMapSource&) const { return true; }
    bool operator()(const model::SecretSource&) const { return true; }
    bool operator()(const model::DownwardSource&) const { return true; }
    bool operator()(const model::ProjectedSource&) const { return true; }
    bool operator()(const model::UnsupportedSource&) const { return true; }
  };
  return std::visit(ReadOnly{}, source);
}

}  // namespace berth::volumes
