// agent/pods/next_step.cpp - see next_step.hpp.
#include "agent/pods/next_step.hpp"

#include <algorithm>

namespace berth::agent {
namespace {

using Phase = ContainerView::Phase;

/// A container of the spec with all we know of it.
struct Item {
  ContainerRef ref;
  const model::Container* spec = nullptr;
  const ContainerView* view = nullptr;
  const ContainerMemory* memory = nullptr;
};

Item item(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, ContainerRef ref) {
  if (ref.init) return {ref, &spec.init_containers[ref.index], &view.init[ref.index], &memory.init[ref.index]};
  return {ref, &spec.containers[ref.index], &view.main[ref.index], &memory.main[ref.index]};
}

/// Collects the earliest time at which something becomes due.
class Due {
 public:
  void at(SteadyTime when) { when_ = when_ ? std::min(*when_, when) : when; }
  Step settled() const { return {.kind = StepKind::Settled, .which = {}, .attempt = 0, .id = {}, .until = when_}; }

 private:
  std::optional<SteadyTime> when_;
};

Step step_for(StepKind kind, const Item& item) {
  return {.kind = kind, .which = item.ref, .attempt = item.view->attempt, .id = item.view->id, .until = {}};
}

Step plain(StepKind kind) { return {.kind = kind, .which = {}, .attempt = 0, .id = {}, .until = {}}; }
Step remove(const std::string& id) {
  return {.kind = StepKind::RemoveContainer, .which = {}, .attempt = 0, .id = id, .until = {}};
}

/// Brings one container up or keeps it up; nullopt when there is nothing to do now.
std::optional<Step> keep_up(const model::PodSpec& spec, const Item& it, SteadyTime now, Due& due) {
  switch (it.view->phase) {
    case Phase::Running:
      if (it.memory->stop_begun) {
        if (now >= it.memory->kill_at) return step_for(StepKind::KillContainer, it);
        due.at(it.memory->kill_at);
      } else if (it.memory->liveness_failed) {
        return step_for(StepKind::StopContainer, it);
      }
      return std::nullopt;
    case Phase::Exited:
    case Phase::Lost:
      if (!restarts(spec, *it.spec, it.ref.init, *it.view)) return std::nullopt;
      if (it.view->attempt >= it.memory->ended_attempts) {
        due.at(now);  // The driver has not counted this end yet: its back-off is not known.
        return std::nullopt;
      }
      break;
    case Phase::Absent:
    case Phase::Created: break;
  }
  if (it.memory->pulling) return std::nullopt;
  if (now < it.memory->not_before) {
    due.at(it.memory->not_before);
    return std::nullopt;
  }
  auto step = step_for(StepKind::StartContainer, it);
  step.attempt = it.view->phase == Phase::Created ? it.view->attempt : it.memory->next_attempt;
  if (it.view->ended()) step.attempt = std::max(step.attempt, it.view->attempt + 1);
  return step;
}

/// The first container that has a record, newest rung first; for tearing down.
std::optional<std::string> any_record(const PodView& view) {
  for (const auto* list : {&view.main, &view.init}) {
    for (auto it = list->rbegin(); it != list->rend(); ++it) {
      if (it->phase != Phase::Absent) return it->id;
    }
  }
  return std::nullopt;
}

bool any_running(const PodView& view) {
  const auto running = [](const auto& container) { return container.phase == Phase::Running; };
  return std::any_of(view.main.begin(), view.main.end(), running) ||
         std::any_of(view.init.begin(), view.init.end(), running);
}

/// Have all containers but the sidecars ended for good?
bool completed(const model::PodSpec& spec, const PodView& view) {
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    if (!view.main[i].ended() || restarts(spec, spec.containers[i], false, view.main[i])) return false;
  }
  return true;
}

/// Init containers in order: the first that is not done holds up all after it. nullopt: all done.
std::optional<Step> run_init(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, SteadyTime now,
                             Due& due) {
  // Once a container of the pod exists the ordinary init containers are history; sidecars are kept up.
  const auto past =
      std::any_of(view.main.begin(), view.main.end(), [](const auto& main) { return main.phase != Phase::Absent; });
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    const auto it = item(spec, view, memory, {.init = true, .index = i});
    const auto sidecar = is_sidecar(*it.spec, true);
    if (past && !sidecar) continue;
    if (auto step = keep_up(spec, it, now, due)) return step;
    const auto done = sidecar ? it.view->phase == Phase::Running && it.memory->startup_passed
                              : it.view->phase == Phase::Exited && it.view->exit_code == 0;
    if (!done && !past) return due.settled();
  }
  return std::nullopt;
}

std::optional<Step> stop_all(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, bool init,
                             SteadyTime now);

Step bring_up(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, SteadyTime now) {
  if (memory.terminal) return Due().settled();
  if (memory.deadline && now >= *memory.deadline) {
    if (auto step = stop_all(spec, view, memory, /*init=*/false, now)) return *step;
    if (auto step = stop_all(spec, view, memory, /*init=*/true, now)) return *step;
    return Due().settled();
  }
  if (!view.stale.empty()) return remove(view.stale.front());
  // Dead containers of a lost network go first; running ones keep running, and attach() repairs what it can.
  if (view.network != Presence::Present && !any_running(view)) {
    if (const auto id = any_record(view)) return remove(*id);
  }
  if (view.volumes != Presence::Present) return plain(StepKind::MountVolumes);
  if (view.network != Presence::Present) return plain(StepKind::AttachNetwork);

  Due due;
  if (memory.deadline) due.at(*memory.deadline);
  if (completed(spec, view)) {  // Sidecars served containers that are done.
    if (auto step = stop_all(spec, view, memory, /*init=*/true, now)) return *step;
    return due.settled();
  }
  if (auto step = run_init(spec, view, memory, now, due)) return *step;
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    if (auto step = keep_up(spec, item(spec, view, memory, {.init = false, .index = i}), now, due)) return *step;
  }
  return due.settled();
}

/// Stops every running container of `list`; nullopt when none runs.
std::optional<Step> stop_all(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, bool init,
                             SteadyTime now) {
  Due due;
  auto running = false;
  const auto count = init ? spec.init_containers.size() : spec.containers.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto it = item(spec, view, memory, {.init = init, .index = i});
    if (it.view->phase != Phase::Running) continue;
    running = true;
    if (!it.memory->stop_begun) return step_for(StepKind::StopContainer, it);
    if (now >= it.memory->kill_at) return step_for(StepKind::KillContainer, it);
    due.at(it.memory->kill_at);
  }
  if (running) return due.settled();
  return std::nullopt;
}

Step tear_down(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, SteadyTime now) {
  if (auto step = stop_all(spec, view, memory, /*init=*/false, now)) return *step;
  if (auto step = stop_all(spec, view, memory, /*init=*/true, now)) return *step;
  if (!view.stale.empty()) return remove(view.stale.front());
  if (const auto id = any_record(view)) return remove(*id);
  if (view.network != Presence::Absent) return plain(StepKind::DetachNetwork);
  if (view.volumes != Presence::Absent) return plain(StepKind::UnmountVolumes);
  return plain(StepKind::Forget);
}

}  // namespace

std::string_view to_string(StepKind kind) {
  switch (kind) {
    case StepKind::MountVolumes: return "mount volumes";
    case StepKind::AttachNetwork: return "attach network";
    case StepKind::StartContainer: return "start container";
    case StepKind::StopContainer: return "stop container";
    case StepKind::KillContainer: return "kill container";
    case StepKind::RemoveContainer: return "remove container";
    case StepKind::DetachNetwork: return "detach network";
    case StepKind::UnmountVolumes: return "unmount volumes";
    case StepKind::Settled: return "settled";
    case StepKind::Forget: return "forget";
  }
  return "?";
}

bool is_sidecar(const model::Container& container, bool init) { return init && container.restart_policy == "Always"; }

bool restarts(const model::PodSpec& spec, const model::Container& container, bool init, const ContainerView& view) {
  if (is_sidecar(container, init)) return true;
  const auto success = view.phase == Phase::Exited && view.exit_code == 0;
  if (spec.restart_policy == "Never") return false;
  if (init || spec.restart_policy == "OnFailure") return !success;
  return true;
}

bool initialized(const model::PodSpec& spec, const PodView& view, const PodMemory& memory) {
  const auto past =
      std::any_of(view.main.begin(), view.main.end(), [](const auto& main) { return main.phase != Phase::Absent; });
  if (past) return true;
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    const auto it = item(spec, view, memory, {.init = true, .index = i});
    const auto done = is_sidecar(*it.spec, true) ? it.view->phase == Phase::Running && it.memory->startup_passed
                                                 : it.view->phase == Phase::Exited && it.view->exit_code == 0;
    if (!done) return false;
  }
  return true;
}

Step next_step(const model::PodSpec& spec, bool wanted, const PodView& view, const PodMemory& memory, SteadyTime now) {
  return wanted ? bring_up(spec, view, memory, now) : tear_down(spec, view, memory, now);
}

}  // namespace berth::agent
