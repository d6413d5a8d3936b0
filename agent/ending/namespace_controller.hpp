// agent/ending/namespace_controller.hpp - gives each namespace its account, and empties the ones that are deleted: a
// row of the controller runner. Loop thread.
#pragma once

#include <set>
#include <string>

#include "agent/control/controller_runner.hpp"
#include "base/clock.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Every namespace has a ServiceAccount `default`; no pod waits for it. A namespace with a deletionTimestamp is emptied
/// by its plan, stage by stage as what was there goes, and removed with the last of it. All of that is found again
/// after a restart: nothing is remembered but which namespaces end. A key is a namespace.
class NamespaceController {
 public:
  NamespaceController(const Clock& clock, const store::Store& store) : clock_(clock), store_(store) {}
  NamespaceController(const NamespaceController&) = delete;
  NamespaceController& operator=(const NamespaceController&) = delete;

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  void wakes(const store::Change& change, const Waker& wake);
  Work plan(const model::ObjectKey& key);
  Work add_account(const std::string& ns) const;

  const Clock& clock_;
  const store::Store& store_;
  std::set<std::string> ending_;
};

}  // namespace berth::agent
