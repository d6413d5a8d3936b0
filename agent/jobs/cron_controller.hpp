// agent/jobs/cron_controller.hpp - makes the jobs of every CronJob when they are due: a row of the controller runner.
// Loop thread.
#pragma once

#include <map>
#include <string>

#include "agent/control/controller_runner.hpp"
#include "agent/jobs/cron_plan.hpp"
#include "agent/objects/object_cache.hpp"
#include "store/store.hpp"

namespace berth::agent {

class CronController {
 public:
  CronController(const Clock& clock, const ObjectCache& cache, const store::Store& store)
      : clock_(clock), cache_(cache), store_(store) {}

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  using Key = model::ObjectKey;

  void wakes(const store::Change& change, const Waker& wake);
  void wake_all(const Waker& wake) const;
  Work plan(const Key& key);
  void say(const Key& key, const model::CronJob& cron, CronPlan& plan, Work& work);

  const Clock& clock_;
  const ObjectCache& cache_;
  const store::Store& store_;
  std::map<Key, std::map<std::string, std::string>> said_;  ///< By reason: what was said last, and need not be again.
};

}  // namespace berth::agent
