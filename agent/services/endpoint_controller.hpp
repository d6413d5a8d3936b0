// agent/services/endpoint_controller.hpp - keeps the Endpoints and EndpointSlices of services at their plan. Loop
// thread.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/services/endpoint_plan.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// They are a view for clients: DNS and everything else here works from pods. So they follow a tenth of a second later,
/// one write per service however many of its pods changed, and not forced to disk. They are owned by their service and
/// go with it (GarbageCollector).
class EndpointController {
 public:
  EndpointController(Loop& loop, const store::Store& store, const ObjectCache& cache, StoreWriter& writer,
                     std::chrono::milliseconds gather = std::chrono::milliseconds(100))
      : loop_(loop), store_(store), cache_(cache), writer_(writer), gather_(gather) {}

  /// Tell it every change of the store, after the cache took it.
  void on_change(const store::Change& change);
  /// For the start.
  void plan_all();

 private:
  void on_pod(const store::Change& change);
  void mark(const Name& service);
  void plan(const Name& name);
  void write(const model::ObjectPtr& stored, json::object planned);

  Loop& loop_;
  const store::Store& store_;
  const ObjectCache& cache_;
  StoreWriter& writer_;
  std::chrono::milliseconds gather_;  ///< How long changes are gathered.
  std::set<Name> dirty_;
  std::unique_ptr<LoopHandle> timer_;
};

/// Does this change of a pod touch what its services' endpoints, or names, are made of?
bool endpoints_changed(const store::Change& change);

}  // namespace berth::agent
