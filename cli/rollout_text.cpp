// cli/rollout_text.cpp - how far a rollout is, in kubectl's sentences.
#include "cli/rollout_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/server.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli {

namespace {

RolloutState stateful_set(const json::value& set) {
  const auto replicas = number_at(set, {"spec", "replicas"}, 1);
  const auto ready = number_at(set, {"status", "readyReplicas"}, 0);
  const auto updated = number_at(set, {"status", "updatedReplicas"}, 0);
  const auto observed = number_at(set, {"status", "observedGeneration"}, 0);
  if (observed == 0 || number_at(set, {"metadata", "generation"}, 0) > observed) {
    return {"Waiting for statefulset spec update to be observed...\n", false};
  }
  if (ready < replicas) return {fmt::format("Waiting for {} pods to be ready...\n", replicas - ready), false};
  if (const auto* rolling = find(set, {"spec", "updateStrategy", "rollingUpdate"});
      rolling != nullptr && rolling->is_object()) {
    const auto partition = number_at(*rolling, {"partition"}, 0);
    if (updated < replicas - partition) {
      return {fmt::format("Waiting for partitioned roll out to finish: {} out of {} new pods have been updated...\n",
                          updated, replicas - partition),
              false};
    }
    return {fmt::format("partitioned roll out complete: {} new pods have been updated...\n", updated), true};
  }
  const auto update = find_string(set, {"status", "updateRevision"});
  const auto current = find_string(set, {"status", "currentRevision"});
  if (update != current) {
    return {
        fmt::format("waiting for statefulset rolling update to complete {} pods at revision {}...\n", updated, update),
        false};
  }
  return {fmt::format("statefulset rolling update complete {} pods at revision {}...\n",
                      number_at(set, {"status", "currentReplicas"}, 0), current),
          true};
}

RolloutState daemon_set(const json::value& set) {
  const auto name = name_of(set);
  const auto desired = number_at(set, {"status", "desiredNumberScheduled"}, 0);
  const auto updated = number_at(set, {"status", "updatedNumberScheduled"}, 0);
  const auto available = number_at(set, {"status", "numberAvailable"}, 0);
  if (number_at(set, {"metadata", "generation"}, 0) > number_at(set, {"status", "observedGeneration"}, 0)) {
    return {"Waiting for daemon set spec update to be observed...\n", false};
  }
  if (updated < desired) {
    return {fmt::format("Waiting for daemon set \"{}\" rollout to finish: {} out of {} new pods have been updated...\n",
                        name, updated, desired),
            false};
  }
  if (available < desired) {
    return {fmt::format("Waiting for daemon set \"{}\" rollout to finish: {} of {} updated pods are available...\n",
                        name, available, desired),
            false};
  }
  return {fmt::format("daemon set \"{}\" successfully rolled out\n", name), true};
}

}  // namespace

Result<RolloutState> rollout_state(const model::KindInfo& kind, const json::value& set) {
  if (kind.kind != model::Kind::StatefulSet && kind.kind != model::Kind::DaemonSet) {
    return Error(ErrorCode::InvalidArgument, fmt::format("no status viewer has been implemented for {}", kind.name));
  }
  if (find_string(set, {"spec", "updateStrategy", "type"}) != "RollingUpdate") {
    return Error(ErrorCode::FailedPrecondition, "rollout status is only available for RollingUpdate strategy type");
  }
  return kind.kind == model::Kind::StatefulSet ? stateful_set(set) : daemon_set(set);
}

std::vector<json::value> revisions_of(const json::value& set, const json::array& all) {
  std::vector<json::value> out;
  for (const auto& revision : all) {
    const auto* owners = find(revision, {"metadata", "ownerReferences"});
    if (owners == nullptr || !owners->is_array()) continue;
    const bool ours = std::any_of(owners->get_array().begin(), owners->get_array().end(),
                                  [&](const json::value& owner) { return find_string(owner, {"uid"}) == uid_of(set); });
    if (ours) out.push_back(revision);
  }
  std::stable_sort(out.begin(), out.end(), [](const json::value& a, const json::value& b) {
    return number_at(a, {"revision"}, 0) < number_at(b, {"revision"}, 0);
  });
  return out;
}

std::string revision_table(const std::vector<json::value>& revisions) {
  if (revisions.empty()) return "No rollout history found.";
  std::string out = "REVISION\tCHANGE-CAUSE\n";
  for (const auto& revision : revisions) {
    const auto cause = find_string(revision, {"metadata", "annotations", "kubernetes.io/change-cause"});
    out += fmt::format("{}\t{}\n", number_at(revision, {"revision"}, 0), cause.empty() ? "<none>" : cause);
  }
  return align_tabs(out, 0, 2);
}

Result<json::value> revision_to_restore(const std::vector<json::value>& revisions, std::int64_t wanted) {
  if (wanted == 0) {
    if (revisions.size() < 2) {
      return Error(ErrorCode::NotFound, "no last revision to roll back to");
    }
    return revisions[revisions.size() - 2];
  }
  for (const auto& revision : revisions) {
    if (number_at(revision, {"revision"}, 0) == wanted) return revision;
  }
  return Error(ErrorCode::NotFound, fmt::format("unable to find specified revision {} in history", wanted));
}

}  // namespace berth::cli
