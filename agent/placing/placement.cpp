// agent/placing/placement.cpp - see placement.hpp.
#include "agent/placing/placement.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/claims/claim_owner.hpp"
#include "agent/claims/claim_plan.hpp"
#include "agent/objects/change_facts.hpp"
#include "agent/objects/fencing.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/pods/pod_status.hpp"
#include "agent/pods/status_writer.hpp"
#include "agent/sets/set_plan.hpp"
#include "model/deletion.hpp"
#include "model/json_edit.hpp"
#include "model/selector.hpp"

namespace berth::agent {

using model::Kind;

namespace {

/// The loop has other things to do: so many pods of many hosts are counted in a row by whoever begins to place.
constexpr std::size_t kPodsAtATime = 200;

model::ObjectKey key_of(const model::Pod& pod) { return {Kind::Pod, pod.meta.ns, pod.meta.name}; }

bool gives_otherwise(const store::Change& change) {
  const auto milli = [](const model::Object& node) {
    std::map<std::string, std::int64_t> out;
    for (const auto& [resource, amount] : allocatable_of(node)) out[resource] = amount.milli;
    return out;
  };
  return milli(*change.object) != milli(*change.previous);
}

bool is_bound(const json::object& pod) {
  const auto* spec = pod.if_contains("spec");
  return spec != nullptr && !find_string(*spec, {"nodeName"}).empty();
}

/// Did the node's fence come or go?
bool fences_otherwise(const store::Change& change) {
  return is_armed(change.object->meta) != is_armed(change.previous->meta);
}

/// A pod that another host takes over at once runs only where it is surely dead by then.
std::string why_not_fenced(const model::Pod& pod, const model::Node& node) {
  if (!asks_for_fencing(pod) || is_armed(node.meta)) return {};
  return "node(s) cannot fence, which pod's berth.io/failover asks for";
}

/// Does the change give room back?
bool leaves(const store::Change& change) {
  if (change.type == store::ChangeType::Deleted) return true;
  const auto over = [](const model::Object& pod) {
    const auto* status = pod.raw.if_contains("status");
    return status != nullptr && model::is_terminal_phase(find_string(*status, {"phase"}));
  };
  return change.previous && over(*change.object) && !over(*change.previous);
}

/// Is it, on a node, what others may be near to or count: for the first time, or with other labels?
bool is_new_neighbour(const store::Change& change) {
  if (change.type == store::ChangeType::Deleted || !is_bound(change.object->raw)) return false;
  return is_other_object(change) || !is_bound(change.previous->raw) ||
         change.previous->meta.labels != change.object->meta.labels;
}

bool is_relabelled(const store::Change& change) {
  return !is_other_object(change) && change.previous->meta.labels != change.object->meta.labels;
}

bool has_claims(const model::PodSpec& spec) {
  return std::any_of(spec.volumes.begin(), spec.volumes.end(),
                     [](const auto& volume) { return std::holds_alternative<model::ClaimSource>(volume.source); });
}

}  // namespace

Placement::Placement(const Clock& clock, const store::Store& store, const ObjectCache& cache, EventSink events,
                     const LiveNodes& nodes)
    : clock_(clock), store_(store), cache_(cache), events_(std::move(events)), nodes_(nodes) {}

Controller Placement::row(const std::function<bool(const model::ObjectKey&)>& is_mine) {
  return {.name = "placement",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all =
              [this, is_mine](const Waker& wake) {
                if (is_mine && !is_mine({})) forget();  // Another host's part by now.
                wake_all(wake);
              },
          .plan = [this](const model::ObjectKey& key) { return plan(key); },
          .ended =
              [this](const model::ObjectKey& key, const Waker&) {
                binding_.erase({key.ns, key.name});
                note({key.ns, key.name});
              },
          .is_mine = is_mine};
}

void Placement::wake_all(const Waker& wake) const {
  for (const auto& name : cache_.pods_of_node("")) wake({Kind::Pod, name.first, name.second});
}

/// Those that nothing else wakes.
void Placement::wake_refused(const Waker& wake) const {
  for (const auto& name : waiting_.refused()) wake({Kind::Pod, name.first, name.second});
}

void Placement::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  if (object.kind == Kind::Pod) {
    const Name name{object.meta.ns, object.meta.name};
    note(name);
    const auto waits = cache_.pods_of_node("").contains(name);
    if (waits && (asks_anew(change) || is_relabelled(change))) wake.anew(object.key());
    if (is_new_neighbour(change)) wake_neighbours(change, wake);
    if (leaves(change)) wake_refused(wake);
  } else if (object.kind == Kind::PersistentVolume) {
    wake_refused(wake);
  } else if (object.kind == Kind::Namespace) {
    if (is_relabelled(change)) wake_refused(wake);
  } else if (object.kind == Kind::Node) {
    note_node(object);
    const auto moves = moves_pods(change);
    if (moves || gives_otherwise(change) || fences_otherwise(change)) wake_refused(wake);
    if (moves) say_cordoned(change);
  }
}

/// Those who wait and have something to say of that pod, as it is or as it was.
void Placement::wake_neighbours(const store::Change& change, const Waker& wake) {
  if (!places_) return;
  const auto& ns = change.object->meta.ns;
  const auto& ns_labels = places_->labels_of_namespace(ns);
  const auto& now = change.object->meta.labels;
  const auto& before = is_relabelled(change) ? change.previous->meta.labels : now;
  const auto minds = [&](const model::PodTerm& term) {
    return takes(term, ns, ns_labels, now) || takes(term, ns, ns_labels, before);
  };
  for (const auto& name : waiting_.refused()) {
    const auto* waiting = tenant(name);
    if (waiting == nullptr || !waiting->wishes) continue;
    const auto& wishes = *waiting->wishes;
    const auto counts = [&](const model::SpreadConstraint& constraint) {
      return name.first == ns &&
             (model::matches(constraint.selector, now) || model::matches(constraint.selector, before));
    };
    if (std::any_of(wishes.near.begin(), wishes.near.end(), minds) ||
        std::any_of(wishes.apart.begin(), wishes.apart.end(), minds) ||
        std::any_of(wishes.spread.begin(), wishes.spread.end(), counts))
      wake({Kind::Pod, name.first, name.second});
  }
}

Work Placement::plan(const model::ObjectKey& key) {
  const Name name{key.ns, key.name};
  const auto pod = cache_.pod(name);
  if (!pod || !pod->spec.node_name.empty()) return {};
  if (pod->meta.deleting()) {
    Work work;
    if (pod->meta.finalizers.empty()) {
      work.writes.push_back({.verb = Write::Verb::Remove, .key = key, .uid = pod->meta.uid});
    }
    return work;
  }
  if (const auto now = clock_.now(); now < wait_until_ && is_anyone_missed()) {
    Work work;
    work.look_again = std::chrono::ceil<std::chrono::milliseconds>(wait_until_ - now);
    return work;
  }
  if (!look_around()) {
    Work work;
    work.look_again = std::chrono::milliseconds(1);
    return work;
  }
  const auto* wanted = tenant(name);
  if (wanted == nullptr) return {};
  waiting_.refuse(name);
  const auto views = look_from(*pod, *wanted);
  if (views.empty()) return {};
  const auto choice = choose_node({*wanted, *pod}, views, *places_);
  if (!choice.node.empty()) {
    binding_[name] = choice.node;
    note(name);
    return bind(*pod, choice.node);
  }
  auto work = wait(*pod, choice.why);
  if (!wanted->preempts) return work;
  mark_guarded(choice.full, wanted->priority);
  for (const auto* victim : choose_victims(*wanted, choice.full)) work.writes.push_back(preempt(*victim, *pod));
  return work;
}

/// Everything that is there, some at a time: who plans looks once, and is told from then on. False: there is more.
bool Placement::look_around() {
  if (has_looked_) return true;
  if (!places_) {
    places_.emplace(cache_);
    for (const auto& [name, node] : cache_.nodes()) {
      if (const auto stored = store_.get({Kind::Node, "", name.second})) note_node(*stored);
    }
  }
  auto next = cache_.pods().upper_bound(looked_until_);
  const auto most = nodes_.is_shared() ? kPodsAtATime : cache_.pods().size();
  for (std::size_t i = 0; i < most && next != cache_.pods().end(); ++i, ++next) {
    note(next->first);
    looked_until_ = next->first;
  }
  has_looked_ = next == cache_.pods().end();
  return has_looked_;
}

void Placement::forget() {
  places_.reset();
  known_.clear();
  waiting_.clear();
  looked_until_ = {};
  has_looked_ = false;
}

void Placement::note_node(const model::Object& node) {
  if (!places_) return;
  const auto found = cache_.nodes().find({"", node.meta.name});
  if (found == cache_.nodes().end()) {
    places_->drop_node(node.meta.name);
  } else {
    places_->put_node(found->second, allocatable_of(node));
  }
}

/// Where is the pod now? On its node, or the one that it is about to get; nowhere when it is over or gone.
void Placement::note(const Name& name) {
  if (!places_) return;
  const auto pod = cache_.pod(name);
  const auto binding = binding_.find(name);
  std::string node;
  if (pod && !is_terminal(*pod)) {
    node = pod->spec.node_name.empty() && binding != binding_.end() ? binding->second : pod->spec.node_name;
  }
  const auto waits = pod && !is_terminal(*pod) && node.empty() && !pod->meta.deleting();
  const auto* known = node.empty() && !waits ? nullptr : tenant(name);
  if (known != nullptr && waits) {
    waiting_.put(name, known->priority);
  } else {
    waiting_.drop(name);
  }
  if (known != nullptr && !waits) {
    places_->put(*known, pod, node);
  } else {
    places_->drop(name);
    if (!pod || is_terminal(*pod)) known_.erase(name);
  }
}

void Placement::on_nodes() {
  const auto known = nodes_.known();
  if (nodes_.is_shared() && known && !was_known_) wait_until_ = clock_.now() + kComeBack;
  was_known_ = known;
}

/// Is there a node that is not there, and was not for long? Nothing is said of it yet.
bool Placement::is_anyone_missed() const {
  return std::any_of(cache_.nodes().begin(), cache_.nodes().end(), [this](const auto& each) {
    return !nodes_.contains(each.second->meta.name) && !is_silent(*each.second);
  });
}

/// All nodes that are there, as the pod sees them.
std::vector<NodeView> Placement::look_from(const model::Pod& pod, const Tenant& wanted) {
  const auto important = more_important(wanted);
  std::vector<NodeView> out;
  for (const auto& [name, host] : places_->hosts()) {
    if (host.node == nullptr || !nodes_.contains(name)) continue;
    NodeView view{.host = &host, .why_not = why_not_on(pod, *host.node), .ahead = {}};
    if (view.why_not.empty() && !important.empty()) {
      std::vector<const Tenant*> waiting;
      for (const auto& [other, known] : important) {
        if (why_not_on(*other, *host.node).empty()) waiting.push_back(known);
      }
      view.ahead = ahead_of(wanted, host.allocatable, host.here.all, std::move(waiting));
    }
    out.push_back(std::move(view));
  }
  return out;
}

/// What is asked before room: selectors, taints, and whether its volumes can be reached from there.
std::string Placement::why_not_on(const model::Pod& pod, const model::Node& node) const {
  if (auto why = agent::why_not_on(pod.spec, node); !why.empty()) return why;
  if (nodes_.is_shared()) {
    if (auto why = why_not_fenced(pod, node); !why.empty()) return why;
  }
  if (!has_claims(pod.spec)) return {};
  for (const auto& name : references_of(pod.spec).claims) {
    const auto claim = cache_.claims().find({pod.meta.ns, name});
    if (claim == cache_.claims().end()) continue;
    const auto volume = cache_.volumes().find({"", claim->second->volume_name});
    const auto elsewhere = volume == cache_.volumes().end() ? is_made_elsewhere(*claim->second, node)
                                                            : !is_reachable(*volume->second, &node);
    if (elsewhere) return "node(s) had volume node affinity conflict";
  }
  return {};
}

/// Of several hosts one makes what a claim asks for, where its first pod is.
bool Placement::is_made_elsewhere(const model::PersistentVolumeClaim& claim, const model::Node& node) const {
  if (!nodes_.is_shared()) return false;
  std::vector<PodPtr> users;
  std::string place;
  for (const auto& name : cache_.pods_using({Kind::PersistentVolumeClaim, claim.meta.ns, claim.meta.name})) {
    users.push_back(cache_.pod(name));
    if (const auto binding = binding_.find(name); binding != binding_.end()) place = binding->second;
  }
  if (auto first = first_place(users); !first.empty()) place = std::move(first);
  const auto found = cache_.storage_classes().find({"", class_of(claim, default_class(cache_.storage_classes()))});
  const auto* storage_class = found == cache_.storage_classes().end() ? nullptr : found->second.get();
  const auto owner = owner_of_claim(claim, nullptr, storage_class, place, {nodes_, cache_.nodes()});
  return !owner.node.empty() && owner.node != node.meta.name;
}

Work Placement::wait(const model::Pod& pod, const std::string& why) const {
  Work work;
  const auto* scheduled = pod.status.condition("PodScheduled");
  if (scheduled != nullptr && scheduled->message == why) return work;
  work.writes.push_back({.key = key_of(pod),
                         .uid = pod.meta.uid,
                         .edit =
                             [status = make_unschedulable_status(pod, why, clock_.wall())](json::object& raw) {
                               // By now it may be another node's, whose word on it must stay.
                               if (is_bound(raw)) return Edit::Refuse;
                               return merge_pod_status(model::object_in(raw, "status"), status) ? Edit::Done
                                                                                                : Edit::Leave;
                             },
                         .durability = Durability::Lazy,
                         .said = EventText{key_of(pod), pod.meta.uid, "Warning", "FailedScheduling", why}});
  return work;
}

Work Placement::bind(const model::Pod& pod, const std::string& node_name) const {
  const auto key = key_of(pod);
  Work work;
  work.writes.push_back(
      {.key = key,
       .uid = pod.meta.uid,
       .edit =
           [node_name](json::object& raw) {
             // Who deletes a pod that is nowhere removes it at once: it must not come to be somewhere meanwhile.
             if (is_bound(raw) || find(raw.at("metadata"), {"deletionTimestamp"}) != nullptr) return Edit::Refuse;
             model::object_in(raw, "spec")["nodeName"] = node_name;
             return Edit::Done;
           },
       .said = EventText{key, pod.meta.uid, "Normal", "Scheduled",
                         fmt::format("Successfully assigned {}/{} to {}", pod.meta.ns, pod.meta.name, node_name)}});
  return work;
}

Write Placement::preempt(const Tenant& victim, const model::Pod& pod) const {
  const model::ObjectKey key{Kind::Pod, victim.name.first, victim.name.second};
  const auto now = clock_.wall();
  const auto bound = cache_.pod(victim.name);
  return {.key = key,
          .uid = victim.uid,
          .edit =
              [now](json::object& raw) {
                if (!model::mark_deleted(Kind::Pod, raw, std::nullopt, now)) return Edit::Refuse;
                model::mark_disrupted(raw, "PreemptionByScheduler",
                                      "default-scheduler: preempting to accommodate a higher priority pod", now);
                return Edit::Done;
              },
          .said = EventText{key, victim.uid, "Normal", "Preempted",
                            fmt::format("Preempted by {}/{} on node {}", pod.meta.ns, pod.meta.name,
                                        bound ? bound->spec.node_name : std::string())}};
}

/// As it is now; null when it is gone.
const Tenant* Placement::tenant(const Name& name) {
  const auto pod = cache_.pod(name);
  if (!pod) return nullptr;
  auto found = known_.find(name);
  if (found == known_.end() || found->second.uid != pod->meta.uid) {
    if (places_) places_->drop(name);  // It was another of that name.
    const auto stored = store_.get({Kind::Pod, name.first, name.second});
    if (!stored || stored->meta.uid != pod->meta.uid) {
      known_.erase(name);
      return nullptr;
    }
    auto tenant = read_tenant(*stored, pod->spec);
    if (auto wishes = model::pod_wishes(stored->raw); nodes_.is_shared() && !wishes.empty()) {
      tenant.wishes = std::make_shared<const model::PodWishes>(std::move(wishes));
    }
    found = known_.insert_or_assign(name, std::move(tenant)).first;
  }
  found->second.leaving = pod->meta.deleting();
  return &found->second;
}

/// Those who wait as well, and are more important.
std::vector<std::pair<PodPtr, const Tenant*>> Placement::more_important(const Tenant& than) {
  std::vector<std::pair<PodPtr, const Tenant*>> out;
  for (const auto& name : waiting_.above(than.priority)) {
    const auto pod = cache_.pod(name);
    const auto* known = tenant(name);
    if (pod && known != nullptr) out.emplace_back(pod, known);
  }
  return out;
}

/// Whose going would break a disruption budget, of those who are less important.
void Placement::mark_guarded(const std::vector<const NodeView*>& nodes, std::int64_t than) {
  for (const auto* node : nodes) {
    for (const auto* each : node->host->here.all) {
      const auto pod = cache_.pod(each->name);
      if (!pod || each->priority >= than) continue;
      auto& guarded = known_[each->name].guarded;
      guarded = false;
      each_in_namespace(cache_.disruption_budgets(), each->name.first, [&](const Name&, const auto& budget) {
        if (budget->status.disruptions_allowed <= 0 && budget->takes(pod->meta.labels)) guarded = true;
      });
    }
  }
}

/// As the kubelet says it: it names the node where others name a uid.
void Placement::say_cordoned(const store::Change& change) const {
  const auto& name = change.object->meta.name;
  if (is_other_object(change) || name != nodes_.own()) return;
  const auto cordoned = [](const model::Object& node) {
    const auto* spec = node.raw.if_contains("spec");
    const auto* flag = spec == nullptr ? nullptr : find(*spec, {"unschedulable"});
    return flag != nullptr && flag->is_bool() && flag->get_bool();
  };
  const auto now = cordoned(*change.object);
  if (now == cordoned(*change.previous)) return;
  const std::string reason = now ? "NodeNotSchedulable" : "NodeSchedulable";
  events_(change.object->key(), name, "Normal", reason, fmt::format("Node {} status is now: {}", name, reason));
}

}  // namespace berth::agent
