// agent/probes/prober.cpp - see prober.hpp.
#include "agent/probes/prober.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <variant>

#include "agent/probes/probe_grpc.hpp"
#include "agent/probes/probe_io.hpp"
#include "agent/probes/probe_state.hpp"
#include "agent/probes/probe_target.hpp"
#include "base/random.hpp"

namespace berth::agent {
namespace {

/// What a probe needs while it runs. Each has its own limit, so that none waits for the slow ones of another kind; what
/// is due beyond it waits its turn, the longest due first.
enum class Way { Network, Grpc, Name, Exec };
/// Exchanges on the poll thread; gRPC's, of which each is a channel; those whose host is a name, as looking it up
/// blocks a thread; jobs on the lane.
constexpr std::array<std::size_t, 4> kLimits{256, 64, 16, 16};
constexpr std::size_t kNameThreads = 2;
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
        on_failure_(std::move(on_failure)) {}

  void watch(ProbeTarget target) override {
    if (watched_.contains(target.container_id)) return;
    const auto now = clock_.now();
    // Wall time may jump; a start in the future counts as now.
    const auto age = std::max(clock_.wall() - target.started_at, WallTime::duration(0));
    const auto started = now - std::chrono::duration_cast<SteadyTime::duration>(age);
    ContainerProbes probes(target.container, started, target.startup_passed,
                           std::uniform_real_distribution<>(0.5, 1.0)(thread_random()));
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
    struct Due {
      SteadyTime since;
      Watched* watched;
      ProbeKind kind;
    };
    std::vector<Due> all;
    for (auto& [id, watched] : watched_) {
      for (const auto& [since, kind] : watched.probes.due(now)) all.push_back({since, &watched, kind});
    }
    std::stable_sort(all.begin(), all.end(), [](const Due& one, const Due& other) { return one.since < other.since; });
    for (const auto& [since, watched, kind] : all) {
      const auto way = way_of(watched->target, kind);
      if (running(way) >= kLimits[static_cast<std::size_t>(way)]) {
        crowded_ = true;
        continue;
      }
      watched->probes.begin(kind, now);
      launch(*watched, kind, way);
    }
    plan();
  }

  static Way way_of(const ProbeTarget& target, ProbeKind kind) {
    const auto& action = probe_of(target.container, kind).action;
    if (std::holds_alternative<model::ExecAction>(action)) return Way::Exec;
    if (!is_ip_address(probe_host(action, target.address))) return Way::Name;
    return std::holds_alternative<model::GrpcAction>(action) ? Way::Grpc : Way::Network;
  }

  std::size_t& running(Way way) { return running_[static_cast<std::size_t>(way)]; }

  /// Begins one probe; its result comes back by a post.
  void launch(const Watched& watched, ProbeKind kind, Way way) {
    const auto& target = watched.target;
    const auto& probe = probe_of(target.container, kind);
    const std::chrono::milliseconds timeout = std::max(probe.timeout, std::chrono::seconds(1));
    const auto report = [&loop = loop_, alive = std::weak_ptr<LoopProber*>(self_), id = target.container_id,
                         number = watched.number, kind, way](ProbeOutcome outcome) {
      loop.post([alive, id, number, kind, way, outcome = std::move(outcome)] {
        if (const auto self = alive.lock()) (*self)->finished(id, number, kind, way, outcome);
      });
    };
    ++running(way);
    if (const auto* exec = std::get_if<model::ExecAction>(&probe.action)) {
      lane_.run([&runtime = runtime_, id = target.container_id, action = *exec, timeout, report] {
        report(run_exec(runtime, id, action, timeout));
      });
      return;
    }
    auto host = probe_host(probe.action, target.address);
    // Threads are made for the first probe that needs them: a host without any has none.
    if (way != Way::Name) {
      exchange(probe.action, host, target.container.ports, timeout, report);
      return;
    }
    if (!names_) names_ = make_thread_lane("probe-names", kNameThreads);
    names_->run([&loop = loop_, alive = std::weak_ptr<LoopProber*>(self_), action = probe.action, host,
                 ports = target.container.ports, timeout, report] {
      const auto ip = resolve_host(host);
      if (!ip) return report({ProbeAnswer::Failure, ip.error().message()});
      loop.post([alive, action, ip = *ip, ports, timeout, report] {
        if (const auto self = alive.lock()) (*self)->exchange(action, ip, ports, timeout, report);
      });
    });
  }

  /// With an address.
  void exchange(const model::ProbeAction& action, const std::string& ip, const std::vector<model::ContainerPort>& ports,
                std::chrono::milliseconds timeout, const std::function<void(ProbeOutcome)>& report) {
    if (const auto* grpc = std::get_if<model::GrpcAction>(&action)) {
      const auto port = probe_port(std::to_string(grpc->port), ports);
      if (!port) return report({ProbeAnswer::Unknown, port.error().context("grpc.port").message()});
      if (!grpc_) grpc_ = std::make_unique<GrpcProbes>();
      grpc_->check({ip, *port}, grpc->service, timeout, report);
      return;
    }
    auto probe = make_net_probe(action, ip, ports);
    if (!probe) return report({ProbeAnswer::Unknown, probe.error().message()});
    if (!poller_) poller_ = std::make_unique<ProbePoller>();
    poller_->start(std::move(*probe), timeout, report);
  }

  void finished(const std::string& id, std::uint64_t number, ProbeKind kind, Way way, const ProbeOutcome& outcome) {
    --running(way);
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
  std::map<std::string, Watched> watched_;
  std::uint64_t last_number_ = 0;
  std::array<std::size_t, kLimits.size()> running_{};  ///< By Way.
  bool crowded_ = false;
  std::unique_ptr<LoopHandle> timer_;
  std::shared_ptr<LoopProber*> self_ = std::make_shared<LoopProber*>(this);  ///< Gone with us: posts ask it first.
  // Last: their threads end before the rest goes.
  std::unique_ptr<Lane> names_;
  std::unique_ptr<GrpcProbes> grpc_;
  std::unique_ptr<ProbePoller> poller_;
};

}  // namespace

std::unique_ptr<Prober> make_prober(Loop& loop, Lane& lane, runtime::PodRuntime& runtime, const Clock& clock,
                                    std::function<void(const ProbeVerdict&)> on_verdict,
                                    std::function<void(const ProbeVerdict&)> on_failure) {
  return std::make_unique<LoopProber>(loop, lane, runtime, clock, std::move(on_verdict), std::move(on_failure));
}

}  // namespace berth::agent
