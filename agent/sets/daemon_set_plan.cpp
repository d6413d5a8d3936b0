// agent/sets/daemon_set_plan.cpp - see daemon_set_plan.hpp.
#include "agent/sets/daemon_set_plan.hpp"

#include <algorithm>
#include <utility>

namespace berth::agent {
namespace {

/// Which of several pods here stays: a ready one, else the oldest.
bool stays_before(const PodPtr& a, const PodPtr& b) {
  if (a->status.ready() != b->status.ready()) return a->status.ready();
  if (a->meta.creation_timestamp != b->meta.creation_timestamp) {
    return a->meta.creation_timestamp < b->meta.creation_timestamp;
  }
  return a->meta.name < b->meta.name;
}

/// Conditions of a node that a daemon lives through, as Kubernetes' controller lists them.
constexpr std::pair<const char*, const char*> kTolerated[] = {
    {"node.kubernetes.io/not-ready", "NoExecute"},      {"node.kubernetes.io/unreachable", "NoExecute"},
    {"node.kubernetes.io/disk-pressure", "NoSchedule"}, {"node.kubernetes.io/memory-pressure", "NoSchedule"},
    {"node.kubernetes.io/pid-pressure", "NoSchedule"},  {"node.kubernetes.io/unschedulable", "NoSchedule"},
};

json::object make_pod(const model::DaemonSet& set, const Revision& revision, const std::string& node_name) {
  auto pod = make_pod_object(revision.pod_template, set.meta, "DaemonSet", revision.name);
  pod["metadata"].get_object()["generateName"] = set.meta.name + "-";
  auto& spec = pod["spec"].get_object();
  spec["nodeName"] = node_name;
  auto& tolerations = spec["tolerations"];
  if (!tolerations.is_array()) tolerations.emplace_array();
  for (const auto& [key, effect] : kTolerated) {
    tolerations.get_array().push_back({{"key", key}, {"operator", "Exists"}, {"effect", effect}});
  }
  return pod;
}

/// Does this node run the daemon? As for any pod, but for what its pods tolerate on their own.
bool is_wanted(const model::DaemonSet& set, const model::Node& node) {
  auto spec = set.pod_template.spec;
  for (const auto& [key, effect] : kTolerated) {
    spec.tolerations.push_back({.key = key, .op = "Exists", .value = {}, .effect = effect, .toleration_seconds = {}});
  }
  return why_not_here(spec, node).empty();
}

}  // namespace

SetPlan plan_daemon_set(const model::DaemonSet& set, const SetFacts& facts) {
  SetPlan plan;
  const auto revisions = plan_revisions(set.meta, set.pod_template.raw, facts, set.revision_history_limit, {});
  plan.remove = revisions.surplus;
  const auto remove = [&](const PodPtr& pod) {
    if (!pod->meta.deleting()) plan.delete_pods.push_back({model::Kind::Pod, pod->meta.ns, pod->meta.name});
  };

  if (set.meta.deleting() && orphans_its_pods(set.meta) && !facts.pods.empty()) {
    for (const auto& pod : facts.pods) plan.release_pods.push_back({model::Kind::Pod, pod->meta.ns, pod->meta.name});
  } else if (set.meta.deleting()) {
    for (const auto& pod : facts.pods) remove(pod);
    if (facts.pods.empty()) {
      for (const auto& revision : facts.revisions) {
        plan.remove.push_back({model::Kind::ControllerRevision, set.meta.ns, revision.name});
      }
      plan.forget = true;
    }
  } else if (revisions.update_is_new) {
    plan.create.push_back(make_revision_object(set.meta, "DaemonSet", revisions.update));
  } else if (revisions.update_is_old) {
    plan.renumber = revisions.update;
  }

  const auto wanted = !set.meta.deleting() && facts.node != nullptr && is_wanted(set, *facts.node);
  auto here = facts.pods;
  std::sort(here.begin(), here.end(), stays_before);
  std::int64_t scheduled = 0;
  std::int64_t misscheduled = 0;
  std::int64_t ready = 0;
  std::int64_t available = 0;
  std::int64_t updated = 0;
  if (!set.meta.deleting()) {
    PodPtr kept;
    for (const auto& pod : here) {
      const auto outdated = revision_of(*pod) != revisions.update.name && set.update_strategy == "RollingUpdate";
      if (pod->meta.deleting()) {
        kept = kept ? kept : pod;  // Its successor waits until it is gone: never two on one host.
      } else if (!wanted || kept || is_terminal(*pod) || outdated) {
        remove(pod);
        kept = kept ? kept : pod;
      } else {
        kept = pod;
      }
    }
    if (wanted && !kept) plan.create.push_back(make_pod(set, revisions.update, facts.node_name));
  }
  for (const auto& pod : here) {
    (wanted ? scheduled : misscheduled) = 1;
    if (pod->status.ready()) ready = 1;
    if (is_available(*pod, std::chrono::seconds(set.min_ready_seconds), facts.now, plan.look_again)) available = 1;
    if (revision_of(*pod) == revisions.update.name) updated = 1;
  }
  const std::int64_t desired = wanted ? 1 : 0;
  plan.status = {{"observedGeneration", set.meta.generation},
                 {"desiredNumberScheduled", desired},
                 {"currentNumberScheduled", scheduled},
                 {"numberMisscheduled", misscheduled},
                 {"numberReady", ready},
                 {"numberAvailable", available},
                 {"numberUnavailable", desired - std::min(desired, available)},
                 {"updatedNumberScheduled", updated}};
  return plan;
}

}  // namespace berth::agent
