// agent/probes/prober.cpp - see prober.hpp.
#include "agent/probes/prober.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <variant>

#include "agent/probes/probe_io.hpp"
#include "agent/probes/probe_state.hpp"
#include "agent/probes/probe_target.hpp"

namespace berth::agent {
namespace {

/// Exchanges on the poll thread at once, and jobs on the lane; what is due beyond that waits its turn.
constexpr std::size_t kMaxNetwork = 256;
constexpr std::size_t kMaxLane = 16;
constexpr std::size_t kMaxMessage = 1024;
constexpr std::chrono::milliseconds kCrowded{100};

/// A command that ran too long failed; that containerd is away, or the container gone, says nothing about it.
ProbeOutcome run_exec(runtime::PodRuntime& runtime, const std::string& id, const model::ExecAction& action,
                      std::chrono::milliseconds timeout) {
  const auto ran = runtime.exec(id, action.command, timeout);
  if (ran && ran->exit_code == 0) return {ProbeAnswer::Success, {}};
  if (ran)
    return {ProbeAnswer::Failure, ran->output.empty() ? fmt::format("exit code {}", ran->exit_code) : ran->output};
  if (ran.error().code() == ErrorCode::DeadlineExceeded) {
    return {ProbeAnswer::Failure, fmt::format("command timed out after {} ms", timeout.count())};
  }
  return {ProbeAnswer::Unknown, ran.error().message()};
}

/// For hosts given by name: look-up and exchange, blocking.
ProbeOutcome run_named(const model::Probe& probe, const std::string& host,
                       const std::vector<model::ContainerPort>& ports) {
  const auto ip = resolve_host(host);
  if (!ip) return {ProbeAnswer::Failure, ip.error().message()};
  auto exchange = make_net_probe(probe.action, *ip, ports);
  if (!exchange) return {ProbeAnswer::Unknown, exchange.error().message()};
  return run_probe(**exchange, probe.timeout);
}

const model::Probe& probe_of(const model::Container& container, ProbeKind kind) {
  switch (kind) {
    case ProbeKind::Startup: return *container.startup;
    case ProbeKind::Readiness: return *container.readiness;
    case ProbeKind::Liveness: break;
  }
  return *container.liveness;
}

class LoopProber final : public Prober {
 public:
  LoopProber(Loop& loop, Lane& lane, runtime::PodRuntime& runtime, const Clock& clock,
             std::function<void(const ProbeVerdict&)> on_verdict, std::function<void(const ProbeVerdict&)> on_failure)
      : loop_(loop),
        lane_(lane),
        runtime_(runtime),
        clock_(clock),
        on_verdict_(std::move(on_verdict)),
        on_failure_(std::move(on_failure)),
        random_(std::random_device{}()) {}

  void watch(ProbeTarget target) override {
    if (watched_.contains(target.container_id)) return;
    const auto now = clock_.now();
    // Wall time may jump; a start in the future counts as now.
    const auto age = std::max(clock_.wall() - target.started_at, WallTime::duration(0));
    const auto started = now - std::chrono::duration_cast<SteadyTime::duration>(age);
    ContainerProbes probes(target.container, started, target.startup_passed,
                           std::uniform_real_distribution<>(0.5, 1.0)(random_));
    auto id = target.container_id;
    watched_.emplace(std::move(id), Watched{std::move(target), probes, ++last_number_});
    plan();
  }

  void forget(const std::string& container_id) override { watched_.erase(container_id); }
  bool watching(const std::string& container_id) const override { return watched_.contains(container_id); }

 private:
  struct Watched {
    ProbeTarget target;
    ContainerProbes probes;
    std::uint64_t number;  ///< A result of an earlier watch of the same id must not count.
  };

  /// Sets the timer to the earliest probe.
  void plan() {
    std::optional<SteadyTime> next;
    for (const auto& [id, watched] : watched_) {
      const auto due = watched.probes.next_due();
      if (due && (!next || *due < *next)) next = due;
    }
    if (!next) {
      timer_.reset();
      return;
    }
    auto delay = std::chrono::ceil<std::chrono::milliseconds>(*next - clock_.now());
    if (crowded_) delay = std::max(delay, kCrowded);
    delay = std::max(delay, std::chrono::milliseconds(0));
    timer_ = loop_.after(delay, [this] { run_due(); });
  }

  void run_due() {
    crowded_ = false;
    const auto now = clock_.now();
    for (auto& [id, watched] : watched_) {
      while (watched.probes.next_due().value_or(SteadyTime::max()) <= now) {
        if (network_ >= kMaxNetwork || on_lane_ >= kMaxLane) {
          crowded_ = true;
          break;
        }
        const auto kind = watched.probes.take(now);
        if (!kind) break;
        launch(watched, *kind);
      }
    }
    plan();
  }

  /// Begins one probe; its result comes back by a post.
  void launch(const Watched& watched, ProbeKind kind) {
    const auto& target = watched.target;
    const auto& probe = probe_of(target.container, kind);
    const std::chrono::milliseconds timeout = std::max(probe.timeout, std::chrono::seconds(1));
    const auto report = [&loop = loop_, alive = std::weak_ptr<LoopProber*>(self_), id = target.container_id,
                         number = watched.number, kind](bool network, ProbeOutcome outcome) {
      loop.post([alive, id, number, kind, network, outcome = std::move(outcome)] {
        if (const auto self = alive.lock()) (*self)->finished(id, number, kind, network, outcome);
      });
    };
    if (const auto* exec = std::get_if<model::ExecAction>(&probe.action)) {
      ++on_lane_;
      lane_.run([&runtime = runtime_, id = target.container_id, action = *exec, timeout, report] {
        report(/*network=*/false, run_exec(runtime, id, action, timeout));
      });
      return;
    }
    auto host = probe_host(probe.action, target.address);
    if (!is_ip_address(host)) {
      ++on_lane_;
      lane_.run([probe, host, ports = target.container.ports, report] {
        report(/*network=*/false, run_named(probe, host, ports));
      });
      return;
    }
    ++network_;
    auto exchange = make_net_probe(probe.action, host, target.container.ports);
    if (!exchange) {
      report(/*network=*/true, {ProbeAnswer::Unknown, exchange.error().message()});
      return;
    }
    // The thread is made for the first network probe: a host without any has none.
    if (!poller_) poller_ = std::make_unique<ProbePoller>();
    poller_->start(std::move(*exchange), timeout,
                   [report](ProbeOutcome outcome) { report(/*network=*/true, std::move(outcome)); });
  }

  void finished(const std::string& id, std::uint64_t number, ProbeKind kind, bool network,
                const ProbeOutcome& outcome) {
    --(network ? network_ : on_lane_);
    const auto found = watched_.find(id);
    if (found == watched_.end() || found->second.number != number) {
      plan();
      return;
    }
    const auto told = found->second.probes.record(kind, outcome.answer, clock_.now());
    ProbeVerdict verdict;
    verdict.pod_uid = found->second.target.pod_uid;
    verdict.container_id = id;
    verdict.kind = kind;
    verdict.success = outcome.answer == ProbeAnswer::Success;
    verdict.message = outcome.message.substr(0, kMaxMessage);
    plan();
    // Last: the callbacks may call watch() and forget().
    if (!verdict.success && on_failure_) on_failure_(verdict);
    if (told) on_verdict_(verdict);
  }

  Loop& loop_;
  Lane& lane_;
  runtime::PodRuntime& runtime_;
  const Clock& clock_;
  std::function<void(const ProbeVerdict&)> on_verdict_;
  std::function<void(const ProbeVerdict&)> on_failure_;
  std::mt19937 random_;
  std::map<std::string, Watched> watched_;
  std::uint64_t last_number_ = 0;
  std::size_t network_ = 0;
  std::size_t on_lane_ = 0;
  bool crowded_ = false;
  std::unique_ptr<LoopHandle> timer_;
  std::shared_ptr<LoopProber*> self_ = std::make_shared<LoopProber*>(this);  ///< Gone with us: posts ask it first.
  std::unique_ptr<ProbePoller> poller_;  ///< Last: its thread ends before the rest goes.
};

}  // namespace

std::unique_ptr<Prober> make_prober(Loop& loop, Lane& lane, runtime::PodRuntime& runtime, const Clock& clock,
                                    std::function<void(const ProbeVerdict&)> on_verdict,
                                    std::function<void(const ProbeVerdict&)> on_failure) {
  return std::make_unique<LoopProber>(loop, lane, runtime, clock, std::move(on_verdict), std::move(on_failure));
}

}  // namespace berth::agent
