// agent/node/silence_controller.hpp - looks after nodes of which nothing is heard, and evicts pods from those with
// taints NoExecute: a row of the controller runner. Loop thread.
#pragma once

#include <map>
#include <string>

#include "agent/control/controller_runner.hpp"
#include "agent/objects/live_nodes.hpp"
#include "agent/objects/object_cache.hpp"
#include "base/clock.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// A node that is not among the live ones for forty seconds is silent, see silence_plan; one that is heard again loses
/// its taint. Of a node that is there pods go as its taints say, see taint_plan. Wake it all when others are live than
/// before. A key is a Node, whether that object is there or not.
class SilenceController {
 public:
  /// A restart, or an etcd that comes back, is over within it: every agent holds its session again.
  static constexpr std::chrono::seconds kGrace{40};

  /// All outlive it. `shared`: see SilenceFacts.
  SilenceController(const Clock& clock, const ObjectCache& cache, const store::Store& store, const LiveNodes& nodes,
                    bool shared)
      : clock_(clock), cache_(cache), store_(store), nodes_(nodes), shared_(shared) {}
  SilenceController(const SilenceController&) = delete;
  SilenceController& operator=(const SilenceController&) = delete;

  /// Must outlive the runner it is added to.
  Controller row();

  /// Tell it when others are there than before, whoever plans their keys: each host counts for itself since when who is
  /// missed, as tomorrow it may be the one that plans them.
  void on_nodes();

  /// The store was out of sight, for others perhaps as well: who is missed is missed from now on.
  void on_snapshot() {
    missed_.clear();
    on_nodes();
  }

 private:
  void wakes(const store::Change& change, const Waker& wake) const;
  void wake_all(const Waker& wake) const;
  bool is_left_by_pods(const std::string& node) const;
  Work evict_by_taints(const model::Object& node) const;
  Work plan(const model::ObjectKey& key);

  const Clock& clock_;
  const ObjectCache& cache_;
  const store::Store& store_;
  const LiveNodes& nodes_;
  const bool shared_;
  std::map<std::string, SteadyTime> missed_;  ///< Since when.
};

}  // namespace berth::agent
