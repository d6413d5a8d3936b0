// agent/budgets/disruption_controller.hpp - keeps the status of every PodDisruptionBudget: a row of the controller
// runner. Loop thread.
#pragma once

#include "agent/budgets/disruption_plan.hpp"
#include "agent/control/controller_runner.hpp"
#include "agent/objects/object_cache.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// An eviction takes from the status in the transaction that marks its pod; a status that was computed before that is
/// not written over it.
class DisruptionController {
 public:
  DisruptionController(const Clock& clock, const ObjectCache& cache, const store::Store& store)
      : clock_(clock), cache_(cache), store_(store) {}

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  using Key = model::ObjectKey;

  void wakes(const store::Change& change, const Waker& wake) const;
  Work plan(const Key& key) const;
  BudgetedPod with_scale(PodPtr pod) const;

  const Clock& clock_;
  const ObjectCache& cache_;
  const store::Store& store_;
};

}  // namespace berth::agent
