// runtime/runtime_leftovers.cpp - what starts and removals that were cut short leave of a pod, and its removal.
#include <fmt/format.h>

#include "base/log.hpp"
#include "runtime/containerd_runtime.hpp"
#include "runtime/labels.hpp"
#include "runtime/shim_reaper.hpp"

namespace berth::runtime {
namespace {

constexpr auto kShimEnds = std::chrono::milliseconds(500);

bool is_plain(const std::string& uid) { return !uid.empty() && uid.find_first_of("\"\\/") == std::string::npos; }

}  // namespace

std::string lease_of(const std::string& container) { return std::string(kLeasePrefix) + container; }

Result<std::vector<std::string>> ContainerdRuntime::present_pods() {
  std::set<std::string> uids;
  const auto add = [&](std::string_view container) {
    if (auto uid = pod_uid_of(container); !uid.empty()) uids.insert(std::move(uid));
  };
  for (const auto& uid : cgroups_.pods()) add(uid + "-");
  for (const auto& uid : ipc_.pods()) add(uid + "-");
  for (const auto& id : io_.ids()) add(id);
  for (const auto& shim : find_shims(config_.ns)) {
    if (shim.name.address == config_.address) add(shim.name.container);
  }
  const auto records = client_.containers(label::any_of_ours());
  if (!records) return records.error().context("look for what is left of pods");
  for (const auto& record : *records) {
    if (const auto uid = record.labels.find(label::kPodUid); uid != record.labels.end()) uids.insert(uid->second);
  }
  const auto snapshots = client_.snapshots(label::any_of_ours());
  if (!snapshots) return snapshots.error().context("look for what is left of pods");
  for (const auto& key : *snapshots) add(key);
  const auto leases = client_.leases(fmt::format("id~=\"^{}\"", kLeasePrefix));
  if (!leases) return leases.error().context("look for what is left of pods");
  for (const auto& lease : *leases) add(std::string_view(lease).substr(kLeasePrefix.size()));
  std::vector<std::string> all(uids.begin(), uids.end());
  traces_.found(all);
  return all;
}

Status ContainerdRuntime::remove_pod(const std::string& pod_uid) {
  const auto doing = "remove what is left of pod " + pod_uid;
  if (!is_plain(pod_uid)) return Error(ErrorCode::InvalidArgument, doing + ": bad uid");
  // Three lists of containerd's, and a look through the FIFOs of all: only for a pod of which there may be something.
  if (traces_.possible(pod_uid)) {
    const auto ids = traces_of(pod_uid);
    if (!ids) return ids.error().context(doing);
    for (const auto& id : *ids) {
      if (auto removed = remove(id); !removed) return removed.error().context(doing);
      if (auto unleased = ignore_not_found(client_.delete_lease(lease_of(id))); !unleased) {
        return unleased.error().context(doing);
      }
    }
    traces_.cleared(pod_uid);
    forget_records(pod_uid);
  }
  // A shim first, or it would make what is removed below again.
  if (!end_shims_of(pod_uid)) return Error(ErrorCode::Unavailable, doing + ": its shim does not end");
  if (auto removed = cgroups_.remove(pod_uid); !removed) return removed.error().context(doing);
  if (auto removed = ipc_.remove(pod_uid); !removed) return removed.error().context(doing);
  return Ok{};
}

Result<std::set<std::string>> ContainerdRuntime::traces_of(const std::string& pod_uid) {
  std::set<std::string> ids;
  const auto records = client_.containers(label::of_pod(pod_uid));
  if (!records) return records.error();
  for (const auto& record : *records) ids.insert(record.id);
  const auto snapshots = client_.snapshots(label::of_pod(pod_uid));
  if (!snapshots) return snapshots.error();
  ids.insert(snapshots->begin(), snapshots->end());
  const auto leases = client_.leases(fmt::format("id~=\"^{}{}-\"", kLeasePrefix, pod_uid));
  if (!leases) return leases.error();
  for (const auto& lease : *leases) ids.insert(lease.substr(kLeasePrefix.size()));
  for (const auto& id : io_.ids()) {
    if (id.starts_with(pod_uid + "-")) ids.insert(id);
  }
  return ids;
}

bool ContainerdRuntime::end_shims_of(const std::string& pod_uid) {
  auto shims = find_shims(config_.ns);
  std::erase_if(shims, [&](const Shim& shim) { return !shim.name.container.starts_with(pod_uid + "-"); });
  if (shims.empty()) return true;
  log(LogLevel::Debug, "a pod's shim is there after its last container",
      {{"pod", pod_uid}, {"count", std::to_string(shims.size())}});
  return end_shims(shims, kShimEnds);
}

}  // namespace berth::runtime
