// agent/pods/pod_status.cpp - see pod_status.hpp.
#include "agent/pods/pod_status.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "agent/pods/next_step.hpp"

namespace berth::agent {
namespace {

using Phase = ContainerView::Phase;

std::string time_text(WallTime time) { return time == WallTime{} ? std::string() : format_rfc3339(time); }

const model::ContainerStatus* find_status(const std::vector<model::ContainerStatus>& list, const std::string& name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const auto& status) { return status.name == name; });
  return found == list.end() ? nullptr : &*found;
}

/// Why a container that is not running does not run. In a pod with init containers all wait for the pod, as the kubelet
/// words it; what keeps the pod from going on is said where it has come to (`its_turn`).
model::ContainerStateWaiting waiting(const model::PodSpec& spec, const ContainerMemory& memory,
                                     const std::string& pod_error, bool its_turn) {
  if (!memory.waiting_reason.empty()) return {memory.waiting_reason, memory.waiting_message};
  return {spec.init_containers.empty() ? "ContainerCreating" : "PodInitializing", its_turn ? pod_error : std::string()};
}

/// One container's status line.
model::ContainerStatus container_status(const model::PodSpec& spec, const model::Container& container, bool init,
                                        bool wanted, const ContainerView& view, const ContainerMemory& memory,
                                        const model::ContainerStatus* old, const std::string& pod_error,
                                        bool init_done) {
  model::ContainerStatus status;
  if (!wanted && view.phase == Phase::Absent && old != nullptr) {  // Taken away: its end is still to be read.
    status = *old;
    status.ready = status.started = false;
    return status;
  }
  status.name = container.name;
  status.image = view.image.empty() ? container.image : view.image;
  status.image_id = view.image_id.empty() && old != nullptr ? old->image_id : view.image_id;
  status.last_state = memory.last_state;
  if (!status.last_state && old != nullptr) status.last_state = old->last_state;
  status.restart_count = static_cast<std::int32_t>(view.phase == Phase::Absent ? memory.next_attempt : view.attempt);
  if (view.phase == Phase::Absent && memory.next_attempt > 0 && old != nullptr) {
    status.restart_count = old->restart_count;  // A removed attempt counts once its successor starts.
  }
  if (!view.id.empty()) status.container_id = "containerd://" + view.id;
  status.stop_signal = view.stop_signal;
  status.user = view.user;

  switch (view.phase) {
    case Phase::Absent:
    case Phase::Created: status.state = waiting(spec, memory, pod_error, init || init_done); break;
    case Phase::Running:
      if (memory.post_start) {  // The kubelet does not call it running before.
        status.state = waiting(spec, memory, pod_error, /*its_turn=*/true);
        break;
      }
      status.state = model::ContainerStateRunning{time_text(view.started_at)};
      status.started = memory.startup_passed;
      status.ready = memory.startup_passed && (memory.ready_probe_passed || (init && !is_sidecar(container, init)));
      break;
    case Phase::Exited:
    case Phase::Lost: {
      const auto ended = make_terminated(view);
      if (wanted && restarts(spec, container, init, view, memory)) {
        status.last_state = ended;
        status.state = memory.waiting_reason.empty()
                           ? model::ContainerStateWaiting{"CrashLoopBackOff", memory.waiting_message}
                           : model::ContainerStateWaiting{memory.waiting_reason, memory.waiting_message};
      } else {
        status.state = ended;
        status.ready = init && view.phase == Phase::Exited && view.exit_code == 0;
      }
      break;
    }
  }
  return status;
}

using model::is_terminal_phase;

/// The kubelet's getPhase: Pending until initialised, then by what the containers' states say.
std::string phase_of(const model::PodSpec& spec, const PodView& view, const PodMemory& memory,
                     const std::vector<model::ContainerStatus>& statuses, bool init_done) {
  if (!init_done) return init_failed(spec, view, memory) ? "Failed" : "Pending";
  std::size_t running = 0;
  std::size_t stopped = 0;
  std::size_t succeeded = 0;
  auto again = false;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    const auto& state = statuses[i].state;
    if (std::holds_alternative<model::ContainerStateRunning>(state)) ++running;
    if (const auto* ended = std::get_if<model::ContainerStateTerminated>(&state)) {
      ++stopped;
      if (ended->exit_code == 0) ++succeeded;
    }
    // Between two attempts it counts as stopped; one that never ran holds the pod in Pending.
    if (std::holds_alternative<model::ContainerStateWaiting>(state)) {
      if (!statuses[i].last_state) return "Pending";
      ++stopped;
    }
    again = again || !view.main[i].ended() || restarts(spec, spec.containers[i], false, view.main[i], memory.main[i]);
  }
  if (running > 0 || again) return "Running";
  return succeeded == stopped ? "Succeeded" : "Failed";
}

/// What people have seen of a phase is not taken back, and the end is told when nothing runs any more: what the pod
/// holds is given to others then.
std::string kept_phase(std::string phase, const std::string& old, const PodView& view) {
  if (is_terminal_phase(phase) && any_running(view)) phase = old == "Pending" ? "Pending" : "Running";
  if (phase == "Pending" && old == "Running") phase = "Running";
  return phase;
}

/// Appends a condition of a pod of that generation, keeping the old transition time unless its status changed.
void add_condition(model::PodStatus& status, const model::PodStatus& old, std::int64_t generation,
                   model::PodCondition condition, const std::string& now) {
  condition.observed_generation = generation;
  const auto* before = old.condition(condition.type);
  const auto same = before != nullptr && before->status == condition.status && !before->last_transition_time.empty();
  condition.last_transition_time = same ? before->last_transition_time : now;
  status.conditions.push_back(std::move(condition));
}

/// "a b": those that are not ready.
std::string unready_names(const std::vector<model::ContainerStatus>& statuses) {
  std::string names;
  for (const auto& container : statuses) {
    if (container.ready) continue;
    if (!names.empty()) names += ' ';
    names += container.name;
  }
  return names;
}

/// Those that the pod's readiness wants ready and that are not: its containers, and the sidecars that serve them.
std::string unready_names(const model::PodSpec& spec, const model::PodStatus& status) {
  std::vector<model::ContainerStatus> wanted;
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    if (is_sidecar(spec.init_containers[i], true)) wanted.push_back(status.init_container_statuses[i]);
  }
  wanted.insert(wanted.end(), status.container_statuses.begin(), status.container_statuses.end());
  return unready_names(wanted);
}

/// The kubelet's reason why a pod is not Ready; over is over, whatever its containers do. `why`: what holds the pod up.
model::PodCondition not_ready(const model::PodStatus& status, const std::string& unready, const std::string& why) {
  model::PodCondition condition{"Ready", "False", "ContainersNotReady", "", ""};
  if (status.phase == "Succeeded") {
    condition.reason = "PodCompleted";
  } else if (status.phase == "Failed") {
    condition.reason = "PodFailed";
  } else {
    condition.message = "containers with unready status: [" + unready + "]";
    if (!why.empty()) condition.message += "; " + why;
  }
  return condition;
}

/// What the pod's readiness gates lack, in the kubelet's words; empty: nothing. `found`: the conditions of this look.
std::string gates_lack(const model::Pod& pod, const model::PodStatus& found) {
  std::string lack;
  for (const auto& gate : pod.spec.readiness_gates) {
    if (gate == "ContainersReady") continue;  // or nobody would ask
    const auto* condition = found.condition(gate);
    if (condition == nullptr) condition = pod.status.condition(gate);
    if (condition != nullptr && condition->status == "True") continue;
    if (!lack.empty()) lack += ", ";
    lack +=
        condition == nullptr
            ? fmt::format("corresponding condition of pod readiness gate \"{}\" does not exist.", gate)
            : fmt::format("the status of pod readiness gate \"{}\" is not \"True\", but {}", gate, condition->status);
  }
  return lack;
}

}  // namespace

model::ContainerStateTerminated make_terminated(const ContainerView& view) {
  model::ContainerStateTerminated ended;
  ended.started_at = time_text(view.started_at);
  ended.finished_at = time_text(view.finished_at);
  if (!view.id.empty()) ended.container_id = "containerd://" + view.id;
  if (view.phase == Phase::Lost) {
    ended.exit_code = 137;
    ended.reason = "ContainerStatusUnknown";
    ended.message = "the container could not be located when the pod was observed";
    return ended;
  }
  ended.exit_code = view.exit_code;
  ended.message = view.message;
  if (view.oom_killed) {
    ended.reason = "OOMKilled";
  } else {
    ended.reason = view.exit_code == 0 ? "Completed" : "Error";
  }
  return ended;
}

std::optional<WallTime> active_deadline(const model::PodSpec& spec, const std::string& start_time) {
  if (!spec.active_deadline_seconds) return std::nullopt;
  const auto started = parse_rfc3339(start_time);
  if (!started) return std::nullopt;
  constexpr std::int64_t kLongest = 50LL * 365 * 24 * 3600;  // A sum of times stays a time.
  return *started + std::chrono::seconds(std::min(*spec.active_deadline_seconds, kLongest));
}

model::PodStatus make_pod_status(const model::Pod& pod, const model::PodStatus& old, bool wanted, const PodView& view,
                                 const PodMemory& memory, const std::string& host_ip, WallTime now) {
  const auto& spec = pod.spec;
  const auto time = format_rfc3339(now);
  const auto* was_initialized = old.condition("Initialized");
  const auto init_done =
      initialized(spec, view, memory) || (!wanted && was_initialized != nullptr && was_initialized->status == "True");

  model::PodStatus status;
  status.observed_generation = pod.meta.generation;
  status.host_ip = host_ip;
  if (view.attachment) status.pod_ip = view.attachment->address;
  status.start_time = old.start_time.empty() ? time : old.start_time;
  status.qos_class = old.qos_class.empty() ? model::qos_class(spec) : old.qos_class;
  const auto deadline = active_deadline(spec, status.start_time);
  const auto late = wanted && deadline && now >= *deadline;
  const auto word = [&](bool stays) {
    status.init_container_statuses.clear();
    status.container_statuses.clear();
    for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
      const auto& container = spec.init_containers[i];
      status.init_container_statuses.push_back(
          container_status(spec, container, true, stays, view.init[i], memory.init[i],
                           find_status(old.init_container_statuses, container.name), memory.error, init_done));
    }
    for (std::size_t i = 0; i < spec.containers.size(); ++i) {
      const auto& container = spec.containers[i];
      status.container_statuses.push_back(container_status(spec, container, false, stays, view.main[i], memory.main[i],
                                                           find_status(old.container_statuses, container.name),
                                                           memory.error, init_done));
    }
  };
  word(wanted);
  status.phase = wanted || old.phase.empty()
                     ? kept_phase(phase_of(spec, view, memory, status.container_statuses, init_done), old.phase, view)
                     : old.phase;
  if (late && !is_terminal_phase(status.phase)) {
    word(/*stays=*/false);
    if (!any_running(view)) {  // while they stop it is still what it was
      status.phase = "Failed";
      status.reason = "DeadlineExceeded";
      status.message = "Pod was active on the node longer than the specified deadline";
    }
  }

  // As the kubelet has it: one that is being deleted tells how it ended. Here nobody reads that unless a finalizer
  // holds it: the others are gone with their end.
  if (!wanted && !is_terminal_phase(status.phase) && !pod.meta.finalizers.empty() && !any_running(view)) {
    const auto& all = status.container_statuses;
    const auto well = std::all_of(all.begin(), all.end(), [](const auto& container) {
      const auto* ended = std::get_if<model::ContainerStateTerminated>(&container.state);
      return ended != nullptr && ended->exit_code == 0;
    });
    status.phase = well ? "Succeeded" : "Failed";
  }

  // The kubelet's words. There such a pod is Failed and is replaced; here it comes back with the host.
  if (wanted && memory.leave_by && status.reason.empty()) {
    status.reason = "Terminated";
    status.message = "Pod was terminated in response to imminent node shutdown.";
  }

  const auto completed = status.phase == "Succeeded";
  const auto unready = unready_names(spec, status);
  const auto all_ready = status.phase == "Running" && unready.empty();
  const auto add = [&](model::PodCondition condition) {
    add_condition(status, old, pod.meta.generation, std::move(condition), time);
  };
  add(view.attachment ? model::PodCondition{"PodReadyToStartContainers", "True", "", "", ""}
                      : model::PodCondition{"PodReadyToStartContainers", "False", "", memory.error, ""});
  add(init_done
          ? model::PodCondition{"Initialized", "True", completed ? "PodCompleted" : "", "", ""}
          : model::PodCondition{
                "Initialized", "False", "ContainersNotInitialized",
                "containers with incomplete status: [" + unready_names(status.init_container_statuses) + "]", ""});
  auto condition =
      all_ready ? model::PodCondition{"Ready", "True", "", "", ""} : not_ready(status, unready, memory.error);
  auto of_containers = condition;
  of_containers.type = "ContainersReady";
  if (all_ready) {
    auto lack = gates_lack(pod, status);
    if (!lack.empty()) condition = {"Ready", "False", "ReadinessGatesNotReady", std::move(lack), ""};
  }
  add(std::move(condition));
  add(std::move(of_containers));
  add({"PodScheduled", "True", "", "", ""});
  return status;
}

model::PodStatus make_unschedulable_status(const model::Pod& pod, const std::string& why, WallTime now) {
  model::PodStatus status;
  status.phase = "Pending";
  status.qos_class = model::qos_class(pod.spec);
  add_condition(status, pod.status, pod.meta.generation, {"PodScheduled", "False", "Unschedulable", why, ""},
                format_rfc3339(now));
  return status;
}

}  // namespace berth::agent
