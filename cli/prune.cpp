// cli/prune.cpp - see prune.hpp.
#include "cli/prune.hpp"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "cli/messages.hpp"
#include "cli/resources.hpp"

namespace berth::cli {

namespace {

using model::Kind;

Result<const model::KindInfo*> kind_of(const std::string& allowed) {
  const auto first = allowed.find('/');
  const auto last = allowed.rfind('/');
  if (first == std::string::npos || first == last) {
    return Error(ErrorCode::InvalidArgument, fmt::format("invalid GroupVersionKind format: {}, please follow "
                                                         "<group/version/kind>",
                                                         allowed));
  }
  const auto* kind = model::kind_named(allowed.substr(last + 1));
  const auto group = allowed.substr(0, first);
  if (kind == nullptr || kind->group != (group == "core" ? "" : group)) {
    return Error(ErrorCode::InvalidArgument, fmt::format("--prune-allowlist {}: no such kind is served", allowed));
  }
  return kind;
}

Status prune_one(const Server& server, const model::KindInfo& kind, const json::value& object, DryRun dry_run) {
  if (dry_run == DryRun::Client) return Ok{};
  const json::object how{{"kind", "DeleteOptions"},
                         {"apiVersion", "v1"},
                         {"propagationPolicy", "Background"},
                         {"preconditions", json::object{{"uid", uid_of(object)}}}};
  const auto path = resource_path(kind, namespace_of(object), name_of(object)) + dry_run_query(dry_run);
  const auto gone = server.remove(path, how);
  if (!gone && gone.error().code() != ErrorCode::NotFound) return gone.error();
  return Ok{};
}

}  // namespace

std::vector<const model::KindInfo*> prunable_kinds() {
  std::vector<const model::KindInfo*> out;
  for (const auto kind :
       {Kind::ConfigMap, Kind::Endpoints, Kind::Namespace, Kind::PersistentVolumeClaim, Kind::PersistentVolume,
        Kind::Pod, Kind::ReplicationController, Kind::Secret, Kind::Service, Kind::Job, Kind::CronJob, Kind::Ingress,
        Kind::DaemonSet, Kind::Deployment, Kind::ReplicaSet, Kind::StatefulSet}) {
    out.push_back(&model::info(kind));
  }
  return out;
}

Result<std::vector<const model::KindInfo*>> prunable_kinds(const std::vector<std::string>& allowed) {
  std::vector<const model::KindInfo*> out;
  for (const auto& each : allowed) {
    const auto kind = kind_of(each);
    if (!kind) return kind.error();
    out.push_back(*kind);
  }
  return out;
}

bool was_applied_by(const json::value& object, std::string_view manager) {
  constexpr std::string_view kClientSide = "kubectl.kubernetes.io/last-applied-configuration";
  if (!find_string(object, {"metadata", "annotations", kClientSide}).empty()) return true;
  const auto* managers = find(object, {"metadata", "managedFields"});
  if (managers == nullptr || !managers->is_array()) return false;
  const auto& all = managers->get_array();
  return std::any_of(all.begin(), all.end(), [&](const json::value& each) {
    return find_string(each, {"manager"}) == manager && find_string(each, {"operation"}) == "Apply";
  });
}

int prune(const Server& server, const PruneChoice& choice, const Applied& applied) {
  int code = 0;
  const auto look = [&](const model::KindInfo& kind, const std::string& ns) {
    const auto list = server.list(kind, ns, {choice.labels, ""});
    if (!list) {
      code = fail(list.error());
      return;
    }
    for (const auto& item : items_of(*list)) {
      if (find(item, {"metadata", "deletionTimestamp"}) != nullptr) continue;
      if (!choice.manager.empty() && !was_applied_by(item, choice.manager)) continue;
      if (applied.contains({kind.kind, std::string(namespace_of(item)), std::string(name_of(item))})) continue;
      if (const auto done = prune_one(server, kind, item, choice.dry_run); !done) {
        code = fail(done.error());
        continue;
      }
      std::cout << display_name(kind, name_of(item)) << " pruned" << dry_run_suffix(choice.dry_run) << std::endl;
    }
  };
  for (const auto* kind : choice.kinds) {
    if (!kind->namespaced) {
      look(*kind, "");
      continue;
    }
    for (const auto& ns : choice.namespaces) look(*kind, ns);
  }
  return code;
}

}  // namespace berth::cli
