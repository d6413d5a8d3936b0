// agent/pods/pod_status.cpp - see pod_status.hpp.
#include "agent/pods/pod_status.hpp"

#include <algorithm>

#include "agent/pods/next_step.hpp"

namespace berth::agent {
namespace {

using Phase = ContainerView::Phase;

std::string time_text(WallTime time) { return time == WallTime{} ? std::string() : format_rfc3339(time); }

const model::ContainerStatus* find_status(const std::vector<model::ContainerStatus>& list, const std::string& name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const auto& status) { return status.name == name; });
  return found == list.end() ? nullptr : &*found;
}

/// Why a container that is not running does not run.
model::ContainerStateWaiting waiting(const ContainerMemory& memory, const std::string& pod_error, bool init_done) {
  if (!memory.waiting_reason.empty()) return {memory.waiting_reason, memory.waiting_message};
  if (!init_done) return {"PodInitializing", {}};
  return {"ContainerCreating", pod_error};
}

/// One container's status line.
model::ContainerStatus container_status(const model::PodSpec& spec, const model::Container& container, bool init,
                                        bool wanted, const ContainerView& view, const ContainerMemory& memory,
                                        const model::ContainerStatus* old, const std::string& pod_error,
                                        bool init_done) {
  model::ContainerStatus status;
  status.name = container.name;
  status.image = container.image;
  status.image_id = view.image_id.empty() && old != nullptr ? old->image_id : view.image_id;
  status.last_state = memory.last_state;
  if (!status.last_state && old != nullptr) status.last_state = old->last_state;
  status.restart_count = static_cast<std::int32_t>(view.phase == Phase::Absent ? memory.next_attempt : view.attempt);
  if (view.phase == Phase::Absent && memory.next_attempt > 0 && old != nullptr) {
    status.restart_count = old->restart_count;  // A removed attempt counts once its successor starts.
  }
  if (!view.id.empty()) status.container_id = "containerd://" + view.id;

  switch (view.phase) {
    case Phase::Absent:
    case Phase::Created: status.state = waiting(memory, pod_error, init || init_done); break;
    case Phase::Running:
      status.state = model::ContainerStateRunning{time_text(view.started_at)};
      status.started = memory.startup_passed;
      status.ready = init ? memory.startup_passed : memory.startup_passed && memory.ready_probe_passed;
      break;
    case Phase::Exited:
    case Phase::Lost: {
      const auto ended = make_terminated(view);
      if (wanted && restarts(spec, container, init, view)) {
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

bool any_running(const PodView& view) {
  const auto running = [](const auto& container) { return container.phase == Phase::Running; };
  return std::any_of(view.main.begin(), view.main.end(), running) ||
         std::any_of(view.init.begin(), view.init.end(), running);
}

bool ended_well(const ContainerView& view) { return view.phase == Phase::Exited && view.exit_code == 0; }

/// The kubelet's getPhase: Pending until initialised, then by the containers.
std::string phase_of(const model::PodSpec& spec, const PodView& view, bool init_done) {
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    const auto& init = view.init[i];
    if (init.ended() && !ended_well(init) && !restarts(spec, spec.init_containers[i], true, init) && !init_done) {
      return "Failed";
    }
  }
  if (!init_done) return "Pending";
  auto running = false;
  auto waiting = false;
  auto failed = false;
  auto all_ended = true;
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    const auto& main = view.main[i];
    if (main.phase == Phase::Running) running = true;
    if (main.phase == Phase::Absent || main.phase == Phase::Created) waiting = true;
    if (!main.ended() || restarts(spec, spec.containers[i], false, main)) {
      all_ended = false;
      if (main.ended()) running = true;  // Between two attempts: still Running for Kubernetes.
    } else if (!ended_well(main)) {
      failed = true;
    }
  }
  if (all_ended) return failed ? "Failed" : "Succeeded";
  if (waiting && !running) return "Pending";
  return "Running";
}

/// Appends a condition, keeping the old transition time unless its status changed.
void add_condition(model::PodStatus& status, const model::PodStatus& old, model::PodCondition condition,
                   const std::string& now) {
  const auto* before = old.condition(condition.type);
  const auto same = before != nullptr && before->status == condition.status && !before->last_transition_time.empty();
  condition.last_transition_time = same ? before->last_transition_time : now;
  status.conditions.push_back(std::move(condition));
}

/// "[a b]": those that are not ready.
std::string unready_names(const std::vector<model::ContainerStatus>& statuses) {
  std::string names;
  for (const auto& container : statuses) {
    if (container.ready) continue;
    if (!names.empty()) names += ' ';
    names += container.name;
  }
  return "[" + names + "]";
}

/// The kubelet's reason why a pod is not Ready; over is over, whatever its containers do. `why`: what holds the pod up.
model::PodCondition not_ready(const model::PodStatus& status, const std::string& why) {
  model::PodCondition condition{"Ready", "False", "ContainersNotReady", "", ""};
  if (status.phase == "Succeeded") {
    condition.reason = "PodCompleted";
  } else if (status.phase == "Failed") {
    condition.reason = "PodFailed";
  } else {
    condition.message = "containers with unready status: " + unready_names(status.container_statuses);
    if (!why.empty()) condition.message += "; " + why;
  }
  return condition;
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
  return *started + std::chrono::seconds(*spec.active_deadline_seconds);
}

model::PodStatus make_pod_status(const model::Pod& pod, bool wanted, const PodView& view, const PodMemory& memory,
                                 const std::string& host_ip, WallTime now) {
  const auto& spec = pod.spec;
  const auto& old = pod.status;
  const auto time = format_rfc3339(now);
  const auto* was_initialized = old.condition("Initialized");
  const auto init_done =
      initialized(spec, view, memory) || (!wanted && was_initialized != nullptr && was_initialized->status == "True");

  model::PodStatus status;
  status.host_ip = host_ip;
  if (view.attachment) status.pod_ip = view.attachment->address;
  status.start_time = old.start_time.empty() ? time : old.start_time;
  status.qos_class = old.qos_class.empty() ? model::qos_class(spec) : old.qos_class;
  status.phase = wanted || old.phase.empty() ? phase_of(spec, view, init_done) : old.phase;
  const auto deadline = active_deadline(spec, status.start_time);
  const auto expired =
      wanted && deadline && now >= *deadline && status.phase != "Succeeded" && status.phase != "Failed";
  if (expired && !any_running(view)) {  // while they stop it is still what it was
    status.phase = "Failed";
    status.reason = "DeadlineExceeded";
    status.message = "Pod was active on the node longer than the specified deadline";
  }

  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    const auto& container = spec.init_containers[i];
    status.init_container_statuses.push_back(
        container_status(spec, container, true, wanted && !expired, view.init[i], memory.init[i],
                         find_status(old.init_container_statuses, container.name), memory.error, init_done));
  }
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    const auto& container = spec.containers[i];
    status.container_statuses.push_back(
        container_status(spec, container, false, wanted && !expired, view.main[i], memory.main[i],
                         find_status(old.container_statuses, container.name), memory.error, init_done));
  }

  const auto completed = status.phase == "Succeeded";
  const auto all_ready =
      status.phase == "Running" && std::all_of(status.container_statuses.begin(), status.container_statuses.end(),
                                               [](const auto& container) { return container.ready; });
  add_condition(status, old,
                view.attachment ? model::PodCondition{"PodReadyToStartContainers", "True", "", "", ""}
                                : model::PodCondition{"PodReadyToStartContainers", "False", "", memory.error, ""},
                time);
  add_condition(status, old,
                init_done ? model::PodCondition{"Initialized", "True", completed ? "PodCompleted" : "", "", ""}
                          : model::PodCondition{"Initialized", "False", "ContainersNotInitialized",
                                                "containers with incomplete status: " +
                                                    unready_names(status.init_container_statuses),
                                                ""},
                time);
  auto condition = all_ready ? model::PodCondition{"Ready", "True", "", "", ""} : not_ready(status, memory.error);
  add_condition(status, old, condition, time);
  condition.type = "ContainersReady";
  add_condition(status, old, condition, time);
  add_condition(status, old, {"PodScheduled", "True", "", "", ""}, time);
  return status;
}

model::PodStatus make_unschedulable_status(const model::Pod& pod, const std::string& why, WallTime now) {
  model::PodStatus status;
  status.phase = "Pending";
  status.qos_class = model::qos_class(pod.spec);
  add_condition(status, pod.status, {"PodScheduled", "False", "Unschedulable", why, ""}, format_rfc3339(now));
  return status;
}

}  // namespace berth::agent
