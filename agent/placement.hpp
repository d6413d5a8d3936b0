// agent/placement.hpp - binds pods that have no node yet to this one: the pod object bound to a node is the claim. A
// row of the controller runner.
#pragma once

#include <functional>
#include <string>

#include "agent/control/controller_runner.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/object_cache.hpp"

namespace berth::agent {

/// Loop thread. A pod that does not fit gets the condition PodScheduled=False and an event with the reason; it is tried
/// again when a node or a volume changes. One that is being deleted is removed: nothing of it was ever here. A key is a
/// pod.
class Placement {
 public:
  using WriteStatus = std::function<void(const model::Pod&, const model::PodStatus&)>;

  Placement(const Clock& clock, const ObjectCache& cache, EventSink events, WriteStatus write_status,
            std::string node_name);

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  void wakes(const store::Change& change, const Waker& wake) const;
  void wake_all(const Waker& wake) const;
  Work plan(const model::ObjectKey& key) const;
  void say_cordoned(const store::Change& change) const;

  const Clock& clock_;
  const ObjectCache& cache_;
  EventSink events_;
  WriteStatus write_status_;
  const std::string node_name_;
};

}  // namespace berth::agent
