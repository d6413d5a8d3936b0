// cli/rollout_text.cpp - how far a rollout is, in kubectl's sentences.
#include "cli/rollout_text.hpp"

#include <algorithm>
#include <charconv>

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

Result<RolloutState> deployment(const json::value& object) {
  const auto name = name_of(object);
  const auto status = [&](std::string_view field) { return number_at(object, {"status", field}, 0); };
  if (number_at(object, {"metadata", "generation"}, 0) > status("observedGeneration")) {
    return RolloutState{"Waiting for deployment spec update to be observed...\n", false};
  }
  if (const auto* conditions = find(object, {"status", "conditions"});
      conditions != nullptr && conditions->is_array()) {
    for (const auto& condition : conditions->get_array()) {
      if (find_string(condition, {"type"}) == "Progressing" &&
          find_string(condition, {"reason"}) == "ProgressDeadlineExceeded") {
        return Error(ErrorCode::FailedPrecondition,
                     fmt::format("deployment \"{}\" exceeded its progress deadline", name));
      }
    }
  }
  const auto wanted = number_at(object, {"spec", "replicas"}, 1);
  const auto updated = status("updatedReplicas");
  const auto waiting = fmt::format("Waiting for deployment \"{}\" rollout to finish: ", name);
  if (updated < wanted) {
    return RolloutState{fmt::format("{}{} out of {} new replicas have been updated...\n", waiting, updated, wanted),
                        false};
  }
  if (const auto all = status("replicas"); all > updated) {
    return RolloutState{fmt::format("{}{} old replicas are pending termination...\n", waiting, all - updated), false};
  }
  if (const auto available = status("availableReplicas"); available < updated) {
    return RolloutState{fmt::format("{}{} of {} updated replicas are available...\n", waiting, available, updated),
                        false};
  }
  return RolloutState{fmt::format("deployment \"{}\" successfully rolled out\n", name), true};
}

bool is_owned_by(const json::value& object, std::string_view uid) {
  const auto* owners = find(object, {"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->is_array()) return false;
  return std::any_of(owners->get_array().begin(), owners->get_array().end(),
                     [&](const json::value& owner) { return find_string(owner, {"uid"}) == uid; });
}

void sort_by_number(std::vector<json::value>& revisions) {
  std::stable_sort(revisions.begin(), revisions.end(), [](const json::value& a, const json::value& b) {
    return number_at(a, {"revision"}, 0) < number_at(b, {"revision"}, 0);
  });
}

}  // namespace

Result<RolloutState> rollout_state(const model::KindInfo& kind, const json::value& set) {
  if (kind.kind == model::Kind::Deployment) return deployment(set);
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
    if (is_owned_by(revision, uid_of(set))) out.push_back(revision);
  }
  sort_by_number(out);
  return out;
}

std::vector<json::value> revisions_of_deployment(const json::value& deployment, const json::array& all) {
  std::vector<json::value> out;
  for (const auto& set : all) {
    if (!is_owned_by(set, uid_of(deployment))) continue;
    const auto text = find_string(set, {"metadata", "annotations", "deployment.kubernetes.io/revision"});
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    if (number <= 0) continue;
    const auto* found = find(set, {"spec", "template"});
    auto pods = found == nullptr ? json::value(json::object{}) : *found;
    auto* meta = pods.is_object() ? pods.get_object().if_contains("metadata") : nullptr;
    auto* labels = meta != nullptr && meta->is_object() ? meta->get_object().if_contains("labels") : nullptr;
    if (labels != nullptr && labels->is_object()) labels->get_object().erase("pod-template-hash");
    const auto* metadata = find(set, {"metadata"});
    out.push_back(
        {{"metadata", *metadata}, {"revision", number}, {"data", {{"spec", {{"template", std::move(pods)}}}}}});
  }
  sort_by_number(out);
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
