// agent/sets/daemon_set_plan.cpp - see daemon_set_plan.hpp.
#include "agent/sets/daemon_set_plan.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

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

json::object make_pod(const model::DaemonSet& set, const SetRevisions& revisions, const SetFacts& facts,
                      const model::Node& node) {
  auto pod = make_pod_object(set.pod_template.raw, set.meta, "DaemonSet", revisions.hash);
  auto& meta = pod["metadata"].get_object();
  meta["generateName"] = set.meta.name + "-";
  meta["name"] = daemon_pod_name(set.meta, node.meta.name, facts.salt);
  meta["labels"].get_object()[kTemplateGenerationLabel] = std::to_string(revisions.number);
  auto& spec = pod["spec"].get_object();
  spec["nodeName"] = node.meta.name;
  auto& tolerations = spec["tolerations"];
  if (!tolerations.is_array()) tolerations.emplace_array();
  for (const auto& [key, effect] : kTolerated) {
    tolerations.get_array().push_back({{"key", key}, {"operator", "Exists"}, {"effect", effect}});
  }
  return pod;
}

model::PodSpec tolerant_spec(const model::DaemonSet& set) {
  auto spec = set.pod_template.spec;
  for (const auto& [key, effect] : kTolerated) {
    spec.tolerations.push_back({.key = key, .op = "Exists", .value = {}, .effect = effect, .toleration_seconds = {}});
  }
  return spec;
}

/// Does this node get the daemon? As for any pod, but for what its pods tolerate on their own.
bool is_wanted(const model::DaemonSet& set, const model::Node& node) {
  return why_not_on(tolerant_spec(set), node).empty();
}

/// May one that is there stay? What only keeps pods from coming (NoSchedule) drives none away.
bool may_stay(const model::DaemonSet& set, const model::Node& node) {
  auto lenient = node;
  lenient.unschedulable = false;
  std::erase_if(lenient.taints, [](const model::Taint& taint) { return taint.effect != "NoExecute"; });
  return why_not_on(tolerant_spec(set), lenient).empty();
}

/// The plan while it is made.
class Planner {
 public:
  Planner(const model::DaemonSet& set, const SetFacts& facts)
      : set_(set),
        facts_(facts),
        revisions_(plan_revisions(set.meta, "DaemonSet", set.pod_template.raw, facts, set.revision_history_limit, {})) {
    plan_.remove = revisions_.surplus;
  }

  SetPlan make() {
    if (set_.meta.deleting()) {
      end();
    } else {
      plan_.create = std::move(revisions_.create);
      plan_.edit_revision = revisions_.edit;
    }
    for (const auto* node : facts_.nodes) look_at(*node);
    roll();
    plan_.template_generation = revisions_.number;
    plan_.status = {{"observedGeneration", set_.meta.generation},
                    {"desiredNumberScheduled", desired_},
                    {"currentNumberScheduled", scheduled_},
                    {"numberMisscheduled", misscheduled_},
                    {"numberReady", ready_},
                    {"numberAvailable", available_},
                    {"numberUnavailable", desired_ - std::min(desired_, available_)},
                    {"updatedNumberScheduled", updated_}};
    return std::move(plan_);
  }

 private:
  static model::ObjectKey key_of(const model::Pod& pod) { return {model::Kind::Pod, pod.meta.ns, pod.meta.name}; }
  void remove(const PodPtr& pod) {
    if (!pod->meta.deleting()) plan_.delete_pods.push_back(key_of(*pod));
  }

  void end() {
    if (facts_.pods.empty()) {
      for (const auto& revision : facts_.revisions) {
        plan_.remove.push_back({model::Kind::ControllerRevision, set_.meta.ns, revision->name});
      }
      plan_.forget = true;
    } else if (orphans_its_pods(set_.meta)) {
      for (const auto& pod : facts_.pods) plan_.release_pods.push_back(key_of(*pod));
    } else {
      for (const auto& pod : facts_.pods) remove(pod);
    }
  }

  /// Pods that are bound to other nodes are none of this node's business.
  void look_at(const model::Node& node) {
    std::vector<PodPtr> here;
    for (const auto& pod : facts_.pods) {
      if (pod->spec.node_name == node.meta.name) here.push_back(pod);
    }
    std::sort(here.begin(), here.end(), stays_before);
    const auto wanted = !set_.meta.deleting() && is_wanted(set_, node);
    if (wanted) nodes_.push_back(keep(node, here));
    if (!wanted && !set_.meta.deleting() && !may_stay(set_, node)) {
      for (const auto& pod : here) remove(pod);
    }
    count(here, wanted);
  }

  /// What a node that wants a daemon has of it, apart from what is going.
  struct Daemon {
    const model::Node* node;
    PodPtr old;    ///< Of another template than now, to be replaced.
    PodPtr fresh;  ///< Of the template as it is; when pods wait to be deleted by somebody (OnDelete), any.
    bool going = false;
  };

  bool is_available_now(const PodPtr& pod) {
    return pod && is_available(pod->status, std::chrono::seconds(set_.min_ready_seconds), facts_.now, plan_.look_again);
  }
  bool surges() const { return is_rolling() && facts_.rollout.max_surge.of(1) > 0; }
  bool is_rolling() const { return set_.update_strategy == "RollingUpdate"; }

  /// One pod for the node; while it surges an old one and its successor. One that ends is waited for.
  Daemon keep(const model::Node& node, const std::vector<PodPtr>& here) {
    Daemon daemon{.node = &node, .old = {}, .fresh = {}};
    for (const auto& pod : here) {
      if (pod->meta.deleting() || is_terminal(*pod)) {
        remove(pod);
        daemon.going = true;
        continue;
      }
      auto& place = is_rolling() && !is_at(*pod, set_.meta, revisions_.update) ? daemon.old : daemon.fresh;
      if (place) {
        remove(pod);
        daemon.going = true;
      } else {
        place = pod;
      }
    }
    if (daemon.fresh && daemon.old && (!surges() || !daemon.old->status.ready() || is_available_now(daemon.fresh))) {
      remove(daemon.old);
      daemon.old.reset();
      daemon.going = true;
    }
    // Where nothing is, nothing has to be counted. What goes is waited for: its successor has its place.
    if (!daemon.fresh && !daemon.old && !daemon.going) {
      plan_.create.push_back(make_pod(set_, revisions_, facts_, node));
    }
    return daemon;
  }

  /// Old pods that are well are replaced a few at a time; those that are not at once. As Kubernetes' controller does
  /// it.
  void roll() {
    const auto all = static_cast<std::int32_t>(nodes_.size());
    const auto surge = surges();
    auto left = (surge ? facts_.rollout.max_surge : facts_.rollout.max_unavailable).of(all);
    for (const auto& daemon : nodes_) {
      const auto doubled = daemon.fresh && daemon.old;
      const auto counts = surge ? doubled : !is_available_now(daemon.old ? daemon.old : daemon.fresh);
      if (counts) --left;
    }
    for (const auto& daemon : nodes_) {
      if (!daemon.old || daemon.fresh || daemon.going) continue;
      const auto well = is_available_now(daemon.old);
      if (well && left <= 0) continue;
      if (well) --left;
      if (surge) {
        start_beside(daemon);
      } else {
        remove(daemon.old);
      }
    }
  }

  void start_beside(const Daemon& daemon) {
    if (fits_beside(set_.pod_template.spec, *daemon.old)) {
      plan_.create.push_back(make_pod(set_, revisions_, facts_, *daemon.node));
      return;
    }
    // The scheduler's words. The old one runs on: somebody has to allow that it is stopped first.
    plan_.unplaced.push_back(
        fmt::format("failed to place pod on \"{}\" beside {}: 1 node(s) didn't have free ports for the requested pod "
                    "ports; with maxUnavailable instead of maxSurge the old pod is stopped first",
                    daemon.node->meta.name, daemon.old->meta.name));
  }

  void count(const std::vector<PodPtr>& here, bool wanted) {
    const auto any = [&](const auto& is) { return std::any_of(here.begin(), here.end(), is) ? 1 : 0; };
    const std::chrono::seconds min_ready(set_.min_ready_seconds);
    desired_ += wanted ? 1 : 0;
    (wanted ? scheduled_ : misscheduled_) += here.empty() ? 0 : 1;
    ready_ += any([](const auto& pod) { return pod->status.ready(); });
    available_ +=
        any([&](const auto& pod) { return is_available(pod->status, min_ready, facts_.now, plan_.look_again); });
    // Not before the old one is gone, if they are two: "successfully rolled out" waits for it.
    const auto is_new = [&](const auto& pod) { return is_at(*pod, set_.meta, revisions_.update); };
    updated_ += !here.empty() && std::all_of(here.begin(), here.end(), is_new) ? 1 : 0;
  }

  const model::DaemonSet& set_;
  const SetFacts& facts_;
  SetRevisions revisions_;
  SetPlan plan_;
  std::vector<Daemon> nodes_;  ///< That want one.
  std::int64_t desired_ = 0;
  std::int64_t scheduled_ = 0;
  std::int64_t misscheduled_ = 0;
  std::int64_t ready_ = 0;
  std::int64_t available_ = 0;
  std::int64_t updated_ = 0;
};

}  // namespace

std::string daemon_pod_name(const model::ObjectMeta& set, const std::string& node, const std::string& salt) {
  return set.name + "-" + template_hash({{"set", set.uid}, {"node", node}, {"salt", salt}}).substr(0, 5);
}

SetPlan plan_daemon_set(const model::DaemonSet& set, const SetFacts& facts) { return Planner(set, facts).make(); }

}  // namespace berth::agent
