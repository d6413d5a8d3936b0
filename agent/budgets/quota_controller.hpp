// agent/budgets/quota_controller.hpp - keeps the status of every ResourceQuota: a row of the controller runner. Loop
// thread.
#pragma once

#include <map>
#include <set>

#include "agent/control/controller_runner.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Says what is used; whether there is room is decided with each write, by what is stored then (model/quota).
class QuotaController {
 public:
  explicit QuotaController(const store::Store& store) : store_(store) {}

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  using Key = model::ObjectKey;

  void wakes(const store::Change& change, const Waker& wake);
  void wake_all(const Waker& wake);
  void know(const model::Object& quota);
  Work plan(const Key& key) const;

  const store::Store& store_;
  std::map<Key, std::set<model::Kind>> known_;  ///< Quotas, and what they count.
};

}  // namespace berth::agent
