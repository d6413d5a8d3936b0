// agent/sets/stateful_set_plan.cpp - see stateful_set_plan.hpp.
#include "agent/sets/stateful_set_plan.hpp"
#include "model/json_edit.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace berth::agent {
namespace {

/// The plan while it is made.
class Planner {
 public:
  Planner(const model::StatefulSet& set, const std::string& current, const SetFacts& facts)
      : set_(set), facts_(facts), ordered_(set.pod_management_policy != "Parallel") {
    revisions_ =
        plan_revisions(set.meta, "StatefulSet", set.pod_template.raw, facts, set.revision_history_limit, current);
    current_ = current.empty() ? revisions_.update : current;
    for (const auto& pod : facts.pods) {
      const auto ordinal = ordinal_of(set.meta.name, pod->meta.name);
      if (!ordinal) continue;
      if (*ordinal >= set.start_ordinal && *ordinal < set.start_ordinal + set.replicas) {
        wanted_[*ordinal] = pod;
      } else {
        surplus_[*ordinal] = pod;
      }
    }
  }

  SetPlan make() {
    plan_.remove = revisions_.surplus;
    if (set_.meta.deleting() && orphans_its_pods(set_.meta) && !facts_.pods.empty()) {
      for (const auto& pod : facts_.pods) plan_.release_pods.push_back(key_of(*pod));
    } else if (set_.meta.deleting()) {
      stop_all();
    } else {
      plan_.create = std::move(revisions_.create);
      plan_.edit_revision = revisions_.edit;
      if (fill() && shrink()) roll();
    }
    write_status();
    return std::move(plan_);
  }

 private:
  void remove(const PodPtr& pod) {
    if (!pod->meta.deleting()) plan_.delete_pods.push_back(key_of(*pod));
  }

  static model::ObjectKey key_of(const model::Pod& pod) { return {model::Kind::Pod, pod.meta.ns, pod.meta.name}; }

  bool available(const model::Pod& pod) {
    return is_available(pod.status, std::chrono::seconds(set_.min_ready_seconds), facts_.now, plan_.look_again);
  }

  /// Healthy enough for its successor to move: Ready, long enough, and staying.
  bool healthy(const model::Pod& pod) { return available(pod) && !pod.meta.deleting(); }

  /// A new pod of an ordinal below the partition stays at the revision that the others there have.
  bool starts_at_current(std::int32_t ordinal) const {
    return current_ != revisions_.update && set_.update_strategy == "RollingUpdate" &&
           ordinal < set_.start_ordinal + set_.partition;
  }

  /// Name and template of the revision that a new pod is made from.
  std::pair<const std::string&, const json::object&> revision_for(std::int32_t ordinal) const {
    if (starts_at_current(ordinal)) {
      for (const auto& revision : facts_.revisions) {
        if (revision->name == current_) return {revision->name, revision->pod_template};
      }
    }
    return {revisions_.update, set_.pod_template.raw};
  }

  /// From the first ordinal up; false: something there has to happen first.
  bool fill() {
    auto go_on = true;
    for (auto ordinal = set_.start_ordinal; ordinal < set_.start_ordinal + set_.replicas; ++ordinal) {
      const auto found = wanted_.find(ordinal);
      if (found == wanted_.end()) {
        create(ordinal);
        if (ordered_) return false;
        continue;
      }
      const auto& pod = *found->second;
      if (is_terminal(pod) && !pod.meta.deleting()) {  // Failed or evicted: its place is made free.
        remove(found->second);
        if (ordered_) return false;
        continue;
      }
      if (pod.meta.deleting()) {
        if (ordered_) return false;
        continue;
      }
      create_missing_claims(ordinal);
      if (ordered_ && !available(pod)) {
        if (stuck_on_old_revision(pod, ordinal)) remove(found->second);
        go_on = false;
        break;
      }
    }
    return go_on;
  }

  /// A container of it does not even run, an update would replace it anyway, and all others are well: waiting for it
  /// would wait for ever. A pod that runs and is not Ready for a moment is left alone.
  bool stuck_on_old_revision(const model::Pod& pod, std::int32_t ordinal) const {
    if (set_.update_strategy != "RollingUpdate" || ordinal < set_.start_ordinal + set_.partition) return false;
    if (is_at(pod, set_.meta, revisions_.update) || pod.status.ready()) return false;
    const auto waits = std::any_of(
        pod.status.container_statuses.begin(), pod.status.container_statuses.end(), [](const auto& container) {
          const auto* waiting = std::get_if<model::ContainerStateWaiting>(&container.state);
          return waiting != nullptr && waiting->reason != "ContainerCreating" && waiting->reason != "PodInitializing";
        });
    const auto others_are_well = std::all_of(wanted_.begin(), wanted_.end(), [&](const auto& other) {
      return other.first == ordinal || (other.second->status.ready() && !other.second->meta.deleting()) ||
             (other.first > ordinal && has_not_begun(*other.second));
    });
    return waits && others_are_well;
  }

  /// After a boot it waits for those before it (start_order.hpp): as good as not made yet.
  static bool has_not_begun(const model::Pod& pod) {
    const auto* begun = pod.status.condition("PodReadyToStartContainers");
    return begun != nullptr && begun->status == "False";
  }

  /// Is an ordinal below this one not healthy?
  bool is_waited_for_below(std::int32_t ordinal) {
    return std::any_of(surplus_.begin(), surplus_.end(),
                       [&](const auto& other) { return other.first < ordinal && !healthy(*other.second); });
  }

  /// Surplus pods from the highest ordinal down; false: one is still going or the rest is unhealthy. In order, a pod
  /// that is not well goes only when it is the first such (Kubernetes' processCondemned): a set in trouble is left as
  /// it is, and a set can still be freed of the one pod that will never be well. Those that are wanted are well by now.
  bool shrink() {
    auto quiet = true;
    for (auto it = surplus_.rbegin(); it != surplus_.rend(); ++it) {
      quiet = false;
      const auto& pod = *it->second;
      if (pod.meta.deleting()) {
        if (ordered_) return false;
        continue;
      }
      if (ordered_ && !available(pod) && is_waited_for_below(it->first)) return false;
      remove(it->second);
      if (ordered_) return false;
    }
    if (quiet && set_.retention_when_scaled == "Delete") release_scaled_claims();
    return quiet;
  }

  /// A changed template: one pod at a time, from the highest ordinal to the partition.
  void roll() {
    if (set_.update_strategy != "RollingUpdate") return;
    for (auto it = wanted_.rbegin(); it != wanted_.rend(); ++it) {
      if (it->first < set_.start_ordinal + set_.partition) return;
      const auto& pod = *it->second;
      if (!is_at(pod, set_.meta, revisions_.update) && !pod.meta.deleting()) {
        remove(it->second);
        return;
      }
      if (!healthy(pod)) return;
    }
  }

  /// The set goes: reverse order, each only after the one above is gone. Claims stay unless asked.
  void stop_all() {
    auto all = wanted_;
    all.insert(surplus_.begin(), surplus_.end());
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      if (it->second->meta.deleting()) {
        if (ordered_) return;
        continue;
      }
      remove(it->second);
      if (ordered_) return;
    }
    if (!all.empty()) return;
    if (set_.retention_when_deleted == "Delete") {
      for (const auto& claim : set_.claim_templates) {
        for (auto i = set_.start_ordinal; i < set_.start_ordinal + set_.replicas; ++i) {
          release_claim(claim_name(claim, set_.meta.name, i));
        }
      }
    }
    for (const auto& revision : facts_.revisions) {
      plan_.remove.push_back({model::Kind::ControllerRevision, set_.meta.ns, revision->name});
    }
    plan_.forget = true;
  }

  void release_claim(const std::string& name) {
    if (facts_.claims.contains(name)) plan_.remove.push_back({model::Kind::PersistentVolumeClaim, set_.meta.ns, name});
  }

  /// Claims of ordinals that the set does not have any more (retention policy whenScaled: Delete).
  void release_scaled_claims() {
    for (const auto& claim : set_.claim_templates) {
      const auto prefix = claim.meta.name + "-" + set_.meta.name;
      for (auto it = facts_.claims.lower_bound(prefix); it != facts_.claims.end() && it->starts_with(prefix); ++it) {
        const auto ordinal = ordinal_of(prefix, *it);
        if (!ordinal) continue;
        if (*ordinal < set_.start_ordinal || *ordinal >= set_.start_ordinal + set_.replicas) release_claim(*it);
      }
    }
  }

  void create_missing_claims(std::int32_t ordinal) {
    for (const auto& claim : set_.claim_templates) {
      if (facts_.claims.contains(claim_name(claim, set_.meta.name, ordinal))) continue;
      auto object = claim.raw;
      object["apiVersion"] = "v1";
      object["kind"] = "PersistentVolumeClaim";
      auto& meta = model::object_in(object, "metadata");
      meta["name"] = claim_name(claim, set_.meta.name, ordinal);
      meta["namespace"] = set_.meta.ns;
      auto& labels = model::object_in(meta, "labels");
      for (const auto& [key, value] : set_.selector.match_labels) labels[key] = value;
      plan_.create.push_back(std::move(object));
    }
  }

  void create(std::int32_t ordinal) {
    create_missing_claims(ordinal);
    const auto& [revision, pod_template] = revision_for(ordinal);
    const auto name = set_.meta.name + "-" + std::to_string(ordinal);
    auto pod = make_pod_object(pod_template, set_.meta, "StatefulSet", revision);
    auto& meta = pod["metadata"].get_object();
    meta["name"] = name;
    auto& labels = meta["labels"].get_object();
    labels["statefulset.kubernetes.io/pod-name"] = name;
    labels["apps.kubernetes.io/pod-index"] = std::to_string(ordinal);
    auto& spec = pod["spec"].get_object();
    spec["hostname"] = name;
    if (!set_.service_name.empty()) spec["subdomain"] = set_.service_name;
    add_claim_volumes(spec, ordinal);
    if (const auto* node = node_for(pod)) spec["nodeName"] = node->meta.name;
    plan_.create.push_back(std::move(pod));
  }

  /// The first node that takes the pod as it will be, whatever its revision; null: none does, and its placement says
  /// why.
  const model::Node* node_for(const json::object& pod) const {
    const auto object = model::make_object(pod);
    const auto decoded = object ? model::decode_pod(*object) : object.error();
    if (!decoded) return nullptr;
    for (const auto* node : facts_.nodes) {
      if (why_not_here(decoded->spec, *node).empty()) return node;
    }
    return nullptr;
  }

  /// A claim template stands before a volume of the same name, as in Kubernetes.
  void add_claim_volumes(json::object& spec, std::int32_t ordinal) const {
    auto& value = spec["volumes"];
    if (!value.is_array()) value = json::array();
    auto& volumes = value.get_array();
    for (const auto& claim : set_.claim_templates) {
      for (auto* it = volumes.begin(); it != volumes.end();) {
        it = find_string(*it, {"name"}) == claim.meta.name ? volumes.erase(it) : it + 1;
      }
      volumes.push_back({{"name", claim.meta.name},
                         {"persistentVolumeClaim", {{"claimName", claim_name(claim, set_.meta.name, ordinal)}}}});
    }
    if (volumes.empty()) spec.erase("volumes");
  }

  void write_status() {
    std::int64_t replicas = 0;
    std::int64_t ready = 0;
    std::int64_t available_count = 0;
    std::int64_t updated = 0;
    std::int64_t at_current = 0;
    auto ignored = plan_.look_again;
    for (const auto* pods : {&wanted_, &surplus_}) {
      for (const auto& [ordinal, pod] : *pods) {
        ++replicas;
        if (pod->status.ready()) ++ready;
        if (is_available(pod->status, std::chrono::seconds(set_.min_ready_seconds), facts_.now, ignored))
          ++available_count;
        if (pod->meta.deleting()) continue;
        if (is_at(*pod, set_.meta, revisions_.update)) ++updated;
        if (is_at(*pod, set_.meta, current_)) ++at_current;
      }
    }
    plan_.look_again = ignored;
    // The roll is complete: what was the update is current from now on.
    if (updated == set_.replicas && ready == set_.replicas && replicas == set_.replicas) {
      current_ = revisions_.update;
      at_current = updated;
    }
    plan_.status = {{"observedGeneration", set_.meta.generation},
                    {"replicas", replicas},
                    {"readyReplicas", ready},
                    {"availableReplicas", available_count},
                    {"currentReplicas", at_current},
                    {"updatedReplicas", updated},
                    {"currentRevision", current_},
                    {"updateRevision", revisions_.update},
                    {"collisionCount", 0}};
  }

  const model::StatefulSet& set_;
  const SetFacts& facts_;
  const bool ordered_;
  SetRevisions revisions_;
  std::string current_;
  std::map<std::int32_t, PodPtr> wanted_;
  std::map<std::int32_t, PodPtr> surplus_;
  SetPlan plan_;
};

}  // namespace

std::optional<std::int32_t> ordinal_of(const std::string& set_name, const std::string& pod_name) {
  if (pod_name.size() < set_name.size() + 2 || !pod_name.starts_with(set_name) || pod_name[set_name.size()] != '-') {
    return std::nullopt;
  }
  const auto digits = std::string_view(pod_name).substr(set_name.size() + 1);
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  std::int32_t ordinal = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
  if (error != std::errc() || end != digits.data() + digits.size() || ordinal < 0) return std::nullopt;
  return ordinal;
}

std::string claim_name(const model::ClaimTemplate& claim_template, const std::string& set_name, std::int32_t ordinal) {
  return claim_template.meta.name + "-" + set_name + "-" + std::to_string(ordinal);
}

SetPlan plan_stateful_set(const model::StatefulSet& set, const std::string& current_revision, const SetFacts& facts) {
  return Planner(set, current_revision, facts).make();
}

}  // namespace berth::agent
