// agent/host_shutdown.hpp - the host goes down: tells each pod when to go, and waits for all. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "agent/pods/pod_driver.hpp"
#include "agent/shutdown_plan.hpp"
#include "base/clock.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace berth::agent {

struct ShutdownRooms {
  Loop& loop;
  const Clock& clock;
  const ObjectCache& cache;
  const store::Store& store;
  PodDriver& driver;
  std::function<bool()> all_written;  ///< Is every status in the store?
};

/// Carries out plan_shutdown() until every pod has left, or the time is over and what remains is the kernel's.
class HostShutdown {
 public:
  /// `done` is called once, when the agent may end.
  HostShutdown(ShutdownRooms rooms, ShutdownBudget budget, std::function<void()> done);

  /// Only the first call counts.
  void begin();
  bool begun() const { return begun_.has_value(); }

  /// A pod has left or is gone, one has come, or a status was stored. Nothing before begin().
  void look_again();

  /// From begin() on, at the most until `done`: what systemd has to be told.
  std::chrono::seconds patience() const;

 private:
  std::vector<LeavingPod> facts() const;
  void look();
  void end(const std::string& what, const std::vector<LeavingPod>& pods);

  ShutdownRooms rooms_;
  ShutdownBudget budget_;
  std::function<void()> done_;
  std::optional<SteadyTime> begun_;
  std::map<std::string, SteadyTime> told_;  ///< By uid.
  std::unique_ptr<LoopHandle> timer_;       ///< For what comes by time alone.
  bool look_posted_ = false;
  bool ended_ = false;
};

/// What the plan has to know of one pod but its progress.
LeavingPod leaving_pod(const model::Pod& pod, const json::object& raw, const ObjectCache& cache);

}  // namespace berth::agent
