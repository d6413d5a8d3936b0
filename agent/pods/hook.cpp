// agent/pods/hook.cpp - see hook.hpp.
#include "agent/pods/hook.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <variant>

#include "agent/probes/probe_target.hpp"

namespace berth::agent {
namespace {

/// Runs the hook, one overload per kind.
struct HookRunner {
  const HookContext& context;

  Status operator()(const model::ExecAction& action) const {
    if (context.runtime == nullptr) return Error(ErrorCode::Internal, "exec hook: no runtime");
    const auto ran = context.runtime->exec(context.container_id, action.command, context.deadline);
    if (!ran) return ran.error().context("exec hook");
    if (ran->exit_code == 0) return Ok{};
    return Error(ErrorCode::Unknown, fmt::format("exec hook: exit code {}: {}", ran->exit_code, ran->output));
  }
  Status operator()(const model::HttpGetAction& action) const { return over_network(action); }
  Status operator()(const model::TcpSocketAction& action) const { return over_network(action); }
  Status operator()(const model::SleepAction& action) const {
    // The manifest asks for exactly this: a lane thread sleeps, and never longer than the grace period.
    const std::chrono::milliseconds wanted = std::max(action.duration, std::chrono::seconds(0));
    std::this_thread::sleep_for(std::min(wanted, context.deadline));
    if (wanted <= context.deadline) return Ok{};
    return Error(ErrorCode::DeadlineExceeded,
                 fmt::format("sleep hook: {} s is longer than it may take", action.duration.count()));
  }

 private:
  Status over_network(const model::ProbeAction& action) const {
    const auto begun = std::chrono::steady_clock::now();
    const auto ip = resolve_host(probe_host(action, context.pod_ip));
    if (!ip) return ip.error().context("hook");
    auto probe = make_net_probe(action, *ip, context.ports);
    if (!probe) return probe.error().context("hook");
    const auto outcome = run_probe(**probe, context.deadline);
    if (outcome.answer == ProbeAnswer::Success) return Ok{};
    const auto late = std::chrono::steady_clock::now() - begun >= context.deadline;
    return Error(late ? ErrorCode::DeadlineExceeded : ErrorCode::Unknown, "hook: " + outcome.message);
  }
};

}  // namespace

Status run_hook(const model::HookAction& hook, const HookContext& context) {
  return std::visit(HookRunner{context}, hook);
}

}  // namespace berth::agent
