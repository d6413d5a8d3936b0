// agent/sets/stateful_set_plan.cpp - see stateful_set_plan.hpp.
#include "agent/sets/stateful_set_plan.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "agent/sets/rollout_progress.hpp"
#include "model/json_edit.hpp"
#include "model/pod_resources.hpp"

namespace berth::agent {
namespace {

/// A pod and the claims that it needs are one transaction. An etcd compares 128 keys in one (--max-txn-ops), which are
/// these, and a few that were read to judge them: of more claims so many come first, without the pod.
constexpr std::size_t kClaimsAtOnce = 64;

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
      grow_claims();
      if (fill() && shrink()) roll();
    }
    write_status();
    if (!set_.meta.deleting() && wants_undo(set_.meta) && set_.update_strategy == "RollingUpdate") watch_rollout();
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
  std::pair<std::string, json::object> revision_for(std::int32_t ordinal) const {
    if (starts_at_current(ordinal)) {
      for (const auto& revision : facts_.revisions) {
        if (revision->name == current_) return {revision->name, revision->pod_template()};
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
      create_missing_claims(ordinal, &pod);
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
    return std::any_of(surplus_.begin(), surplus_.end(), [&](const auto& other) {
      return other.first < ordinal && !is_terminal(*other.second) && !healthy(*other.second);
    });
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
      // One that is over will never be well: nobody waits for it, and it waits for nobody.
      if (ordered_ && !is_terminal(pod) && !available(pod) && is_waited_for_below(it->first)) return false;
      remove(it->second);
      if (ordered_) return false;
    }
    if (quiet && set_.retention_when_scaled == "Delete") release_scaled_claims();
    return quiet;
  }

  /// Those that are there from the partition on, in the order in which a changed template reaches them.
  std::vector<PodPtr> in_update_order() const {
    std::vector<PodPtr> pods;
    for (auto it = wanted_.lower_bound(set_.start_ordinal + set_.partition); it != wanted_.end(); ++it) {
      pods.push_back(it->second);
    }
    const auto order = set_.meta.annotations.find(kUpdateOrder);
    const auto ascending = order != set_.meta.annotations.end() && order->second == "Ascending";
    if (!ascending) std::reverse(pods.begin(), pods.end());
    return pods;
  }

  bool is_outdated(const model::Pod& pod) const {
    return !is_at(pod, set_.meta, revisions_.update) && !pod.meta.deleting();
  }

  void roll() {
    if (set_.update_strategy != "RollingUpdate") return;
    const auto pods = in_update_order();
    if (facts_.max_unavailable) return roll_some(pods);
    for (const auto& pod : pods) {
      if (is_outdated(*pod)) return remove(pod);
      if (!healthy(*pod)) return;
    }
  }

  /// As many at once as maxUnavailable leaves, of all pods of the set: what is not well below the partition counts,
  /// too. A pod that is not well is no loss; so the mended template reaches it, however many are.
  void roll_some(const std::vector<PodPtr>& pods) {
    const auto well =
        std::count_if(wanted_.begin(), wanted_.end(), [&](const auto& each) { return healthy(*each.second); });
    auto left =
        std::max(facts_.max_unavailable->of(set_.replicas), 1) - (set_.replicas - static_cast<std::int32_t>(well));
    for (const auto& pod : pods) {
      if (!is_outdated(*pod)) continue;
      if (healthy(*pod)) {
        if (left <= 0) continue;
        --left;
      }
      remove(pod);
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
    if (facts_.claims.contains(name)) plan_.remove.push_back(claim_key(name));
  }

  model::ObjectKey claim_key(const std::string& name) const {
    return {model::Kind::PersistentVolumeClaim, set_.meta.ns, name};
  }

  /// Claims of ordinals that the set does not have any more (retention policy whenScaled: Delete).
  void release_scaled_claims() {
    for (const auto& claim : set_.claim_templates) {
      const auto prefix = claim.meta.name + "-" + set_.meta.name;
      for (auto it = facts_.claims.lower_bound(prefix); it != facts_.claims.end() && it->first.starts_with(prefix);
           ++it) {
        const auto ordinal = ordinal_of(prefix, it->first);
        if (!ordinal) continue;
        if (*ordinal < set_.start_ordinal || *ordinal >= set_.start_ordinal + set_.replicas) release_claim(it->first);
      }
    }
  }

  /// A template asks for more than it did: its claims follow at once, as nothing has to be stopped for that.
  void grow_claims() {
    for (const auto& claim : set_.claim_templates) {
      const auto asked =
          model::Quantity::parse(find_string(json::value(claim.raw), {"spec", "resources", "requests", "storage"}));
      if (!asked) continue;
      for (auto ordinal = set_.start_ordinal; ordinal < set_.start_ordinal + set_.replicas; ++ordinal) {
        const auto name = claim_name(claim, set_.meta.name, ordinal);
        const auto found = facts_.claims.find(name);
        if (found == facts_.claims.end() || !(found->second.request < *asked)) continue;
        const auto& from = found->second.request.text();
        if (found->second.may_grow) {
          plan_.grow.push_back({claim_key(name), from, asked->text()});
        } else if (!found->second.why_not.empty()) {
          plan_.ungrown.push_back(fmt::format("claim {} stays at {}, its template asks for {}: {}", name, from,
                                              asked->text(), found->second.why_not));
        }
      }
    }
  }

  /// `pod`: there already. It misses only what it uses: a template that was added later concerns its successor.
  /// False: there are more to come once these are seen.
  bool create_missing_claims(std::int32_t ordinal, const model::Pod* pod = nullptr) {
    const auto used = pod == nullptr ? std::vector<std::string>() : references_of(pod->spec).claims;
    std::size_t made = 0;
    for (const auto& claim : set_.claim_templates) {
      const auto name = claim_name(claim, set_.meta.name, ordinal);
      if (facts_.claims.contains(name)) continue;
      if (pod != nullptr && std::find(used.begin(), used.end(), name) == used.end()) continue;
      if (made++ == kClaimsAtOnce) return false;
      auto object = claim.raw;
      object["apiVersion"] = "v1";
      object["kind"] = "PersistentVolumeClaim";
      auto& meta = model::object_in(object, "metadata");
      meta["name"] = name;
      meta["namespace"] = set_.meta.ns;
      auto& labels = model::object_in(meta, "labels");
      for (const auto& [key, value] : set_.selector.match_labels) labels[key] = value;
      plan_.create.push_back(std::move(object));
    }
    return true;
  }

  void create(std::int32_t ordinal) {
    if (!create_missing_claims(ordinal)) return;
    const auto [revision, pod_template] = revision_for(ordinal);
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
    if (const auto* node = node_for(pod, ordinal)) spec["nodeName"] = node->meta.name;
    plan_.create.push_back(std::move(pod));
  }

  /// Where there can be one node only, and it takes the pod as it will be, whatever its revision; null: its placement
  /// chooses, or says why not.
  const model::Node* node_for(const json::object& pod, std::int32_t ordinal) const {
    if (!facts_.binds || facts_.nodes.size() != 1) return nullptr;
    for (const auto& claim : set_.claim_templates) {
      const auto known = facts_.claims.find(claim_name(claim, set_.meta.name, ordinal));
      if (known != facts_.claims.end() && known->second.has_place) return nullptr;
    }
    const auto object = model::make_object(pod);
    const auto decoded = object ? model::decode_pod(*object) : object.error();
    if (!decoded) return nullptr;
    // Whether there is room for what it asks for is for placement to say, which knows of all pods.
    if (!model::pod_amounts(pod, "requests").empty()) return nullptr;
    return why_not_on(decoded->spec, *facts_.nodes.front()).empty() ? facts_.nodes.front() : nullptr;
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
    // The roll is complete: what was the update is current from now on. Of no pods none was rolled: those that a
    // partition keeps back come back as they were.
    const auto none_rolled = set_.replicas == 0 && set_.partition > 0;
    if (updated == set_.replicas && ready == set_.replicas && replicas == set_.replicas && !none_rolled) {
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

  /// Goes back to the current revision when the update does not get on.
  void watch_rollout() {
    RolloutCounts counts;
    counts.revision = revisions_.update;
    counts.wanted = set_.replicas;
    counts.updated = plan_.status.at("updatedReplicas").to_number<std::int64_t>();
    counts.available = plan_.status.at("availableReplicas").to_number<std::int64_t>();
    counts.complete =
        surplus_.empty() && counts.available == set_.replicas &&
        std::none_of(wanted_.lower_bound(set_.start_ordinal + set_.partition), wanted_.end(),
                     [&](const auto& each) { return !is_at(*each.second, set_.meta, revisions_.update); });
    const auto deadline = progress_deadline(set_.meta);
    auto progress = follow_rollout(facts_.status, counts, deadline, facts_.now);
    if (progress.look_again) {
      plan_.look_again = plan_.look_again ? std::min(*plan_.look_again, *progress.look_again) : *progress.look_again;
    }
    const auto put_back = was_put_back(set_.meta, revisions_.update);
    auto& conditions = progress.conditions;
    if (progress.failed_now && !put_back) undo(deadline, conditions);
    if (!plan_.undo && !put_back) {  // Of a template that is there no more.
      for (auto* it = conditions.begin(); it != conditions.end();) {
        it = find_string(*it, {"type"}) == kUndoneCondition ? conditions.erase(it) : it + 1;
      }
    }
    plan_.status["conditions"] = std::move(conditions);
  }

  void undo(std::chrono::seconds deadline, json::array& conditions) {
    const auto before = std::find_if(facts_.revisions.begin(), facts_.revisions.end(),
                                     [&](const auto& each) { return each->name == current_; });
    if (current_ == revisions_.update || before == facts_.revisions.end()) return;
    plan_.undo = {
        .to = current_,
        .pod_template = (*before)->pod_template(),
        .why = fmt::format("revision \"{}\" made no progress for {} s: the template of revision {} (\"{}\") is "
                           "put back",
                           revisions_.update, deadline.count(), (*before)->number, current_),
        .generation = set_.meta.generation};
    conditions.push_back(undone_condition(*plan_.undo, facts_.now));
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

std::optional<CountOrShare> read_max_unavailable(const model::Object& set) {
  const auto* spec = set.raw.if_contains("spec");
  const auto* rolling = spec == nullptr ? nullptr : find(*spec, {"updateStrategy", "rollingUpdate"});
  if (rolling == nullptr || find(*rolling, {"maxUnavailable"}) == nullptr) return std::nullopt;
  return read_amount(*rolling, "maxUnavailable", {1, false});
}

SetPlan plan_stateful_set(const model::StatefulSet& set, const std::string& current_revision, const SetFacts& facts) {
  return Planner(set, current_revision, facts).make();
}

}  // namespace berth::agent
