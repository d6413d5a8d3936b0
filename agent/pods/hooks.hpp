// agent/pods/hooks.hpp - lifecycle hooks under way: postStart, preStop. No thread waits for one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/lane.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "model/pod.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

/// One run of a hook.
struct HookCall {
  std::string container_id;
  model::HookAction action;
  std::string pod_ip;
  std::vector<model::ContainerPort> ports;
  std::optional<std::chrono::milliseconds> deadline;  ///< Counts from when it has begun. None: it may take for ever.
  /// It does its work from now on. Not called for one that cannot be begun.
  std::function<void()> began;
  /// Once. A command that exits non-zero or a status of 400 and more is Unknown with its output; DeadlineExceeded when
  /// it took too long (a command is killed then).
  std::function<void(const Status&)> ended;
};

/// Any number may be under way at once. Loop thread only; callbacks run on the loop, not from within begin(). Those
/// that are under way when this is destroyed are dropped.
class Hooks {
 public:
  virtual ~Hooks() = default;
  virtual void begin(HookCall call) = 0;
  /// The container has ended: its hooks are dropped, and their ends not told.
  virtual void drop(const std::string& container_id) = 0;
};

/// `lane` takes the short calls that begin a command, and look-ups of names.
std::unique_ptr<Hooks> make_hooks(Loop& loop, Lane& lane, runtime::PodRuntime& runtime);

}  // namespace berth::agent
