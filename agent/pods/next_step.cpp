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
  void at(SteadyTime when) {
    if (when == SteadyTime::max()) return;  // A hook is being begun: its beginning is told.
    when_ = when_ ? std::min(*when_, when) : when;
  }
  Step settled() const {
    Step step;
    step.until = when_;
    return step;
  }

 private:
  std::optional<SteadyTime> when_;
};

Step step_for(StepKind kind, const Item& item) {
  Step step;
  step.kind = kind;
  step.which = item.ref;
  step.attempt = item.view->attempt;
  step.id = item.view->id;
  return step;
}

Step plain(StepKind kind) {
  Step step;
  step.kind = kind;
  return step;
}

Step remove(const std::string& id) {
  Step step;
  step.kind = StepKind::RemoveContainer;
  step.id = id;
  return step;
}

bool runs(const ContainerView& view) { return view.phase == Phase::Running; }

/// What a running container that has to end needs now; nullopt: time.
std::optional<Step> stop_step(const Item& it, bool in_turn, SteadyTime now, Due& due) {
  const auto& memory = *it.memory;
  const auto over = now >= memory.kill_at;
  switch (memory.stop) {
    case StopStage::None: return step_for(StepKind::BeginStop, it);
    case StopStage::Hook:
      // A hook that took the whole grace is waited for no longer.
      if (over) return step_for(StepKind::StopContainer, it);
      break;
    case StopStage::Turn:
      if (in_turn || over) return step_for(StepKind::StopContainer, it);
      break;
    case StopStage::Signalled:
      if (over) return step_for(StepKind::KillContainer, it);
      break;
  }
  due.at(memory.kill_at);
  return std::nullopt;
}

/// Stops what runs: all hooks at once; then the containers are asked to end, and after them the sidecars, last first.
/// nullopt: nothing runs.
std::optional<Step> stop_all(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, SteadyTime now) {
  Due due;
  auto running = false;
  const auto stop = [&](ContainerRef ref, bool in_turn) -> std::optional<Step> {
    const auto it = item(spec, view, memory, ref);
    if (!runs(*it.view)) return std::nullopt;
    running = true;
    return stop_step(it, in_turn, now, due);
  };
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    if (auto step = stop({.init = false, .index = i}, /*in_turn=*/true)) return step;
  }
  for (auto i = spec.init_containers.size(); i-- > 0;) {
    const auto in_turn = !running || !is_sidecar(spec.init_containers[i], true);
    if (auto step = stop({.init = true, .index = i}, in_turn)) return step;
  }
  if (running) return due.settled();
  return std::nullopt;
}

/// Brings one container up or keeps it up; nullopt when there is nothing to do now. `may_start`: nothing before it is
/// in its postStart hook.
std::optional<Step> keep_up(const model::PodSpec& spec, const Item& it, bool may_start, SteadyTime now, Due& due) {
  if (runs(*it.view)) {
    if (it.memory->stop == StopStage::None && it.memory->restart_why.empty()) return std::nullopt;
    return stop_step(it, /*in_turn=*/true, now, due);
  }
  if (it.view->ended() && !restarts(spec, *it.spec, it.ref.init, *it.view, *it.memory)) return std::nullopt;
  if (it.memory->pulling || !may_start) return std::nullopt;
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

/// Have all containers but the sidecars ended for good?
bool completed(const model::PodSpec& spec, const PodView& view, const PodMemory& memory) {
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    if (!view.main[i].ended() || restarts(spec, spec.containers[i], false, view.main[i], memory.main[i])) return false;
  }
  return true;
}

bool past_init(const PodView& view) {
  return std::any_of(view.main.begin(), view.main.end(), [](const auto& main) { return main.phase != Phase::Absent; });
}

bool init_done(const Item& it) {
  if (!is_sidecar(*it.spec, true)) return it.view->phase == Phase::Exited && it.view->exit_code == 0;
  return runs(*it.view) && it.memory->startup_passed && !it.memory->post_start;
}

/// Init containers in order: the first that is not done holds up all after it. nullopt: all done.
std::optional<Step> run_init(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, SteadyTime now,
                             Due& due) {
  // Once a container of the pod exists the ordinary init containers are history; sidecars are kept up.
  const auto past = past_init(view);
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    const auto it = item(spec, view, memory, {.init = true, .index = i});
    if (past && !is_sidecar(*it.spec, true)) continue;
    if (auto step = keep_up(spec, it, /*may_start=*/true, now, due)) return step;
    if (!past && !init_done(it)) return due.settled();
  }
  return std::nullopt;
}

/// Takes away everything that is left of a pod of which nothing runs; nullopt: nothing is.
std::optional<Step> give_back(const PodView& view) {
  if (!view.stale.empty()) return remove(view.stale.front());
  if (const auto id = any_record(view)) return remove(*id);
  if (view.network != Presence::Absent) return plain(StepKind::DetachNetwork);
  if (view.volumes != Presence::Absent) return plain(StepKind::UnmountVolumes);
  return std::nullopt;
}

/// The host goes down. The records of what was stopped go as well, so that its end is not taken for one that nobody
/// saw; the network dies with the host. A pod whose containers are not started again is over, as on any other day.
Step leave(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, SteadyTime now) {
  if (auto step = stop_all(spec, view, memory, now)) return *step;
  if (completed(spec, view, memory) || init_failed(spec, view, memory)) return Due().settled();
  if (!view.stale.empty()) return remove(view.stale.front());
  if (const auto id = any_record(view)) return remove(*id);
  if (!memory.released) return plain(StepKind::ReleaseVolumes);
  return Due().settled();
}

Step bring_up(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, SteadyTime now) {
  if (memory.terminal) {
    if (auto step = stop_all(spec, view, memory, now)) return *step;
    if (!memory.end_stored) return Due().settled();
    return give_back(view).value_or(Due().settled());
  }
  if (memory.leave_by) return leave(spec, view, memory, now);
  if (memory.deadline && now >= *memory.deadline) {
    return stop_all(spec, view, memory, now).value_or(Due().settled());
  }
  if (!view.stale.empty()) return remove(view.stale.front());
  // Dead containers of a lost network go first; running ones keep running, and attach() repairs what it can.
  if (begins_from_nothing(view)) {
    if (const auto id = any_record(view)) return remove(*id);
    if (!memory.held.empty()) return Due().settled();
  }
  if (view.volumes != Presence::Present) return plain(StepKind::MountVolumes);
  if (view.network != Presence::Present) return plain(StepKind::AttachNetwork);

  Due due;
  if (memory.deadline) due.at(*memory.deadline);
  if (completed(spec, view, memory) || init_failed(spec, view, memory)) {
    // Sidecars served containers that are done, or that will never be.
    return stop_all(spec, view, memory, now).value_or(due.settled());
  }
  if (auto step = run_init(spec, view, memory, now, due)) return *step;
  auto may_start = true;
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    const auto it = item(spec, view, memory, {.init = false, .index = i});
    if (auto step = keep_up(spec, it, may_start, now, due)) return *step;
    may_start = may_start && !(runs(*it.view) && it.memory->post_start);
  }
  return due.settled();
}

/// Files are brought up to date when nothing else is to be done, and made so at their first mount.
Step with_files(Step step, const PodView& view, const PodMemory& memory) {
  const auto idle =
      step.kind == StepKind::Settled && view.volumes == Presence::Present && !memory.terminal && !memory.leave_by;
  if (idle && memory.served != memory.changes) step = plain(StepKind::RefreshFiles);
  step.change = memory.changes;
  return step;
}

Step tear_down(const model::PodSpec& spec, const PodView& view, const PodMemory& memory, SteadyTime now) {
  if (auto step = stop_all(spec, view, memory, now)) return *step;
  return give_back(view).value_or(plain(StepKind::Forget));
}

}  // namespace

std::string_view to_string(StepKind kind) {
  switch (kind) {
    case StepKind::MountVolumes: return "mount volumes";
    case StepKind::RefreshFiles: return "refresh files";
    case StepKind::AttachNetwork: return "attach network";
    case StepKind::StartContainer: return "start container";
    case StepKind::BeginStop: return "begin to stop container";
    case StepKind::StopContainer: return "stop container";
    case StepKind::KillContainer: return "kill container";
    case StepKind::RemoveContainer: return "remove container";
    case StepKind::DetachNetwork: return "detach network";
    case StepKind::UnmountVolumes: return "unmount volumes";
    case StepKind::ReleaseVolumes: return "release volumes";
    case StepKind::Settled: return "settled";
    case StepKind::Forget: return "forget";
  }
  return "?";
}

bool is_sidecar(const model::Container& container, bool init) { return init && container.restart_policy == "Always"; }

bool any_running(const PodView& view) {
  return std::any_of(view.main.begin(), view.main.end(), runs) || std::any_of(view.init.begin(), view.init.end(), runs);
}

bool begins_from_nothing(const PodView& view) { return view.network != Presence::Present && !any_running(view); }

bool has_left(const model::PodSpec& spec, const PodView& view, const PodMemory& memory) {
  if (!memory.leave_by || any_running(view)) return false;
  if (!memory.wanted) return !give_back(view);
  if (memory.terminal) return memory.end_stored && !give_back(view);
  return memory.released && !completed(spec, view, memory) && !init_failed(spec, view, memory);
}

bool restarts(const model::PodSpec& spec, const model::Container& container, bool init, const ContainerView& view,
              const ContainerMemory& memory) {
  if (is_sidecar(container, init) || memory.replaced_attempt == view.attempt) return true;
  const auto success = view.phase == Phase::Exited && view.exit_code == 0;
  if (spec.restart_policy == "Never") return false;
  if (init || spec.restart_policy == "OnFailure") return !success;
  return true;
}

bool initialized(const model::PodSpec& spec, const PodView& view, const PodMemory& memory) {
  if (past_init(view)) return true;
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    if (!init_done(item(spec, view, memory, {.init = true, .index = i}))) return false;
  }
  return true;
}

bool init_failed(const model::PodSpec& spec, const PodView& view, const PodMemory& memory) {
  if (past_init(view)) return false;
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    const auto it = item(spec, view, memory, {.init = true, .index = i});
    if (it.view->ended() && !init_done(it) && !restarts(spec, *it.spec, true, *it.view, *it.memory)) return true;
  }
  return false;
}

Step next_step(const model::PodSpec& spec, bool wanted, const PodView& view, const PodMemory& memory, SteadyTime now) {
  if (!wanted) return tear_down(spec, view, memory, now);
  return with_files(bring_up(spec, view, memory, now), view, memory);
}

}  // namespace berth::agent
