// tests/fakes/fake_volumes.cpp - see fake_volumes.hpp.
#include "tests/fakes/fake_volumes.hpp"

#include <fmt/format.h>

#include <utility>

#include "volumes/file_volumes.hpp"
#include "volumes/names.hpp"

namespace berth::volumes {

void FakeVolumes::fail_next(const std::string& verb, Error error) {
  const std::lock_guard lock(mutex_);
  failures_[verb].push_back(std::move(error));
}

void FakeVolumes::set_missing_host_path(const std::string& path, bool missing) {
  const std::lock_guard lock(mutex_);
  if (missing) {
    missing_host_paths_.insert(path);
  } else {
    missing_host_paths_.erase(path);
  }
}

std::vector<std::string> FakeVolumes::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::optional<PodVolumesSpec> FakeVolumes::mounted(const std::string& pod_uid) const {
  const std::lock_guard lock(mutex_);
  const auto found = pods_.find(pod_uid);
  return found == pods_.end() ? std::nullopt : std::optional(found->second);
}

std::set<std::string> FakeVolumes::provisioned() const {
  const std::lock_guard lock(mutex_);
  return claims_;
}

Status FakeVolumes::begin(const std::string& verb, const std::string& what) {
  calls_.push_back(what.empty() ? verb : verb + " " + what);
  const auto planned = failures_.find(verb);
  if (planned == failures_.end() || planned->second.empty()) return Ok{};
  auto error = planned->second.front();
  planned->second.erase(planned->second.begin());
  return error;
}

Result<std::filesystem::path> FakeVolumes::path_of(const PodVolumesSpec& spec, const model::Volume& volume) const {
  const auto path = std::filesystem::path("/fake") / spec.pod.meta.uid / volume.name;
  const auto files = [&](const Result<Payload>& payload) -> Result<std::filesystem::path> {
    if (!payload) return payload.error();
    if (auto checked = check_payload(*payload); !checked) return checked.error();
    return path;
  };
  if (const auto* source = std::get_if<model::HostPathSource>(&volume.source)) {
    if (missing_host_paths_.contains(source->path)) {
      return Error(ErrorCode::NotFound, fmt::format("hostPath {}: is not there", source->path));
    }
    return std::filesystem::path(source->path);
  }
  if (const auto* source = std::get_if<model::ConfigMapSource>(&volume.source)) {
    return files(config_map_payload(*source, source->default_mode, spec));
  }
  if (const auto* source = std::get_if<model::SecretSource>(&volume.source)) {
    return files(secret_payload(*source, source->default_mode, spec));
  }
  if (const auto* source = std::get_if<model::DownwardSource>(&volume.source)) {
    return files(downward_payload(*source, source->default_mode, spec));
  }
  if (const auto* source = std::get_if<model::ProjectedSource>(&volume.source)) {
    return files(projected_payload(*source, spec));
  }
  if (const auto* source = std::get_if<model::ClaimSource>(&volume.source)) {
    const auto claim = spec.claims.find(source->claim_name);
    if (claim == spec.claims.end()) {
      return Error(ErrorCode::NotFound, fmt::format("claim {}/{} is not bound", spec.pod.meta.ns, source->claim_name));
    }
    const auto* directory = std::get_if<model::HostPathSource>(&claim->second.source);
    if (directory != nullptr) return std::filesystem::path(directory->path);
    return std::filesystem::path("/fake/claims") / source->claim_name;
  }
  if (const auto* source = std::get_if<model::UnsupportedSource>(&volume.source)) {
    return Error(ErrorCode::Unimplemented, fmt::format("{} volumes are not mounted by this build", source->kind));
  }
  return path;
}

Result<VolumePaths> FakeVolumes::mount(const PodVolumesSpec& spec) {
  const std::lock_guard lock(mutex_);
  if (auto begun = begin("mount", spec.pod.meta.name); !begun) {
    if (begun.error().code() == ErrorCode::Aborted) under_way_.insert(spec.pod.meta.uid);
    return begun.error();
  }
  if (auto checked = check_name("pod uid", spec.pod.meta.uid); !checked) return checked.error();
  VolumePaths paths;
  for (const auto& volume : spec.pod.spec.volumes) {
    if (auto checked = check_name("volume", volume.name); !checked) return checked.error();
    auto path = path_of(spec, volume);
    if (!path) return path.error().context(fmt::format("volume \"{}\"", volume.name));
    paths[volume.name] = *path;
  }
  pods_.insert_or_assign(spec.pod.meta.uid, spec);
  return paths;
}

Status FakeVolumes::unmount(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  if (auto begun = begin("unmount", pod_uid); !begun) return begun;
  if (auto checked = check_name("pod uid", pod_uid); !checked) return checked;
  pods_.erase(pod_uid);
  touched_.erase(pod_uid);
  under_way_.erase(pod_uid);
  return Ok{};
}

Status FakeVolumes::release(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  if (auto begun = begin("release", pod_uid); !begun) return begun;
  return check_name("pod uid", pod_uid);
}

Result<bool> FakeVolumes::present(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  if (auto begun = begin("present", pod_uid); !begun) return begun.error();
  if (auto checked = check_name("pod uid", pod_uid); !checked) return checked.error();
  return pods_.contains(pod_uid) || touched_.contains(pod_uid);
}

bool FakeVolumes::under_way(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  return under_way_.contains(pod_uid);
}

Result<std::vector<std::string>> FakeVolumes::mounted_pods() {
  const std::lock_guard lock(mutex_);
  if (auto begun = begin("mounted_pods", ""); !begun) return begun.error();
  auto uids = touched_;
  for (const auto& pod : pods_) uids.insert(pod.first);
  return std::vector<std::string>(uids.begin(), uids.end());
}

Result<std::filesystem::path> FakeVolumes::sub_path(const std::string& pod_uid, const std::string& container,
                                                    int mount_index, const std::filesystem::path& volume,
                                                    const std::string& sub_path) {
  const std::lock_guard lock(mutex_);
  if (auto begun = begin("sub_path", fmt::format("{} {} {}", container, volume.string(), sub_path)); !begun) {
    return begun.error();
  }
  if (auto checked = check_name("pod uid", pod_uid); !checked) return checked.error();
  if (auto checked = check_name("container", container); !checked) return checked.error();
  const std::filesystem::path inside(sub_path);
  auto climbs = inside.is_absolute() || mount_index < 0;
  for (const auto& part : inside) climbs = climbs || part == "..";
  if (climbs)
    return Error(ErrorCode::InvalidArgument, fmt::format("subPath \"{}\": must stay in the volume", sub_path));
  touched_.insert(pod_uid);
  return std::filesystem::path("/fake") / pod_uid / "subpaths" / container / std::to_string(mount_index);
}

Result<std::filesystem::path> FakeVolumes::termination_log(const std::string& pod_uid, const std::string& container,
                                                           unsigned attempt) {
  const std::lock_guard lock(mutex_);
  if (auto begun = begin("termination_log", fmt::format("{}-{}", container, attempt)); !begun) return begun.error();
  if (auto checked = check_name("pod uid", pod_uid); !checked) return checked.error();
  if (auto checked = check_name("container", container); !checked) return checked.error();
  touched_.insert(pod_uid);
  return std::filesystem::path("/fake") / pod_uid / "termination" / fmt::format("{}-{}", container, attempt);
}

Status FakeVolumes::begin_claim(const std::string& verb, const std::string& ns, const std::string& claim) {
  if (auto begun = begin(verb, ns + "/" + claim); !begun) return begun;
  if (auto checked = check_name("namespace", ns); !checked) return checked;
  return check_name("claim", claim);
}

void FakeVolumes::provision(const ProvisionRequest& request, std::function<void(const Result<Provisioned>&)> done) {
  auto begun = [&] {
    const std::lock_guard lock(mutex_);
    auto checked = begin_claim("provision", request.ns, request.claim);
    if (checked) claims_.insert(request.ns + "/" + request.claim);
    return checked;
  }();
  if (!begun) return done(begun.error());
  const auto path = std::filesystem::path("/fake/volumes") / request.ns / request.claim;
  done(Provisioned{.source = model::HostPathSource{path.string(), "Directory"}, .bytes = request.bytes, .local = true});
}

void FakeVolumes::expand(const ExpandRequest& request, std::function<void(const Result<std::int64_t>&)> done) {
  const auto begun = [&] {
    const std::lock_guard lock(mutex_);
    return begin_claim("expand", request.ns, request.claim);
  }();
  done(begun ? Result<std::int64_t>(request.bytes) : Result<std::int64_t>(begun.error()));
}

void FakeVolumes::reclaim(const ReclaimRequest& request, std::function<void(const Status&)> done) {
  const auto begun = [&] {
    const std::lock_guard lock(mutex_);
    auto checked = begin_claim("reclaim", request.ns, request.claim);
    if (checked) claims_.erase(request.ns + "/" + request.claim);
    return checked;
  }();
  done(begun);
}

}  // namespace berth::volumes
