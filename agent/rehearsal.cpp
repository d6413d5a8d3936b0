// agent/rehearsal.cpp - see rehearsal.hpp.
#include "agent/rehearsal.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "agent/control/controller_runner.hpp"
#include "agent/jobs/job_controller.hpp"
#include "agent/objects/cache_feed.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/placing/placement.hpp"
#include "agent/sets/deployment_controller.hpp"
#include "agent/sets/replica_controller.hpp"
#include "agent/sets/set_controller.hpp"
#include "agent/sets/stateful_set_plan.hpp"
#include "base/loop.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using model::ObjectKey;

constexpr std::chrono::seconds kLongest{20};  ///< Of real time.
constexpr std::chrono::hours kFarthest{1};    ///< Of the clock, without a step.
constexpr int kMostWaits = 100;               ///< Times that only time passes, without a step.

/// Stands still until it is moved.
class RehearsalClock final : public Clock {
 public:
  SteadyTime now() const override { return now_; }
  WallTime wall() const override { return wall_; }
  void move_to(SteadyTime when) {
    if (when <= now_) return;
    wall_ += std::chrono::duration_cast<WallTime::duration>(when - now_);
    now_ = when;
  }

 private:
  SteadyTime now_ = std::chrono::steady_clock::now();
  WallTime wall_ = std::chrono::system_clock::now();
};

std::string joined(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

class Rehearsal {
 public:
  Rehearsal(store::Store& tried, const std::string& node_name, const std::set<ObjectKey>& workloads)
      : store_(tried), workloads_(workloads), node_(node_name) {
    for (auto& row : {placement_.row(), sets_.row(), jobs_.row(), replicas_.row(), deployments_.row()})
      runner_.add(row);
    for (const auto& pod : tried.list(Kind::Pod).objects) known_.insert(pod->meta.uid);
  }

  std::vector<model::PlannedStep> run() {
    const auto end = std::chrono::steady_clock::now() + kLongest;
    feed_.begin();
    settle();
    while (std::chrono::steady_clock::now() < end) {
      if (!end_pods() && !make_ready(/*begun_here=*/true) && !make_ready(/*begun_here=*/false) && !let_time_pass())
        break;
      settle();
    }
    feed_.end();
    return std::move(steps_);
  }

 private:
  /// Runs the loop until nothing is written any more.
  void settle() {
    runner_.run_due();
    for (int quiet = 0; quiet < 3;) {
      // A write is answered after all before it: what it was told is on the loop then.
      std::ignore = store::remove_and_wait(store_, {Kind::ConfigMap, "none", "none"}, 0);
      quiet = loop_.poll() == 0 ? quiet + 1 : 0;
    }
  }

  // --- the host ---------------------------------------------------------------------------------------

  /// All that are stopped are gone.
  bool end_pods() {
    std::map<ObjectKey, std::vector<std::string>> ended;
    auto any = false;
    for (const auto& pod : store_.list(Kind::Pod).objects) {
      if (!pod->meta.deleting()) continue;
      if (const auto root = root_of(*pod)) ended[*root].push_back(name_of(*pod));
      any = store::remove_and_wait(store_, pod->key(), 0).ok() || any;
    }
    for (const auto& [root, names] : ended)
      steps_.push_back({root, fmt::format("wait until {} {} gone", joined(names), names.size() == 1 ? "is" : "are")});
    return any;
  }

  /// Those that the controllers began here; or of those that were there before, what the workloads wait for.
  bool make_ready(bool begun_here) {
    std::map<ObjectKey, std::vector<std::string>> ready;
    auto any = false;
    for (const auto& object : store_.list(Kind::Pod).objects) {
      const auto pod = model::decode_pod(*object);
      if (!pod || pod->meta.deleting() || is_terminal(*pod) || pod->status.ready() || pod->spec.node_name != node_)
        continue;
      if (known_.contains(pod->meta.uid) == begun_here) continue;
      const auto root = root_of(*object);
      if (!root && !begun_here) continue;  // Whatever it has: nobody here waits for it.
      auto raw = object->raw;
      const auto ends = pod->spec.restart_policy != "Always" && is_of_job(*object);
      raw["status"] = status_of(ends);
      auto changed = model::make_object(std::move(raw));
      if (!changed || !store::update_and_wait(store_, *std::move(changed), 0)) continue;
      any = true;
      if (root) ready[*root].push_back(name_of(*object));
      if (root && ends) has_ended_.insert(*root);
    }
    for (const auto& [root, names] : ready) {
      const auto one = names.size() == 1;
      steps_.push_back({root, fmt::format("wait until {} {}", joined(names),
                                          has_ended_.contains(root) ? one ? "has succeeded" : "have succeeded"
                                          : one                     ? "is Ready"
                                                                    : "are Ready")});
    }
    return any;
  }

  json::object status_of(bool ends) const {
    const auto now = format_rfc3339(clock_.wall());
    json::array conditions;
    for (const auto* type : {"PodScheduled", "Initialized", "ContainersReady", "Ready"}) {
      const auto holds = !ends || std::string_view(type) == "PodScheduled" || std::string_view(type) == "Initialized";
      conditions.push_back({{"type", type}, {"status", holds ? "True" : "False"}, {"lastTransitionTime", now}});
    }
    return {{"phase", ends ? "Succeeded" : "Running"}, {"startTime", now}, {"conditions", std::move(conditions)}};
  }

  /// Nothing else can happen: minReadySeconds, a back-off, ... False: nothing is due in this hour either.
  bool let_time_pass() {
    if (store_.revision() != last_revision_) {
      last_revision_ = store_.revision();
      since_ = clock_.now();
      waits_ = 0;
    }
    const auto due = runner_.next_due();
    if (!due || *due > since_ + kFarthest || ++waits_ > kMostWaits) return false;
    clock_.move_to(*due);
    return true;
  }

  // --- what is said -----------------------------------------------------------------------------------

  /// The workload of the files for whose sake an object is there.
  std::optional<ObjectKey> root_of(const model::Object& object) const {
    constexpr int kDeepest = 4;  // CronJob, Job, Pod.
    auto found = store_.get(object.key());
    const auto* meta = &object.meta;
    for (int depth = 0; depth < kDeepest; ++depth) {
      const auto* owner = meta->controller();
      const auto* kind = owner == nullptr ? nullptr : model::find_kind(owner->kind);
      if (kind == nullptr) return std::nullopt;
      const ObjectKey key{kind->kind, kind->namespaced ? object.meta.ns : "", owner->name};
      if (workloads_.contains(key)) return key;
      found = store_.get(key);
      if (!found) return std::nullopt;
      meta = &found->meta;
    }
    return std::nullopt;
  }

  static bool is_of_job(const model::Object& pod) {
    const auto* owner = pod.meta.controller();
    return owner != nullptr && owner->kind == "Job";
  }

  /// Its name; of one that has none yet, whose it is.
  std::string name_of(const model::Object& pod) const {
    const auto* owner = pod.meta.controller();
    const auto fixed = owner == nullptr || owner->kind == "StatefulSet" || known_.contains(pod.meta.uid);
    return fixed ? pod.meta.name : fmt::format("a pod of {}", owner->name);
  }

  void on_change(const store::Change& change) {
    runner_.on_change(change);
    const auto& object = *change.object;
    if (object.kind == Kind::Pod) {
      say_of_pod(change);
    } else if (object.kind == Kind::ReplicaSet) {
      say_of_replica_set(change);
    } else if (object.kind == Kind::PersistentVolumeClaim) {
      say_of_claim(change);
    }
  }

  void say_of_pod(const store::Change& change) {
    const auto& pod = *change.object;
    const auto root = root_of(pod);
    if (!root) return;
    if (change.type == store::ChangeType::Added) {
      const auto label = pod.meta.labels.find(kRevisionLabel);
      steps_.push_back({*root, fmt::format("start {}{}", name_of(pod),
                                           label == pod.meta.labels.end() ? "" : " (revision " + label->second + ")")});
    } else if (change.type == store::ChangeType::Modified && pod.meta.deleting() && !change.previous->meta.deleting()) {
      steps_.push_back({*root, "stop " + name_of(pod)});
    } else if (change.type == store::ChangeType::Deleted && !change.previous->meta.deleting()) {
      steps_.push_back({*root, "remove " + name_of(pod)});
    }
  }

  void say_of_replica_set(const store::Change& change) {
    const auto replicas = [](const model::Object& set) {
      const auto* spec = set.raw.if_contains("spec");
      const auto* number = spec == nullptr ? nullptr : find(*spec, {"replicas"});
      return number != nullptr && number->is_number() ? number->to_number<std::int64_t>() : 1;
    };
    const auto& set = *change.object;
    const auto root = root_of(set);
    if (!root || change.type == store::ChangeType::Deleted) return;
    const auto before = change.previous ? replicas(*change.previous) : 0;
    const auto now = replicas(set);
    if (before == now) return;
    steps_.push_back({*root, fmt::format("scale {} replica set {} from {} to {}", now > before ? "up" : "down",
                                         set.meta.name, before, now)});
  }

  void say_of_claim(const store::Change& change) {
    const auto& claim = *change.object;
    const auto root = set_of_claim(claim);
    if (!root) return;
    const auto request = [](const model::Object& of) {
      const auto* spec = of.raw.if_contains("spec");
      return spec == nullptr ? std::string_view() : find_string(*spec, {"resources", "requests", "storage"});
    };
    if (change.type == store::ChangeType::Added) {
      steps_.push_back({*root, "make claim " + claim.meta.name});
    } else if (change.type == store::ChangeType::Modified && request(claim) != request(*change.previous)) {
      steps_.push_back({*root, fmt::format("grow claim {} from {} to {}", claim.meta.name, request(*change.previous),
                                           request(claim))});
    } else if (change.type == store::ChangeType::Deleted ||
               (claim.meta.deleting() && !change.previous->meta.deleting())) {
      steps_.push_back({*root, "delete claim " + claim.meta.name});
    }
  }

  /// Claims have no owner: their names tell.
  std::optional<ObjectKey> set_of_claim(const model::Object& claim) const {
    for (const auto& key : workloads_) {
      if (key.kind != Kind::StatefulSet || key.ns != claim.meta.ns) continue;
      const auto set = cache_.stateful_sets().find({key.ns, key.name});
      if (set == cache_.stateful_sets().end()) continue;
      for (const auto& each : set->second->claim_templates) {
        if (ordinal_of(each.meta.name + "-" + key.name, claim.meta.name)) return key;
      }
    }
    return std::nullopt;
  }

  store::Store& store_;
  const std::set<ObjectKey>& workloads_;
  const std::string& node_;
  Loop loop_;
  RehearsalClock clock_;
  ObjectCache cache_;
  StoreWriter writer_{loop_, store_, clock_};
  LiveNodes nodes_{node_};
  Placement placement_{clock_, store_, cache_, [](auto&&...) {}, nodes_};
  SetController sets_{clock_, cache_, store_, nodes_};
  JobController jobs_{clock_, cache_, store_};
  ReplicaController replicas_{clock_, cache_, store_};
  DeploymentController deployments_{clock_, cache_, store_};
  ControllerRunner runner_{{.loop = loop_, .clock = clock_, .writer = writer_, .events = [](auto&&...) {}}};
  CacheFeed feed_{loop_,
                  store_,
                  cache_,
                  {.on_snapshot = [this](const std::vector<PodPtr>&) { runner_.wake_all(); },
                   .on_change = [this](const store::Change& change) { on_change(change); }}};
  std::set<std::string> known_;    ///< Uids of the pods that were there before.
  std::set<ObjectKey> has_ended_;  ///< Jobs: their pods do not become ready.
  store::Revision last_revision_ = 0;
  SteadyTime since_{};
  int waits_ = 0;
  std::vector<model::PlannedStep> steps_;
};

}  // namespace

std::vector<model::PlannedStep> rehearse(store::Store& tried, const std::string& node_name,
                                         const std::set<model::ObjectKey>& workloads) {
  return Rehearsal(tried, node_name, workloads).run();
}

}  // namespace berth::agent
