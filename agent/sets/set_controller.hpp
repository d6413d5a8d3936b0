// agent/sets/set_controller.hpp - keeps every StatefulSet and DaemonSet at its plan. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/objects/event_recorder.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/sets/set_plan.hpp"
#include "base/loop.hpp"

namespace berth::agent {

/// Changes mark a set dirty; a dirty set is planned and the plan written. While a set's writes are under way it is not
/// planned again, so a plan never acts on a state that its own writes have outdated.
class SetController {
 public:
  SetController(Loop& loop, const Clock& clock, const ObjectCache& cache, StoreWriter& writer, EventSink events,
                std::string node_name);
  ~SetController();

  /// Tell it every change of the store, after the cache took it.
  void on_change(const store::Change& change);
  /// Plans every set: for the start.
  void plan_all();

 private:
  struct SetState;
  using SetKey = model::ObjectKey;

  void mark(const SetKey& key);
  void run();
  void plan(const SetKey& key);
  std::vector<model::ObjectKey> pods_to_adopt(const SetKey& key) const;
  SetFacts facts_for(const std::string& uid, const std::string& ns) const;
  void carry_out(const SetKey& key, const std::string& uid, const SetPlan& plan);
  const model::ObjectMeta* meta_of(const SetKey& key) const;

  Loop& loop_;
  const Clock& clock_;
  const ObjectCache& cache_;
  StoreWriter& writer_;
  EventSink events_;
  std::string node_name_;
  std::set<SetKey> dirty_;
  std::map<SetKey, std::shared_ptr<SetState>> states_;
  bool run_posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
