// agent/services/endpoint_controller.hpp - keeps the Endpoints and EndpointSlices of services at their plan: a row of
// the controller runner. Loop thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "agent/control/controller_runner.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/services/endpoint_plan.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// They are a view for clients: DNS and everything else here works from pods. So they follow a tenth of a second later,
/// one write per service however many of its pods changed, and not forced to disk. They are owned by their service and
/// go with it (GarbageCollector). A key is a service.
class EndpointController {
 public:
  EndpointController(const store::Store& store, const ObjectCache& cache,
                     std::chrono::milliseconds gather = std::chrono::milliseconds(100))
      : store_(store), cache_(cache), gather_(gather) {}

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  void wakes(const store::Change& change, const Waker& wake) const;
  void wake_selecting(const store::Change& pod, const Waker& wake) const;
  Work plan(const model::ObjectKey& key) const;
  void write(const model::ObjectPtr& stored, json::object planned, Work& work) const;

  const store::Store& store_;
  const ObjectCache& cache_;
  std::chrono::milliseconds gather_;  ///< How long changes are gathered.
};

/// Does this change of a pod touch what its services' endpoints, or names, are made of?
bool endpoints_changed(const store::Change& change);

}  // namespace berth::agent
