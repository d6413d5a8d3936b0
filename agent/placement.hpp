// agent/placement.hpp - binds pods that have no node yet to this one: the pod object bound to a node is the claim. A
// row of the controller runner.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/control/controller_runner.hpp"
#include "agent/node_room.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/object_cache.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Loop thread. A pod that does not fit, by what it selects or by what it asks for, gets the condition
/// PodScheduled=False and an event with the reason; it is tried again when a node or a volume changes, or a pod leaves.
/// For one of higher priority others are deleted (node_room). One that is being deleted is removed: nothing of it was
/// ever here. A key is a pod.
class Placement {
 public:
  /// All outlive it.
  Placement(const Clock& clock, const store::Store& store, const ObjectCache& cache, EventSink events,
            std::string node_name);

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  void wakes(const store::Change& change, const Waker& wake);
  void wake_all(const Waker& wake) const;
  Work plan(const model::ObjectKey& key);
  Work wait(const model::Pod& pod, const std::string& why) const;
  Work bind(const model::Pod& pod) const;
  /// Why there is no room for it, and what is done about that.
  std::optional<Work> make_room(const model::Pod& pod, const model::Node& node);
  const Tenant* tenant(const Name& name);
  std::vector<const Tenant*> tenants();
  std::vector<const Tenant*> waiting(const model::Pod& but, const model::Node& node);
  void say_cordoned(const store::Change& change) const;

  const Clock& clock_;
  const store::Store& store_;
  const ObjectCache& cache_;
  EventSink events_;
  const std::string node_name_;
  std::map<Name, Tenant> known_;  ///< What a pod asks for does not change: read once.
  std::set<Name> binding_;        ///< Their writes are not answered yet: they are here as good as bound.
};

}  // namespace berth::agent
