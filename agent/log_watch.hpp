// agent/log_watch.hpp - what berth-logd cannot store, as events of the pods, in the host's status and as metrics.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/objects/event_recorder.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "base/unique_fd.hpp"
#include "model/host_status.hpp"
#include "runtime/log_health.hpp"

namespace berth::agent {

/// One thing to say of a pod.
struct LogNews {
  model::ObjectKey pod;
  std::string uid;
  std::string_view type;  ///< Of the event: "Warning", "Normal".
  std::string_view reason;
  std::string message;
};

/// What is new in `now` against `before`: lines that began to wait for room, that are stored again, that were dropped.
/// Each is said once. Pure.
std::vector<LogNews> log_news(const runtime::LogHealth& before, const runtime::LogHealth& now);

/// The containers whose lines cannot be stored, and files for log shippers that lack some, as `berth status` shows
/// them. Pure.
std::vector<model::HostProblem> log_problems(const runtime::LogHealth& health);

/// Follows berth-logd's file (inotify(7)); its sums go to log_counters(). Loop thread only.
class LogWatch {
 public:
  using OnProblems = std::function<void(std::vector<model::HostProblem>)>;

  /// `problems` hears all that there are, each time something changed.
  LogWatch(Loop& loop, Lane& lane, std::filesystem::path run_dir, EventSink events, OnProblems problems);
  ~LogWatch();

  void begin();

 private:
  void read();

  Loop& loop_;
  Lane& lane_;
  const std::filesystem::path run_dir_;
  EventSink events_;
  OnProblems problems_;
  UniqueFd inotify_;
  std::unique_ptr<LoopHandle> watch_;
  runtime::LogHealth known_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool reading_ = false;
  bool again_ = false;
};

}  // namespace berth::agent
