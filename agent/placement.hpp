// agent/placement.hpp - binds pods that have no node yet to this one: the pod object bound to a node is the claim.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "agent/objects/event_recorder.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "base/loop.hpp"

namespace berth::agent {

/// Loop thread. A pod that does not fit gets the condition PodScheduled=False and an event with the reason; it is tried
/// again when a node or a volume changes.
class Placement {
 public:
  using WriteStatus = std::function<void(const model::Pod&, const model::PodStatus&)>;

  Placement(Loop& loop, const Clock& clock, const ObjectCache& cache, StoreWriter& writer, EventSink events,
            WriteStatus write_status, std::string node_name);

  /// Binds `pod` when it has no node and fits. One that is being deleted is removed: nothing of it was ever here.
  void place(const model::Pod& pod);
  void place_all();

  /// Tries all again; says when this node was cordoned or uncordoned.
  void on_node(const store::Change& change);

 private:
  Loop& loop_;
  const Clock& clock_;
  const ObjectCache& cache_;
  StoreWriter& writer_;
  EventSink events_;
  WriteStatus write_status_;
  const std::string node_name_;
  std::set<std::string> binding_;  ///< uids of pods whose binding is on its way: it is seen when it is durable.
  std::unique_ptr<LoopHandle> retry_;
};

}  // namespace berth::agent
