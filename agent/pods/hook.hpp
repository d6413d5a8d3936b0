// agent/pods/hook.hpp - lifecycle hooks: postStart, preStop.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

struct HookContext {
  runtime::PodRuntime* runtime = nullptr;
  std::string container_id;
  std::string pod_ip;
  std::vector<model::ContainerPort> ports;
  std::chrono::milliseconds deadline{30'000};
};

/// Runs the hook to its end. Blocks for at most `deadline`: slow lane. A command that exits non-zero or a status
/// of 400 and more is Unknown with its output; DeadlineExceeded when it took too long.
Status run_hook(const model::HookAction& hook, const HookContext& context);

}  // namespace berth::agent
