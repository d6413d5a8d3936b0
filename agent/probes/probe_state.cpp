// agent/probes/probe_state.cpp - see probe_state.hpp.
#include "agent/probes/probe_state.hpp"

#include <algorithm>

namespace berth::agent {
namespace {

constexpr std::array kKinds = {ProbeKind::Startup, ProbeKind::Readiness, ProbeKind::Liveness};

std::size_t index(ProbeKind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

std::string_view to_string(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::Startup: return "Startup";
    case ProbeKind::Readiness: return "Readiness";
    case ProbeKind::Liveness: return "Liveness";
  }
  return "";
}

ProbeState::ProbeState(const model::Probe& probe, ProbeKind kind, SteadyTime started, double spread)
    : period_(std::max(probe.period, std::chrono::seconds(1))),
      success_threshold_(std::max(probe.success_threshold, 1)),
      failure_threshold_(std::max(probe.failure_threshold, 1)),
      kind_(kind),
      spread_(std::clamp(spread, 0.5, 1.0)),
      due_(started + std::max(probe.initial_delay, std::chrono::seconds(0))) {}

void ProbeState::begin(SteadyTime now) {
  in_flight_ = true;
  begun_ = now;
}

std::optional<bool> ProbeState::record(ProbeAnswer answer, SteadyTime now) {
  in_flight_ = false;
  // From beginning to beginning, as a ticker does; a probe that took longer than its period is due at once.
  const auto scale = first_ ? spread_ : 1.0;
  first_ = false;
  due_ = std::max(now, begun_ + std::chrono::duration_cast<SteadyTime::duration>(period_ * scale));
  if (answer == ProbeAnswer::Unknown) return std::nullopt;

  const auto success = answer == ProbeAnswer::Success;
  run_ = last_ == success ? run_ + 1 : 1;
  last_ = success;
  const auto threshold = success ? success_threshold_ : failure_threshold_;
  if (run_ < threshold) return std::nullopt;
  const auto changed = verdict_ != success;
  verdict_ = success;
  if (!success && kind_ != ProbeKind::Readiness) {
    run_ = 0;  // told again only after as many failures again: the restart takes its time
    return success;
  }
  run_ = threshold;  // never overflows
  return changed ? std::optional(success) : std::nullopt;
}

ContainerProbes::ContainerProbes(const model::Container& container, SteadyTime started, bool startup_passed,
                                 double spread)
    : startup_passed_(startup_passed || !container.startup) {
  if (container.startup && !startup_passed_) {
    probes_[index(ProbeKind::Startup)].emplace(*container.startup, ProbeKind::Startup, started, spread);
  }
  if (container.readiness) {
    probes_[index(ProbeKind::Readiness)].emplace(*container.readiness, ProbeKind::Readiness, started, spread);
  }
  if (container.liveness) {
    probes_[index(ProbeKind::Liveness)].emplace(*container.liveness, ProbeKind::Liveness, started, spread);
  }
}

bool ContainerProbes::may_run(ProbeKind kind) const {
  const auto& probe = probes_[index(kind)];
  if (!probe || probe->in_flight()) return false;
  return (kind == ProbeKind::Startup) != startup_passed_;
}

std::optional<SteadyTime> ContainerProbes::next_due() const {
  std::optional<SteadyTime> next;
  for (const auto kind : kKinds) {
    if (!may_run(kind)) continue;
    const auto due = probes_[index(kind)]->due();
    if (!next || due < *next) next = due;
  }
  return next;
}

std::vector<std::pair<SteadyTime, ProbeKind>> ContainerProbes::due(SteadyTime now) const {
  std::vector<std::pair<SteadyTime, ProbeKind>> found;
  for (const auto kind : kKinds) {
    if (may_run(kind) && probes_[index(kind)]->due() <= now) found.emplace_back(probes_[index(kind)]->due(), kind);
  }
  return found;
}

void ContainerProbes::begin(ProbeKind kind, SteadyTime now) {
  if (auto& probe = probes_[index(kind)]) probe->begin(now);
}

std::optional<bool> ContainerProbes::record(ProbeKind kind, ProbeAnswer answer, SteadyTime now) {
  auto& probe = probes_[index(kind)];
  if (!probe) return std::nullopt;
  const auto told = probe->record(answer, now);
  if (kind == ProbeKind::Startup && probe->verdict() == true) startup_passed_ = true;
  return told;
}

std::optional<bool> ContainerProbes::verdict(ProbeKind kind) const {
  const auto& probe = probes_[index(kind)];
  return probe ? probe->verdict() : std::nullopt;
}

}  // namespace berth::agent
