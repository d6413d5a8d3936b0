// agent/placing/placement.hpp - binds pods that have no node yet to one that is there: the pod object bound to a node
// is the claim. A row of the controller runner.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/control/controller_runner.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/live_nodes.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/placing/node_choice.hpp"
#include "agent/placing/pod_places.hpp"
#include "agent/placing/waiting_pods.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Loop thread. A pod that fits nowhere, by what it selects, by where its volumes and other pods are or by what it asks
/// for, gets the condition PodScheduled=False and an event with the reasons; it is tried again when a node or a volume
/// changes, a pod leaves, or one that it has something to say of is placed. For one of higher priority others are
/// deleted (node_choice). One that is being deleted is removed: nothing of it was ever here. A key is a pod.
///
/// Where pods are among each other is asked where hosts share the store: on one host they are together.
class Placement {
 public:
  /// All outlive it.
  Placement(const Clock& clock, const store::Store& store, const ObjectCache& cache, EventSink events,
            const LiveNodes& nodes);

  /// Must outlive the runner it is added to. `is_mine`: are pods placed by this host? Empty: always.
  Controller row(const std::function<bool(const model::ObjectKey&)>& is_mine = {});

  /// Tell it when the cache was loaded anew, before the runner's keys are woken.
  void on_snapshot() { forget(); }

  /// Tell it when others are there than before. After an etcd was away each host comes back in its own moment, and the
  /// first of them does not take all pods: it waits for those that were there, kComeBack at the most.
  void on_nodes();
  static constexpr std::chrono::seconds kComeBack{5};

 private:
  void wakes(const store::Change& change, const Waker& wake);
  void wake_all(const Waker& wake) const;
  void wake_refused(const Waker& wake) const;
  void wake_neighbours(const store::Change& change, const Waker& wake);
  Work plan(const model::ObjectKey& key);
  bool look_around();
  void forget();
  void note_node(const model::Object& node);
  void note(const Name& name);
  bool is_anyone_missed() const;
  Work wait(const model::Pod& pod, const std::string& why) const;
  Work bind(const model::Pod& pod, const std::string& node_name) const;
  Write preempt(const Tenant& victim, const model::Pod& pod) const;
  std::vector<NodeView> look_from(const model::Pod& pod, const Tenant& wanted);
  std::string why_not_on(const model::Pod& pod, const model::Node& node) const;
  bool is_made_elsewhere(const model::PersistentVolumeClaim& claim, const model::Node& node) const;
  const Tenant* tenant(const Name& name);
  std::vector<std::pair<PodPtr, const Tenant*>> more_important(const Tenant& than);
  void mark_guarded(const std::vector<const NodeView*>& nodes, std::int64_t than);
  void say_cordoned(const store::Change& change) const;

  const Clock& clock_;
  const store::Store& store_;
  const ObjectCache& cache_;
  EventSink events_;
  const LiveNodes& nodes_;
  std::map<Name, Tenant> known_;     ///< What a pod asks for does not change: read once.
  std::optional<PodPlaces> places_;  ///< Of `known_`; none while nothing is to be placed by us.
  Name looked_until_;                ///< So far all pods are counted in `places_`,
  bool has_looked_ = false;          ///< or all are.
  WaitingPods waiting_;              ///< Of those that are counted.
  bool was_known_ = false;
  SteadyTime wait_until_{};
  std::map<Name, std::string> binding_;  ///< To which node; not answered yet, and as good as done.
};

}  // namespace berth::agent
