// agent/ending/namespace_controller.hpp - gives each namespace its account, and empties the ones that are deleted. Loop
// thread.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "agent/objects/store_writer.hpp"
#include "base/clock.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Every namespace has a ServiceAccount `default`; no pod waits for it. A namespace with a deletionTimestamp is emptied
/// by its plan, stage by stage as what was there goes, and removed with the last of it. All of that is found again
/// after a restart: nothing is remembered but which namespaces end.
class NamespaceController {
 public:
  NamespaceController(Loop& loop, const Clock& clock, const store::Store& store, StoreWriter& writer);
  ~NamespaceController();
  NamespaceController(const NamespaceController&) = delete;
  NamespaceController& operator=(const NamespaceController&) = delete;

  /// Tell it every change of the store.
  void on_change(const store::Change& change);
  /// For the start.
  void plan_all();

 private:
  void take(const model::Object& ns);
  void add_account(const std::string& ns);
  void mark(const std::string& ns);
  void run();
  void plan(const std::string& name);
  StoreWriter::Done written();

  Loop& loop_;
  const Clock& clock_;
  const store::Store& store_;
  StoreWriter& writer_;
  std::set<std::string> ending_;
  std::set<std::string> dirty_;
  bool run_posted_ = false;
  std::unique_ptr<LoopHandle> retry_;  ///< A write failed: nothing is planned before.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
