// agent/sets/deployment_plan.cpp - see deployment_plan.hpp.
#include "agent/sets/deployment_plan.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include <fmt/format.h>

#include "agent/sets/deployment_sizes.hpp"
#include "agent/sets/deployment_status.hpp"
#include "agent/sets/replica_set_object.hpp"
#include "model/selector.hpp"

namespace berth::agent {
namespace {

/// A ReplicaSet as it will be when the plan is carried out.
struct Member {
  const DeployedSet* from;
  std::int32_t replicas;
  std::int32_t min_ready_seconds;
  model::StringMap annotations;

  const model::ObjectMeta& meta() const { return from->set->meta; }
  /// Of those that stay: one that shrinks gives away first what is not available.
  std::int32_t available() const { return std::min(from->available, replicas); }
};

/// The plan while it is made.
class Planner {
 public:
  Planner(const model::Deployment& deployment, const DeploymentFacts& facts)
      : deployment_(deployment), facts_(facts), before_(deployment.status) {
    for (const auto& each : facts.sets) {
      if (!model::matches(deployment.selector, each.set->meta.labels) && !each.set->meta.deleting()) {
        plan_.release.push_back(each.set);
        continue;
      }
      members_.push_back({&each, each.set->replicas, each.set->min_ready_seconds, each.set->meta.annotations});
    }
    std::sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) {
      return std::tie(a.meta().creation_timestamp, a.meta().name) <
             std::tie(b.meta().creation_timestamp, b.meta().name);
    });
    for (auto& each : members_) {
      const auto usable = !each.meta().deleting() && is_of_template(*each.from->set, deployment.pod_template.raw);
      if (usable && fresh_ == nullptr) fresh_ = &each;
    }
    for (auto& each : members_) {
      if (&each != fresh_) old_.push_back(&each);
    }
  }

  DeploymentPlan make() {
    if (deployment_.meta.deleting()) {
      plan_.release.clear();
      plan_.status = count();
      return std::move(plan_);
    }
    plan_.adopt = facts_.free;
    if (!plan_.adopt.empty() || !plan_.release.empty()) {
      plan_.status = before_;
      return std::move(plan_);
    }
    note_pause(deployment_, facts_.now, before_);
    if (deployment_.paused || is_scaling()) {
      take_revision();
      scale();
      if (deployment_.paused) clean_up();
      plan_.status = count();
    } else {
      if (deployment_.strategy == "Recreate") {
        recreate();
      } else {
        roll();
      }
      plan_.status = count();
      if (is_complete(deployment_, plan_.status)) clean_up();
      // Progress is what differs from the status that is stored.
      note_progress(deployment_, deployment_.status, new_name_, facts_.now, plan_.status, plan_.look_again);
      note_failure(refusal(), facts_.now, plan_.status);
      if (failed_now()) undo();
    }
    if (!plan_.undo && !was_put_back(deployment_.meta, new_name_)) {
      std::erase_if(plan_.status.conditions, [](const auto& each) { return each.type == kUndoneCondition; });
    }
    collect_edits();
    return std::move(plan_);
  }

 private:
  model::DeploymentStatus count() const {
    DeploymentCounts counts;
    for (const auto& each : members_) {
      counts.wanted += each.replicas;
      counts.replicas += each.from->active;
      counts.ready += each.from->ready;
      counts.available += each.from->available;
    }
    if (fresh_ != nullptr) counts.updated = fresh_->from->active;
    counts.wanted += plan_.created_replicas;
    return counted(deployment_, counts, before_, facts_.now);
  }

  std::int32_t all_replicas() const {
    std::int32_t sum = 0;
    for (const auto& each : members_) sum += each.replicas;
    return sum;
  }

  /// Somebody wants another number than the sets were made for.
  bool is_scaling() const {
    return std::any_of(members_.begin(), members_.end(), [&](const Member& each) {
      const auto desired = number_in(each.annotations, kDesiredReplicas);
      return each.replicas > 0 && desired && *desired != deployment_.replicas;
    });
  }

  std::int64_t newest_old_revision() const {
    std::int64_t newest = 0;
    for (const auto* each : old_) newest = std::max(newest, revision_of(*each->from->set));
    return newest;
  }

  /// The set of the template as it is gets the newest number, and what the Deployment says of itself.
  void take_revision() {
    if (fresh_ == nullptr) return;
    new_name_ = fresh_->meta().name;
    fresh_->annotations = annotations_for(deployment_, std::move(fresh_->annotations), newest_old_revision() + 1);
    fresh_->min_ready_seconds = deployment_.min_ready_seconds;
    plan_.revision = fresh_->annotations.at(kRevision);
    if (has_deadline(deployment_) && before_.condition("Progressing") == nullptr) {
      set_condition(before_, "Progressing", "True", "FoundNewReplicaSet",
                    fmt::format("Found new replica set \"{}\"", new_name_), facts_.now);
    }
  }

  /// A new one with so many pods when there is none yet; when its name is taken, the next plan has another.
  void take_or_make(std::int32_t replicas) {
    if (fresh_ != nullptr) return take_revision();
    if (facts_.name_taken) {
      ++before_.collision_count;
      return;
    }
    model::StringMap annotations = annotations_for(deployment_, {}, newest_old_revision() + 1);
    note_sizes(annotations);
    plan_.create = make_replica_set(deployment_, facts_.hash, replicas, annotations);
    plan_.created_replicas = replicas;
    plan_.revision = annotations.at(kRevision);
    new_name_ = deployment_.meta.name + "-" + facts_.hash;
    if (!has_deadline(deployment_)) return;
    set_condition(before_, "Progressing", "True", "NewReplicaSetCreated",
                  fmt::format("Created new replica set \"{}\"", new_name_), facts_.now);
  }

  void note_sizes(model::StringMap& annotations) const {
    annotations[kDesiredReplicas] = std::to_string(deployment_.replicas);
    annotations[kMaxReplicas] = std::to_string(deployment_.replicas + max_surge(deployment_));
  }

  void resize(Member& member, std::int32_t replicas) const {
    member.replicas = replicas;
    note_sizes(member.annotations);
  }

  /// How many the new set may have now, when it has `now`: up to the surge, and never more than wanted. Pods that an
  /// old set has too many, or may still be making, have their place until they are gone.
  std::int32_t room_for_new(std::int32_t now) const {
    auto room = static_cast<std::int64_t>(deployment_.replicas) + max_surge(deployment_);
    for (const auto& each : members_) {
      if (&each != fresh_ && !each.from->observed) return now;
      room -= std::max(each.replicas, each.from->active);
    }
    room = std::max<std::int64_t>(room, 0);
    return now + static_cast<std::int32_t>(std::clamp<std::int64_t>(deployment_.replicas - now, 0, room));
  }

  void roll() {
    take_or_make(room_for_new(0));
    if (fresh_ == nullptr) return;  // It is seen first.
    if (fresh_->replicas > deployment_.replicas) return resize(*fresh_, deployment_.replicas);
    if (const auto size = room_for_new(fresh_->replicas); size != fresh_->replicas) return resize(*fresh_, size);
    shrink_old();
  }

  void shrink_old() {
    const auto floor = deployment_.replicas - max_unavailable(deployment_);
    auto spare = all_replicas() - floor - (fresh_->replicas - fresh_->available());
    for (auto* each : old_) {  // Those that are not well are no loss.
      const auto part = std::min(spare, each->replicas - each->available());
      if (part <= 0) continue;
      resize(*each, each->replicas - part);
      spare -= part;
    }
    if (spare <= 0) return;
    auto available = fresh_->available();
    for (const auto* each : old_) available += each->available();
    for (auto* each : old_) {
      const auto part = std::min({available - floor, spare, each->replicas});
      if (part <= 0) continue;
      resize(*each, each->replicas - part);
      available -= part;
      spare -= part;
    }
  }

  void recreate() {
    auto all_gone = true;
    for (auto* each : old_) {
      if (each->replicas > 0) resize(*each, 0);
      all_gone = all_gone && each->from->set->replicas == 0 && each->from->observed && !each->from->has_pods;
    }
    if (!all_gone) return take_revision();
    take_or_make(deployment_.replicas);
    if (fresh_ != nullptr && fresh_->replicas != deployment_.replicas) resize(*fresh_, deployment_.replicas);
  }

  void scale() {
    std::vector<Member*> filled;
    for (auto& each : members_) {
      if (each.replicas > 0) filled.push_back(&each);
    }
    if (filled.size() <= 1) {
      // The only one that has pods; else the set of the template as it is, else the newest.
      auto* one = !filled.empty() ? filled.front() : fresh_ != nullptr ? fresh_ : old_.empty() ? nullptr : old_.back();
      if (one != nullptr) resize(*one, deployment_.replicas);
      return;
    }
    if (fresh_ != nullptr && is_saturated(*fresh_)) {
      for (auto* each : filled) {
        if (each != fresh_) resize(*each, 0);
      }
      return;
    }
    if (deployment_.strategy != "RollingUpdate") return;
    std::vector<SizedSet> sets;
    sets.reserve(filled.size());
    for (const auto* each : filled) {
      sets.push_back({each->meta().name, each->meta().creation_timestamp, each->replicas,
                      number_in(each->annotations, kMaxReplicas)});
    }
    const auto sizes = share_out(deployment_, sets);
    for (std::size_t i = 0; i < filled.size(); ++i) resize(*filled[i], sizes[i]);
  }

  /// Of the new set before any old one.
  std::string refusal() const {
    if (fresh_ != nullptr && !fresh_->from->refused.empty()) return fresh_->from->refused;
    const auto found =
        std::find_if(old_.begin(), old_.end(), [](const auto* each) { return !each->from->refused.empty(); });
    return found == old_.end() ? "" : (*found)->from->refused;
  }

  /// Is the deadline over, and was not when the status was written last? Only then is it this rollout's.
  bool failed_now() const {
    const auto failed = [](const model::DeploymentStatus& status) {
      const auto* progressing = status.condition("Progressing");
      return progressing != nullptr && progressing->reason == "ProgressDeadlineExceeded";
    };
    return failed(plan_.status) && !failed(deployment_.status);
  }

  /// Back to the newest template that is available still, or else to the newest that was.
  void undo() {
    if (!wants_undo(deployment_.meta) || new_name_.empty() || was_put_back(deployment_.meta, new_name_)) return;
    const Member* best = nullptr;
    const auto rank = [](const Member& each) {
      return std::pair(each.from->available > 0, revision_of(*each.from->set));
    };
    for (const auto* each : old_) {
      if (!each->meta().deleting() && (best == nullptr || rank(*best) < rank(*each))) best = each;
    }
    if (best == nullptr) return;
    plan_.undo = {.to = best->meta().name,
                  .pod_template = template_of(*best->from->set),
                  .why = fmt::format("ReplicaSet \"{}\" made no progress for {} s: the template of revision {} "
                                     "(ReplicaSet \"{}\") is put back",
                                     new_name_, deployment_.progress_deadline_seconds, revision_of(*best->from->set),
                                     best->meta().name),
                  .generation = deployment_.meta.generation};
    set_condition(plan_.status, kUndoneCondition, "True", "ProgressDeadlineExceeded", plan_.undo->why, facts_.now);
  }

  bool is_saturated(const Member& member) const {
    return number_in(member.annotations, kDesiredReplicas) == deployment_.replicas &&
           member.replicas == deployment_.replicas && member.from->available == deployment_.replicas;
  }

  void clean_up() {
    if (deployment_.revision_history_limit == std::numeric_limits<std::int32_t>::max()) return;
    std::vector<const Member*> all;
    for (const auto* each : old_) {
      if (!each->meta().deleting()) all.push_back(each);
    }
    std::stable_sort(all.begin(), all.end(), [](const Member* a, const Member* b) {
      return revision_of(*a->from->set) < revision_of(*b->from->set);
    });
    const auto kept = static_cast<std::size_t>(std::max(deployment_.revision_history_limit, 0));
    for (std::size_t i = 0; i + kept < all.size(); ++i) {
      const auto& each = *all[i];
      if (each.replicas != 0 || each.from->set->replicas != 0 || each.from->active != 0) continue;
      plan_.remove.push_back(each.from->set);
    }
  }

  void collect_edits() {
    for (const auto& each : members_) {
      const auto& set = *each.from->set;
      if (set.meta.deleting()) continue;
      ReplicaSetEdit edit{.set = each.from->set, .replicas = {}, .min_ready_seconds = {}, .annotations = {}};
      if (each.replicas != set.replicas) edit.replicas = each.replicas;
      if (each.min_ready_seconds != set.min_ready_seconds) edit.min_ready_seconds = each.min_ready_seconds;
      for (const auto& [name, value] : each.annotations) {
        const auto known = set.meta.annotations.find(name);
        if (known == set.meta.annotations.end() || known->second != value) edit.annotations[name] = value;
      }
      if (edit.replicas || edit.min_ready_seconds || !edit.annotations.empty()) plan_.edits.push_back(std::move(edit));
    }
  }

  const model::Deployment& deployment_;
  const DeploymentFacts& facts_;
  model::DeploymentStatus before_;  ///< With the conditions that this plan has found so far.
  std::vector<Member> members_;     ///< The oldest first.
  Member* fresh_ = nullptr;         ///< Of the template as it is.
  std::vector<Member*> old_;
  std::string new_name_;
  DeploymentPlan plan_;
};

}  // namespace

DeploymentPlan plan_deployment(const model::Deployment& deployment, const DeploymentFacts& facts) {
  return Planner(deployment, facts).make();
}

}  // namespace berth::agent
