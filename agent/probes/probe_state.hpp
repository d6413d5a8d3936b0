// agent/probes/probe_state.hpp - when each probe of a container is due, and what its results add up to. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/probes/prober.hpp"
#include "base/clock.hpp"
#include "model/pod.hpp"

namespace berth::agent {

/// What one run of a probe said. Unknown: it could not be asked (containerd away, no such port); counts for nothing.
enum class ProbeAnswer { Success, Failure, Unknown };

struct ProbeOutcome {
  ProbeAnswer answer = ProbeAnswer::Unknown;
  std::string message;  ///< Why, unless Success.
};

/// One probe: period, thresholds, and the verdict so far. See the kubelet's prober worker: the same counting.
class ProbeState {
 public:
  /// First due `initial_delay` after `started`. The second comes after `spread` (0.5 to 1) of a period, so that
  /// containers that started together are not probed together for ever.
  ProbeState(const model::Probe& probe, ProbeKind kind, SteadyTime started, double spread);

  SteadyTime due() const { return due_; }
  bool in_flight() const { return in_flight_; }

  /// Begins a run: not due again before record().
  void begin(SteadyTime now);

  /// Ends a run. The verdict, when it has to be told: it changed, or liveness or startup failed (again) often
  /// enough. Results below the threshold change nothing.
  std::optional<bool> record(ProbeAnswer answer, SteadyTime now);

  /// None until a threshold was reached for the first time.
  std::optional<bool> verdict() const { return verdict_; }

 private:
  SteadyTime::duration period_;
  std::int32_t success_threshold_;
  std::int32_t failure_threshold_;
  ProbeKind kind_;
  double spread_;
  SteadyTime due_;
  SteadyTime begun_{};
  bool in_flight_ = false;
  bool first_ = true;
  std::optional<bool> last_;
  std::int32_t run_ = 0;  ///< How many equal results in a row.
  std::optional<bool> verdict_;
};

/// The probes of one container, with the gate: readiness and liveness wait until the startup probe succeeded,
/// which is then over.
class ContainerProbes {
 public:
  ContainerProbes(const model::Container& container, SteadyTime started, bool startup_passed, double spread);

  /// When the next probe that may run is due; none when all are in flight or over.
  std::optional<SteadyTime> next_due() const;
  /// Those that are due at `now`, and since when.
  std::vector<std::pair<SteadyTime, ProbeKind>> due(SteadyTime now) const;
  /// Begins one of them.
  void begin(ProbeKind kind, SteadyTime now);
  /// Ends a run; see ProbeState::record.
  std::optional<bool> record(ProbeKind kind, ProbeAnswer answer, SteadyTime now);
  std::optional<bool> verdict(ProbeKind kind) const;

 private:
  bool may_run(ProbeKind kind) const;

  std::array<std::optional<ProbeState>, 3> probes_;  ///< By ProbeKind.
  bool startup_passed_;
};

}  // namespace berth::agent
