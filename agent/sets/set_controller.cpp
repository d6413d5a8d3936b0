// agent/sets/set_controller.cpp - see set_controller.hpp.
#include "agent/sets/set_controller.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "agent/control/waking.hpp"
#include "agent/ending/ownership.hpp"
#include "agent/objects/change_facts.hpp"
#include "agent/sets/daemon_set_plan.hpp"
#include "agent/sets/stateful_set_plan.hpp"
#include "base/random.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;

std::string draw_salt() { return fmt::format("{:016x}", thread_random()()); }

/// The group of a set's status and of the revisions that it names: never is one seen without the other.
constexpr int kStatusGroup = 1;
/// A StatefulSet's pod with the claims that it needs, each pod in one of its own: never is it there without them.
constexpr int kFirstPodGroup = 2;

bool is_set(Kind kind) { return kind == Kind::StatefulSet || kind == Kind::DaemonSet; }

bool is_bound(const model::Object& claim) {
  const auto* status = claim.raw.if_contains("status");
  return status != nullptr && find_string(*status, {"phase"}) == "Bound";
}

std::int64_t template_generation_of(const model::ObjectMeta& daemon_set) {
  const auto found = daemon_set.annotations.find(kTemplateGeneration);
  std::int64_t number = 0;
  if (found != daemon_set.annotations.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  }
  return number;
}

/// A claim's request becomes what its template says, unless somebody gave it more meanwhile.
Edit grow(json::object& claim, const std::string& size) {
  auto& requests = model::object_in(model::object_in(model::object_in(claim, "spec"), "resources"), "requests");
  const auto now = model::Quantity::parse(model::text_at(requests, "storage"));
  const auto wanted = model::Quantity::parse(size);
  if (now && wanted && !(*now < *wanted)) return Edit::Leave;
  requests["storage"] = size;
  return Edit::Done;
}

/// Takes what is written about revisions out, as the first of a group.
std::vector<Write> split_revisions(std::vector<Write>& writes) {
  const auto is_other = [](const Write& write) {
    return write.key.kind != Kind::ControllerRevision || write.verb == Write::Verb::Delete;
  };
  const auto middle = std::stable_partition(writes.begin(), writes.end(), is_other);
  std::vector<Write> revisions(std::make_move_iterator(middle), std::make_move_iterator(writes.end()));
  writes.erase(middle, writes.end());
  for (auto& write : revisions) write.group = kStatusGroup;
  return revisions;
}

}  // namespace

struct SetController::Found {
  std::shared_ptr<const model::StatefulSet> stateful;
  std::shared_ptr<const model::DaemonSet> daemon;
  const model::ObjectMeta* meta = nullptr;
  const model::LabelSelector* selector = nullptr;
  const model::PodTemplate* pod_template = nullptr;
};

SetController::SetController(const Clock& clock, const ObjectCache& cache, const store::Store& store,
                             const LiveNodes& nodes, bool shared)
    : clock_(clock), cache_(cache), store_(store), nodes_(nodes), making_(shared) {}

Controller SetController::row() {
  return {.name = "sets",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all =
              [this](const Waker& wake) {
                std::erase_if(memories_, [this](const auto& each) { return find_set(each.first).meta == nullptr; });
                wake_all(wake, /*daemon_sets_only=*/false);
              },
          .plan = [this](const Key& key) { return plan(key); },
          .refused = [this](const Key& key, const Write& write, const Error&) { making_.refused(key, write); }};
}

void SetController::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  const auto deleted = change.type == store::ChangeType::Deleted;
  if (is_set(object.kind)) {
    if (deleted) {
      memories_.erase(object.key());
    } else {
      wake_itself(change, wake);
    }
  } else if (object.kind == Kind::Pod || object.kind == Kind::ControllerRevision) {
    wake_owners(change, [&](const model::Object& owned) { wake_owner(owned.meta, wake); });
    if (!deleted && object.kind == Kind::Pod && object.meta.controller() == nullptr) wake_adopters(object, wake);
  } else if (object.kind == Kind::PersistentVolumeClaim) {
    // A set asks whether a claim is there, what it asks for, and whether it is bound or on its way.
    if (asks_anew(change) || is_bound(*change.previous) != is_bound(object)) wake_claim_set(object, wake);
  } else if (object.kind == Kind::StorageClass) {
    wake_all(wake, /*daemon_sets_only=*/false);  // Claims may grow now.
  } else if (object.kind == Kind::Node && moves_pods(change)) {
    wake_all(wake, /*daemon_sets_only=*/true);  // A StatefulSet's pods that fit nowhere are placed later, one by one.
  }
}

void SetController::wake_all(const Waker& wake, bool daemon_sets_only) const {
  for (const auto& [name, set] : cache_.daemon_sets()) wake({Kind::DaemonSet, name.first, name.second});
  if (daemon_sets_only) return;
  for (const auto& [name, set] : cache_.stateful_sets()) wake({Kind::StatefulSet, name.first, name.second});
}

void SetController::wake_owner(const model::ObjectMeta& owned, const Waker& wake) const {
  const auto* owner = owned.controller();
  const auto* kind = owner == nullptr ? nullptr : model::find_kind(owner->kind);
  if (kind != nullptr && is_set(kind->kind)) wake({kind->kind, owned.ns, owner->name});
}

void SetController::wake_adopters(const model::Object& pod, const Waker& wake) const {
  const auto& ns = pod.meta.ns;
  if (!cache_.orphans(ns).contains({ns, pod.meta.name})) return;
  wake_selecting(cache_.stateful_sets(), Kind::StatefulSet, pod.meta, wake);
  wake_selecting(cache_.daemon_sets(), Kind::DaemonSet, pod.meta, wake);
}

/// "data-db-0" is a claim of the set "db" when that has a template "data".
void SetController::wake_claim_set(const model::Object& claim, const Waker& wake) const {
  const std::string_view name = claim.meta.name;
  const auto end = name.rfind('-');
  if (end == std::string_view::npos) return;
  for (auto dash = name.find('-'); dash < end; dash = name.find('-', dash + 1)) {
    const std::string set(name.substr(dash + 1, end - dash - 1));
    const auto found = cache_.stateful_sets().find({claim.meta.ns, set});
    if (found == cache_.stateful_sets().end()) continue;
    const auto& templates = found->second->claim_templates;
    const auto ours = std::any_of(templates.begin(), templates.end(),
                                  [&](const auto& each) { return each.meta.name == name.substr(0, dash); });
    if (ours) wake({Kind::StatefulSet, claim.meta.ns, set});
  }
}

SetController::Found SetController::find_set(const Key& key) const {
  Found set;
  const auto take = [&](const auto& sets, auto& kept) {
    const auto found = sets.find({key.ns, key.name});
    if (found == sets.end()) return;
    kept = found->second;
    set.meta = &kept->meta;
    set.selector = &kept->selector;
    set.pod_template = &kept->pod_template;
  };
  if (key.kind == Kind::StatefulSet) take(cache_.stateful_sets(), set.stateful);
  if (key.kind == Kind::DaemonSet) take(cache_.daemon_sets(), set.daemon);
  return set;
}

std::vector<PodPtr> SetController::pods_to_adopt(const Key& key, const Found& set) const {
  std::vector<PodPtr> found;
  for (const auto& name : cache_.orphans(key.ns)) {
    const auto pod = cache_.pod(name);
    if (!is_adoptable(*pod, *set.selector)) continue;
    if (set.stateful && !ordinal_of(key.name, name.second)) continue;
    found.push_back(pod);
  }
  return found;
}

/// May it grow? What the API asks of anybody who wants that.
SetClaim SetController::look_at(const model::PersistentVolumeClaim& claim) const {
  SetClaim out;
  out.request = claim.request;
  const auto volume = cache_.volumes().find({"", claim.volume_name});
  out.has_place = volume != cache_.volumes().end() && !volume->second->node_affinity.empty();
  if (claim.phase != "Bound" || claim.meta.deleting()) return out;  // It grows when it is bound, or not at all.
  const auto name = claim.storage_class_name.value_or("");
  const auto found = cache_.storage_classes().find({"", name});
  out.may_grow = found != cache_.storage_classes().end() && found->second->allow_volume_expansion;
  if (out.may_grow) return out;
  out.why_not = name.empty() ? "it has no storage class, and only volumes that were made for their claim can grow"
                             : fmt::format("storage class \"{}\" does not allow that (allowVolumeExpansion)", name);
  return out;
}

SetFacts SetController::facts_for(const Key& key, const Found& set) {
  auto& memory = memories_[key];
  if (memory.uid != set.meta->uid || memory.generation != set.meta->generation || memory.template_hash.empty()) {
    memory.uid = set.meta->uid;
    memory.generation = set.meta->generation;
    memory.template_hash = template_hash(set.pod_template->raw);
    if (const auto stored = store_.get(key)) {
      if (set.daemon) memory.rollout = read_daemon_rollout(*stored);
      if (set.stateful) memory.max_unavailable = read_max_unavailable(*stored);
    }
  }
  SetFacts facts;
  facts.now = clock_.wall();
  facts.template_hash = memory.template_hash;
  facts.rollout = memory.rollout;
  facts.max_unavailable = memory.max_unavailable;
  if (set.stateful && wants_undo(*set.meta)) {
    const auto stored = store_.get(key);
    const auto* status = stored ? stored->raw.if_contains("status") : nullptr;
    if (status != nullptr && status->is_object()) facts.status = status->get_object();
  }
  for (const auto& name : cache_.pods_of_owner(set.meta->uid)) facts.pods.push_back(cache_.pod(name));
  for (const auto& name : cache_.revisions_of_owner(set.meta->uid)) {
    facts.revisions.push_back(cache_.revisions().at(name));
  }
  if (set.stateful) {
    for (const auto& each : set.stateful->claim_templates) {
      const auto prefix = each.meta.name + "-" + key.name + "-";
      for (auto it = cache_.claims().lower_bound({key.ns, prefix});
           it != cache_.claims().end() && it->first.first == key.ns && it->first.second.starts_with(prefix); ++it) {
        facts.claims.emplace(it->first.second, look_at(*it->second));
      }
    }
  }
  facts.binds = !making_.shared();
  if (set.daemon || facts.binds) facts.nodes = nodes_.in(cache_);  // A thousand are looked up.
  if (set.daemon && making_.shared()) {
    facts.salt = std::to_string(pods_made(*set.meta));
  } else if (set.daemon) {
    const auto is_used = std::any_of(facts.nodes.begin(), facts.nodes.end(), [&](const auto* each) {
      return cache_.pod({key.ns, daemon_pod_name(*set.meta, each->meta.name, memory.salt)}) != nullptr;
    });
    if (memory.salt.empty() || is_used) memory.salt = draw_salt();
    facts.salt = memory.salt;
  }
  return facts;
}

Work SetController::plan(const Key& key) {
  const auto set = find_set(key);
  if (set.meta == nullptr) return {};
  Work work;
  if (!set.meta->deleting()) {
    // Nothing else is planned before they are ours.
    for (const auto& pod : pods_to_adopt(key, set)) {
      work.writes.push_back(
          adopt({Kind::Pod, key.ns, pod->meta.name}, pod->meta, *set.meta, model::info(key.kind).name));
    }
    if (!work.writes.empty()) return work;
  }
  auto facts = facts_for(key, set);
  if (!set.meta->deleting()) {
    if (const auto strangers = release_strangers(*set.selector, facts); !strangers.empty()) {
      SetPlan plan;
      plan.release_pods = strangers;  // Their successors come when they are seen to be nobody's.
      return to_work(key, set, std::move(plan));
    }
  }
  auto plan = set.stateful ? plan_stateful_set(*set.stateful, set.stateful->current_revision, facts)
                           : plan_daemon_set(*set.daemon, facts);
  work = to_work(key, set, std::move(plan));
  if (set.daemon) making_.gather(key, *set.meta, work);
  return work;
}

Work SetController::to_work(const Key& key, const Found& set, SetPlan plan) const {
  Work work;
  work.look_again = plan.look_again;
  const auto& uid = set.meta->uid;
  const auto event = [&](std::string_view type, std::string reason, std::string message) {
    return EventText{key, uid, type, std::move(reason), std::move(message)};
  };
  const auto uid_of = [&](const Key& pod) {
    const auto found = cache_.pod({pod.ns, pod.name});
    return found ? found->meta.uid : std::string();
  };
  for (const auto& why : plan.unplaced) work.events.push_back(event("Warning", "FailedPlacement", why));
  for (const auto& why : plan.ungrown) work.events.push_back(event("Warning", "FailedResize", why));
  for (const auto& each : plan.grow) {
    work.writes.push_back(
        {.key = each.claim,
         .edit = [to = each.to](json::object& raw) { return grow(raw, to); },
         .said = event("Normal", "SuccessfulResize",
                       fmt::format("claim {} asks for {} instead of {}, as its template does", each.claim.name, each.to,
                                   each.from)),
         .refused = event("Warning", "FailedResize", fmt::format("resize claim {} to {}", each.claim.name, each.to))});
  }
  int group = kFirstPodGroup;
  std::string last;
  for (auto& raw : plan.create) {
    const json::value value(raw);
    const auto kind = std::string(find_string(value, {"kind"}));
    const auto name = std::string(find_string(value, {"metadata", "name"}));
    Write write{
        .verb = Write::Verb::Create, .key = {model::find_kind(kind)->kind, key.ns, name}, .object = std::move(raw)};
    // A pod of that name that is not ours is a conflict, to be tried again with patience; a claim is adopted.
    write.may_exist = kind != "Pod";
    if (kind != "ControllerRevision") {
      write.said =
          event("Normal", "SuccessfulCreate", fmt::format("create {} {} in {} successful", kind, name, key.display()));
    }
    if (kind == "Pod") write.refused = event("Warning", "FailedCreate", fmt::format("create Pod {} failed", name));
    if (set.stateful && kind != "ControllerRevision") {
      const auto ordinal = name.substr(name.rfind('-') + 1);  // Of "data-db-0" as of "db-0".
      if (ordinal != last) ++group;
      last = ordinal;
      write.group = group;
    }
    work.writes.push_back(std::move(write));
  }
  for (const auto& pod : plan.delete_pods) {
    work.writes.push_back(
        {.verb = Write::Verb::MarkDeleted,
         .key = pod,
         .uid = uid_of(pod),
         .said = event("Normal", "SuccessfulDelete", fmt::format("delete Pod {} in {}", pod.name, key.display()))});
  }
  if (plan.edit_revision) {
    work.writes.push_back({.key = {Kind::ControllerRevision, key.ns, plan.edit_revision->name},
                           .edit = [edit = *plan.edit_revision](json::object& raw) {
                             raw["revision"] = edit.number;
                             if (edit.hash_label.empty()) return Edit::Done;
                             model::object_in(model::object_in(raw, "metadata"), "labels")[kRevisionLabel] =
                                 edit.hash_label;
                             return Edit::Done;
                           }});
  }
  for (const auto& surplus : plan.remove) {
    const auto claim = cache_.claims().find({surplus.ns, surplus.name});
    if (surplus.kind == Kind::PersistentVolumeClaim && claim != cache_.claims().end() &&
        claim->second->meta.deleting()) {
      continue;  // Asked before; it waits for its finalizers.
    }
    work.writes.push_back({.verb = Write::Verb::Delete, .key = surplus});
  }
  for (const auto& pod : plan.release_pods) work.writes.push_back(release(pod, uid_of(pod), uid));
  if (plan.forget && set.meta->finalizers.empty()) {  // Else their end wakes it again.
    work.writes.push_back({.verb = Write::Verb::Remove, .key = key, .uid = uid});
    return work;
  }
  auto revisions = split_revisions(work.writes);
  const auto together = revisions.empty() ? 0 : kStatusGroup;
  work.writes.insert(work.writes.end(), std::make_move_iterator(revisions.begin()),
                     std::make_move_iterator(revisions.end()));
  if (plan.status.empty()) return work;
  const auto stored = store_.get(key);
  const auto* status = stored && stored->meta.uid == uid ? stored->raw.if_contains("status") : nullptr;
  const auto same_status = status != nullptr && *status == json::value(plan.status);
  const auto same_generation = !set.daemon || template_generation_of(*set.meta) == plan.template_generation;
  if (!stored || (same_status && same_generation && !plan.undo)) return work;
  Write write{
      .key = key, .uid = uid, .durability = plan.undo ? Durability::Durable : Durability::Lazy, .group = together};
  if (plan.undo) write.said = event("Warning", "RolloutUndone", plan.undo->why);
  write.edit = [status = std::move(plan.status), undo = std::move(plan.undo),
                generation = plan.template_generation](json::object& raw) {
    if (undo && put_back(*undo, raw) == Edit::Refuse) return Edit::Refuse;
    raw["status"] = status;
    if (generation != 0) {
      auto& meta = model::object_in(raw, "metadata");
      model::object_in(meta, "annotations")[kTemplateGeneration] = std::to_string(generation);
    }
    return Edit::Done;
  };
  work.writes.push_back(std::move(write));
  return work;
}

}  // namespace berth::agent
