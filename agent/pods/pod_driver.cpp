// agent/pods/pod_driver.cpp - see pod_driver.hpp.
#include "agent/pods/pod_driver.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "agent/objects/back_off.hpp"
#include "agent/pods/pod_status.hpp"
#include "agent/pods/status_writer.hpp"
#include "base/counters.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using Phase = ContainerView::Phase;
using std::chrono::milliseconds;

/// Events tell us what changes; this look catches what no event told (somebody used ctr or ip by hand).
constexpr std::chrono::minutes kSafetyLook{5};

double jitter() {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(random);
}

/// What must be true of a container's memory before its first pass in this process: what the stored
/// status knows of attempts, so that ids are never used twice and readiness does not flap.
std::vector<ContainerMemory> initial_memory(const std::vector<model::Container>& specs,
                                            const std::vector<model::ContainerStatus>& statuses) {
  std::vector<ContainerMemory> memories(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    for (const auto& status : statuses) {
      if (status.name != specs[i].name) continue;
      auto& memory = memories[i];
      memory.last_state = status.last_state;
      memory.stored_id = status.container_id;
      memory.startup_passed = status.started;
      memory.ready_probe_passed = status.ready;
      const auto* ended = std::get_if<model::ContainerStateTerminated>(&status.state);
      if (!status.container_id.empty() || status.last_state) {
        memory.next_attempt = static_cast<std::uint32_t>(status.restart_count) + 1;
      }
      if (ended != nullptr) memory.last_state = *ended;
      const auto* waiting = std::get_if<model::ContainerStateWaiting>(&status.state);
      if (waiting != nullptr && waiting->reason == "CrashLoopBackOff") {
        memory.failures = std::min(static_cast<std::uint32_t>(status.restart_count), 5U);
      }
    }
  }
  return memories;
}

milliseconds grace_of(const model::Pod& pod, const ContainerMemory& memory, const model::Container& container,
                      WallTime now) {
  if (pod.meta.deleting()) {
    const auto seconds = pod.meta.deletion_grace_period_seconds.value_or(pod.spec.termination_grace_period_seconds);
    const milliseconds whole = bounded_seconds(std::max<std::int64_t>(seconds, 0));
    // deletionTimestamp is when the grace is over: a restart of the agent does not start it again.
    const auto end = parse_rfc3339(pod.meta.deletion_timestamp);
    if (!end) return whole;
    return std::clamp(std::chrono::duration_cast<milliseconds>(*end - now), milliseconds(0), whole);
  }
  const auto& probe = memory.startup_passed ? container.liveness : container.startup;
  if (probe && probe->termination_grace_period) return *probe->termination_grace_period;
  return std::chrono::seconds(pod.spec.termination_grace_period_seconds);
}

}  // namespace

/// All the driver keeps of one pod.
struct PodDriver::Record {
  std::shared_ptr<const model::Pod> pod;
  bool wanted = true;
  bool refresh = false;  ///< Mounted files are out of date.
  bool gone = false;     ///< The object was removed under us: nothing to publish any more.
  PodMemory memory;
  SteadyTime seen_at{};        ///< When we heard of it first.
  std::uint32_t failures = 0;  ///< Consecutive failed steps: decides the back-off.
  model::PodStatus status;
  std::string last_logged;  ///< The last failure that was logged: each is said once.
  bool published = true;    ///< `status` is what the store has, or will have.

  ContainerMemory& of(ContainerRef which) { return which.init ? memory.init[which.index] : memory.main[which.index]; }
  const model::Container& spec(ContainerRef which) const {
    return which.init ? pod->spec.init_containers[which.index] : pod->spec.containers[which.index];
  }
  /// Stops that have begun end with SIGKILL at `when` at the latest; one that has not begun sets its own time.
  void hurry(SteadyTime when) {
    for (auto* list : {&memory.main, &memory.init}) {
      for (auto& container : *list) {
        if (container.stop_begun) container.kill_at = std::min(container.kill_at, when);
      }
    }
  }
  /// True when `other` has the same containers, so that our memory of them still fits.
  bool same_containers(const model::Pod& other) const {
    return other.spec.containers.size() == memory.main.size() &&
           other.spec.init_containers.size() == memory.init.size();
  }
};

PodDriver::PodDriver(PodDriverRooms rooms, PodDriverCallbacks callbacks)
    : rooms_(std::move(rooms)), callbacks_(std::move(callbacks)) {}

PodDriver::~PodDriver() { *alive_ = false; }

void PodDriver::set_pod(std::shared_ptr<const model::Pod> pod) {
  const auto& uid = pod->meta.uid;
  auto& record = records_[uid];
  const auto fresh = !record;
  if (fresh) {
    record = std::make_unique<Record>();
    record->seen_at = rooms_.clock.now();
    record->status = pod->status;
    record->memory.terminal = pod->status.phase == "Succeeded" || pod->status.phase == "Failed";
  }
  if (fresh || !record->same_containers(*pod)) {
    record->memory.init = initial_memory(pod->spec.init_containers, pod->status.init_container_statuses);
    record->memory.main = initial_memory(pod->spec.containers, pod->status.container_statuses);
  }
  const auto was_wanted = record->wanted;
  const auto old = std::exchange(record->pod, std::move(pod));
  record->wanted = !record->pod->meta.deleting();
  if (was_wanted && !record->wanted) {
    // A stop begun for a failed probe had its own grace; the deletion's may only be shorter.
    record->hurry(rooms_.clock.now() + grace_of(*record->pod, {}, {}, rooms_.clock.wall()));
  }
  if (!record->wanted && old && old->meta.deleting()) {
    const auto grace = record->pod->meta.deletion_grace_period_seconds;
    if (grace && (!old->meta.deletion_grace_period_seconds || *grace < *old->meta.deletion_grace_period_seconds)) {
      record->hurry(rooms_.clock.now() + bounded_seconds(*grace));
    }
  }
  // A change of our own making (status) needs no new look; anything else does.
  const auto spec_changed =
      !old || old->meta.generation != record->pod->meta.generation ||
      old->meta.deletion_timestamp != record->pod->meta.deletion_timestamp ||
      old->meta.deletion_grace_period_seconds != record->pod->meta.deletion_grace_period_seconds ||
      old->meta.labels != record->pod->meta.labels || old->meta.annotations != record->pod->meta.annotations;
  if (old && (old->meta.labels != record->pod->meta.labels || old->meta.annotations != record->pod->meta.annotations)) {
    record->refresh = true;
  }
  if (fresh || spec_changed) kick(uid);
  // Somebody's edit of the status, or an echo of an older one of ours: the writer compares with what is stored.
  if (!fresh && record->published && !shows(record->pod->status, record->status)) {
    callbacks_.on_status(*record->pod, record->status);
  }
}

void PodDriver::remove_pod(const std::string& uid) {
  const auto found = records_.find(uid);
  if (found == records_.end() || found->second->gone) return;
  auto& record = *found->second;
  record.gone = true;
  record.wanted = false;
  auto pod = std::make_shared<model::Pod>(*record.pod);
  if (!pod->meta.deleting()) pod->meta.deletion_timestamp = format_rfc3339(rooms_.clock.wall());
  pod->meta.deletion_grace_period_seconds = 0;
  record.pod = std::move(pod);
  record.hurry(rooms_.clock.now());
  kick(uid);
}

void PodDriver::kick(const std::string& uid) {
  if (!records_.contains(uid)) return;
  queue_.kick(uid, rooms_.clock.now());
  schedule();
}

void PodDriver::refresh(const std::string& uid) {
  const auto found = records_.find(uid);
  if (found == records_.end()) return;
  found->second->refresh = true;
  kick(uid);
}

void PodDriver::status_lost(const std::string& uid) {
  const auto found = records_.find(uid);
  if (found == records_.end()) return;
  found->second->published = false;
  constexpr std::chrono::seconds kSayAgain{1};
  queue_.kick(uid, rooms_.clock.now() + kSayAgain);
  schedule();
}

void PodDriver::kick_all() {
  for (const auto& [uid, record] : records_) queue_.kick(uid, rooms_.clock.now());
  schedule();
}

const model::PodStatus* PodDriver::status(const std::string& uid) const {
  const auto found = records_.find(uid);
  return found == records_.end() ? nullptr : &found->second->status;
}

void PodDriver::schedule() {
  const auto next = queue_.next_due();
  if (!next) {
    timer_.reset();
    return;
  }
  if (*next <= rooms_.clock.now()) {
    if (run_posted_) return;
    run_posted_ = true;
    rooms_.loop.post([this, alive = alive_] {
      if (*alive) run_due();
    });
    return;
  }
  timer_ = rooms_.loop.at(*next, [this] { run_due(); });
}

void PodDriver::run_due() {
  run_posted_ = false;
  while (auto uid = queue_.take(rooms_.clock.now())) begin_pass(*uid);
  schedule();
}

void PodDriver::begin_pass(const std::string& uid) {
  const auto found = records_.find(uid);
  if (found == records_.end()) {
    queue_.erase(uid);
    return;
  }
  auto& record = *found->second;
  auto input = std::make_shared<PassInput>(callbacks_.inputs(*record.pod));
  input->pod = record.pod;
  input->wanted = record.wanted;
  record.memory.deadline.reset();
  if (const auto deadline = active_deadline(record.pod->spec, record.status.start_time)) {
    record.memory.deadline =
        rooms_.clock.now() + std::chrono::duration_cast<SteadyTime::duration>(*deadline - rooms_.clock.wall());
  }
  input->memory = record.memory;
  input->now = rooms_.clock.now();
  input->refresh = record.refresh;
  rooms_.pods.run([this, &loop = rooms_.loop, &worker = rooms_.worker, alive = alive_, uid, input] {
    auto result = std::make_shared<PassResult>(worker.pass(*input));
    loop.post([this, alive, uid, input, result] {
      if (*alive) end_pass(uid, *input, *result);
    });
  });
}

void PodDriver::end_pass(const std::string& uid, const PassInput& input, const PassResult& result) {
  const auto found = records_.find(uid);
  if (found == records_.end()) {
    queue_.erase(uid);
    return;
  }
  auto& record = *found->second;
  if (!record.same_containers(*input.pod)) {  // The spec changed under the pass: its view does not fit.
    queue_.put_back(uid, rooms_.clock.now());
    schedule();
    return;
  }
  std::optional<SteadyTime> next;
  if (result.observed) absorb_view(record, result);
  if (!result.status) {
    next = absorb_failure(record, result);
  } else {
    if (result.step.kind != StepKind::Settled) {  // Settled may only mean that a back-off is being waited for.
      record.failures = 0;
      record.last_logged.clear();
    }
    if (result.refreshed) record.refresh = false;
    if (result.observed && result.step.kind != StepKind::Settled) record.memory.error.clear();
    if (result.step.kind == StepKind::Forget) {
      const auto pod = record.pod;
      const auto gone = record.gone;
      queue_.erase(uid);
      records_.erase(found);
      if (!gone) callbacks_.on_forget(*pod);
      schedule();
      return;
    }
    next = absorb_step(record, input, result);
  }
  if (result.observed) publish_status(record, result.view);
  queue_.put_back(uid, next);
  schedule();
}

void PodDriver::absorb_view(Record& record, const PassResult& result) {
  const auto& spec = record.pod->spec;
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) {
    absorb_container(record, spec.init_containers[i], result.view.init[i], record.memory.init[i], true, result.view);
  }
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    absorb_container(record, spec.containers[i], result.view.main[i], record.memory.main[i], false, result.view);
  }
}

void PodDriver::absorb_container(Record& record, const model::Container& spec, const ContainerView& view,
                                 ContainerMemory& memory, bool init, const PodView& pod_view) {
  if (view.phase == Phase::Running) {
    memory.next_attempt = std::max(memory.next_attempt, view.attempt + 1);
    memory.waiting_reason.clear();
    memory.waiting_message.clear();
    const auto stored = std::exchange(memory.stored_id, {});
    if (!stored.empty() && stored != "containerd://" + view.id) {
      // The stored status is of an earlier attempt: it says nothing about this one.
      memory.startup_passed = false;
      memory.ready_probe_passed = false;
    }
    if (!spec.startup) memory.startup_passed = true;
    if (!spec.readiness && !memory.stop_begun) memory.ready_probe_passed = true;
    const auto probed = spec.startup || spec.readiness || spec.liveness;
    if (probed && record.wanted && !memory.stop_begun && prober_ != nullptr && !prober_->watching(view.id)) {
      prober_->watch({.pod_uid = record.pod->meta.uid,
                      .container_id = view.id,
                      .address = pod_view.attachment ? pod_view.attachment->address : std::string(),
                      .container = spec,
                      .started_at = view.started_at,
                      .startup_passed = memory.startup_passed});
    }
    if (!record.wanted && prober_ != nullptr) prober_->forget(view.id);
    return;
  }
  if (!view.ended() || view.attempt + 1 <= memory.ended_attempts) return;

  // First look at this end: count it once.
  memory.ended_attempts = view.attempt + 1;
  memory.next_attempt = std::max(memory.next_attempt, view.attempt + 1);
  if (prober_ != nullptr) prober_->forget(view.id);
  const auto liveness = std::exchange(memory.liveness_failed, false);
  memory.stop_begun = false;
  memory.startup_passed = !spec.startup;
  memory.ready_probe_passed = !spec.readiness;
  const auto ended = make_terminated(view);
  if (!record.wanted) return;
  if (!restarts(record.pod->spec, spec, init, view)) return;
  memory.last_state = ended;
  const auto ran = view.finished_at - view.started_at;
  if (view.phase == Phase::Exited && ran >= kCrashForget) memory.failures = 0;
  // The host went down under it: not a crash of its own.
  if (view.phase == Phase::Lost && !pod_view.attachment) memory.failures = 0;
  const auto delay = crash_back_off(memory.failures);
  ++memory.failures;
  memory.not_before = rooms_.clock.now() + delay;
  if (delay.count() > 0) {
    memory.waiting_message =
        fmt::format("back-off {}s restarting failed container={} pod={}_{}({})", delay.count() / 1000, spec.name,
                    record.pod->meta.name, record.pod->meta.ns, record.pod->meta.uid);
    memory.waiting_reason = "CrashLoopBackOff";
    event(record, "Warning", "BackOff",
          fmt::format("Back-off restarting failed container {} in pod {}", spec.name, record.pod->meta.name));
  }
  log(LogLevel::Info, "container ended",
      {{"pod", record.pod->meta.ns + "/" + record.pod->meta.name},
       {"container", spec.name},
       {"exit_code", std::to_string(ended.exit_code)},
       {"reason", liveness ? "probe failed" : ended.reason},
       {"restart_in_s", std::to_string(delay.count() / 1000)}});
}

std::optional<SteadyTime> PodDriver::absorb_step(Record& record, const PassInput& input, const PassResult& result) {
  const auto now = rooms_.clock.now();
  switch (result.step.kind) {
    case StepKind::Settled: {
      record.memory.error = result.pending.empty() ? input.blocked : result.pending;
      callbacks_.on_settled(record.pod->meta.uid);
      const auto look = now + std::chrono::duration_cast<milliseconds>(kSafetyLook * (1.0 + 0.25 * jitter()));
      return result.step.until ? std::min(*result.step.until, look) : look;
    }
    case StepKind::StartContainer: {
      if (result.wants_pull) {
        begin_pull(record, result.step);
        return now;  // Other containers of the pod may go on meanwhile.
      }
      auto& memory = record.of(result.step.which);
      const auto& spec = record.spec(result.step.which);
      memory.next_attempt = std::max(memory.next_attempt, result.step.attempt + 1);
      memory.start_failures = 0;
      memory.stored_id.clear();
      memory.stop_begun = false;
      memory.liveness_failed = false;
      memory.startup_passed = !spec.startup;
      memory.ready_probe_passed = !spec.readiness;
      memory.waiting_reason.clear();
      memory.waiting_message.clear();
      event(record, "Normal", "Started", "Started container " + spec.name);
      begin_post_start(record, input, result);
      return now;
    }
    case StepKind::StopContainer: begin_stop(record, input, result); return now;
    case StepKind::KillContainer: {
      // The exit event kicks us; look again anyway in case it was already gone.
      record.of(result.step.which).kill_at = now + std::chrono::seconds(1);
      return now + milliseconds(100);
    }
    case StepKind::AttachNetwork: record.memory.detached = false; return now;
    case StepKind::DetachNetwork: record.memory.detached = true; return now;
    case StepKind::MountVolumes:
      record.memory.mounted = true;
      record.refresh = false;
      return now;
    case StepKind::UnmountVolumes: record.memory.mounted = false; return now;
    case StepKind::RemoveContainer:
    case StepKind::Forget: return now;
  }
  return now;
}

std::optional<SteadyTime> PodDriver::absorb_failure(Record& record, const PassResult& result) {
  const auto now = rooms_.clock.now();
  const auto& error = result.status.error();
  const auto text = result.observed ? fmt::format("{}: {}", to_string(result.step.kind), error.message())
                                    : fmt::format("observe: {}", error.message());
  ++record.failures;
  auto delay = step_back_off(error.code(), record.failures, jitter());
  record.memory.error = error.message();

  if (result.observed && result.step.kind == StepKind::StartContainer) {
    auto& memory = record.of(result.step.which);
    memory.waiting_reason = result.reason.empty() ? "RunContainerError" : result.reason;
    memory.waiting_message = error.message();
    memory.not_before = now + step_back_off(error.code(), ++memory.start_failures, jitter());
    // Only this container waits for its back-off: the pass goes on with the others.
    delay = milliseconds(0);
  }
  if (record.last_logged != text) {
    record.last_logged = text;
    log(LogLevel::Warning, "pod step failed",
        {{"pod", record.pod->meta.ns + "/" + record.pod->meta.name},
         {"step", std::string(result.observed ? to_string(result.step.kind) : "observe")},
         {"error", error.message()},
         {"code", std::string(to_string(error.code()))},
         {"retry_ms", std::to_string(delay.count())}});
    const auto reason = [&]() -> std::string_view {
      if (!result.observed) return "FailedSync";
      switch (result.step.kind) {
        case StepKind::MountVolumes: return "FailedMount";
        case StepKind::AttachNetwork: return "FailedCreatePodSandBox";
        case StepKind::StartContainer: return "Failed";
        case StepKind::StopContainer:
        case StepKind::KillContainer:
        case StepKind::RemoveContainer: return "FailedKillPod";
        case StepKind::DetachNetwork:
        case StepKind::UnmountVolumes:
        case StepKind::Settled:
        case StepKind::Forget: return "FailedSync";
      }
      return "FailedSync";
    }();
    if (!record.gone) event(record, "Warning", reason, error.message());
  }
  return now + delay;
}

void PodDriver::begin_stop(Record& record, const PassInput& input, const PassResult& result) {
  const auto which = result.step.which;
  auto& memory = record.of(which);
  const auto& spec = record.spec(which);
  const auto grace = record.gone ? milliseconds(0) : grace_of(*record.pod, memory, spec, rooms_.clock.wall());
  memory.stop_begun = true;
  memory.ready_probe_passed = false;
  memory.kill_at = rooms_.clock.now() + grace;
  if (prober_ != nullptr) prober_->forget(result.step.id);
  if (!record.gone) {
    event(record, "Normal", "Killing",
          memory.liveness_failed && record.wanted
              ? fmt::format("Container {} failed {}, will be restarted", spec.name,
                            memory.stop_reason.empty() ? "liveness probe" : memory.stop_reason)
              : "Stopping container " + spec.name);
  }
  if (grace.count() <= 0 || !spec.lifecycle.pre_stop) return;  // SIGKILL is next, or SIGTERM was sent by the pass.
  const auto address = result.view.attachment ? result.view.attachment->address : std::string();
  auto copy = std::make_shared<PassInput>(input);
  rooms_.hooks.run([this, &loop = rooms_.loop, &worker = rooms_.worker, alive = alive_, copy, which,
                    id = result.step.id, address, grace] {
    auto stopped = std::make_shared<Status>(worker.stop(*copy, which, id, address, grace));
    loop.post([this, alive, stopped, copy] {
      if (!*alive) return;
      const auto found = records_.find(copy->pod->meta.uid);
      if (found == records_.end()) return;
      if (!*stopped) event(*found->second, "Warning", "FailedPreStopHook", stopped->error().message());
      kick(copy->pod->meta.uid);
    });
  });
}

void PodDriver::begin_post_start(Record& record, const PassInput& input, const PassResult& result) {
  const auto which = result.step.which;
  if (!record.spec(which).lifecycle.post_start) return;
  const auto address = result.view.attachment ? result.view.attachment->address : std::string();
  auto copy = std::make_shared<PassInput>(input);
  const auto id = runtime::container_id(record.pod->meta.uid, record.spec(which).name, result.step.attempt);
  rooms_.hooks.run([this, &loop = rooms_.loop, &worker = rooms_.worker, alive = alive_, copy, which, id, address,
                    attempt = result.step.attempt] {
    auto done = std::make_shared<Status>(worker.after_start(*copy, which, id, address));
    loop.post([this, alive, done, copy, which, attempt] {
      if (!*alive || *done) return;
      const auto found = records_.find(copy->pod->meta.uid);
      if (found == records_.end()) return;
      // Kubernetes kills a container whose postStart fails; its restart policy decides what follows.
      auto& now = *found->second;
      event(now, "Warning", "FailedPostStartHook", done->error().message());
      if (!now.same_containers(*copy->pod) || now.of(which).next_attempt != attempt + 1) return;
      now.of(which).stop_reason = "postStart hook";
      now.of(which).liveness_failed = true;
      kick(copy->pod->meta.uid);
    });
  });
}

void PodDriver::begin_pull(Record& record, const Step& step) {
  auto& memory = record.of(step.which);
  memory.pulling = true;
  const auto uid = record.pod->meta.uid;
  const auto image = record.spec(step.which).image;
  event(record, "Normal", "Pulling", "Pulling image \"" + image + "\"");
  rooms_.runtime.pull(
      image, callbacks_.registry_auths(*record.pod, image),
      [this, &loop = rooms_.loop, alive = alive_, uid, which = step.which, attempt = step.attempt](auto image_info) {
        auto info = std::make_shared<Result<runtime::ImageInfo>>(std::move(image_info));
        loop.post([this, alive, uid, which, attempt, info] {
          if (*alive) end_pull(uid, which, attempt, *info);
        });
      });
}

void PodDriver::end_pull(const std::string& uid, ContainerRef which, std::uint32_t attempt,
                         const Result<runtime::ImageInfo>& image) {
  const auto found = records_.find(uid);
  if (found == records_.end()) return;
  auto& record = *found->second;
  const auto count = which.init ? record.memory.init.size() : record.memory.main.size();
  if (which.index >= count) return;
  auto& memory = record.of(which);
  const auto& reference = record.spec(which).image;
  memory.pulling = false;
  if (image) {
    memory.pulled_attempt = attempt;
    memory.pull_failures = 0;
    memory.waiting_reason.clear();
    memory.waiting_message.clear();
    event(record, "Normal", "Pulled", "Successfully pulled image \"" + reference + "\"");
  } else {
    ++memory.pull_failures;
    const auto delay = crash_back_off(memory.pull_failures);
    memory.not_before = rooms_.clock.now() + delay;
    const auto first = memory.pull_failures == 1;
    memory.waiting_reason = first ? "ErrImagePull" : "ImagePullBackOff";
    memory.waiting_message = image.error().message();
    event(record, "Warning", "Failed",
          fmt::format("Failed to pull image \"{}\": {}", reference, image.error().message()));
    log(LogLevel::Warning, "image pull failed",
        {{"pod", record.pod->meta.ns + "/" + record.pod->meta.name},
         {"image", reference},
         {"error", image.error().message()},
         {"retry_ms", std::to_string(delay.count())}});
  }
  kick(uid);
}

void PodDriver::on_verdict(const ProbeVerdict& verdict) {
  const auto found = records_.find(verdict.pod_uid);
  if (found == records_.end()) return;
  auto& record = *found->second;
  const auto apply = [&](const model::Container& spec, ContainerMemory& memory) {
    const auto current = memory.next_attempt == 0 ? 0 : memory.next_attempt - 1;
    if (runtime::container_id(verdict.pod_uid, spec.name, current) != verdict.container_id) return;
    switch (verdict.kind) {
      case ProbeKind::Startup:
        memory.startup_passed = verdict.success;
        if (!verdict.success) {
          memory.liveness_failed = true;
          memory.stop_reason = "startup probe";
        }
        break;
      case ProbeKind::Readiness: memory.ready_probe_passed = verdict.success; break;
      case ProbeKind::Liveness:
        if (!verdict.success) {
          memory.liveness_failed = true;
          memory.stop_reason = "liveness probe";
        }
        break;
    }
  };
  const auto& spec = record.pod->spec;
  for (std::size_t i = 0; i < spec.containers.size(); ++i) apply(spec.containers[i], record.memory.main[i]);
  for (std::size_t i = 0; i < spec.init_containers.size(); ++i) apply(spec.init_containers[i], record.memory.init[i]);
  kick(verdict.pod_uid);
}

void PodDriver::publish_status(Record& record, const PodView& view) {
  if (record.gone || record.memory.terminal) return;
  // Kept times and counts come from what we published last, not from a store that may lag behind.
  auto pod = *record.pod;
  pod.status = record.status;
  auto status = make_pod_status(pod, record.wanted, view, record.memory, rooms_.host_ip, rooms_.clock.wall());
  if (status == record.status && record.published) return;
  if (status.phase == "Running" && record.status.phase != "Running") {
    counters().pod_start.add(std::chrono::duration<double>(rooms_.clock.now() - record.seen_at).count());
  }
  if (status.reason != record.status.reason && !status.reason.empty()) {
    event(record, "Normal", status.reason, status.message);
  }
  record.status = std::move(status);
  record.published = true;
  record.memory.terminal = record.status.phase == "Succeeded" || record.status.phase == "Failed";
  callbacks_.on_status(*record.pod, record.status);
}

void PodDriver::event(const Record& record, std::string_view type, std::string_view reason,
                      const std::string& message) {
  if (!record.gone) callbacks_.on_event(*record.pod, type, reason, message);
}

}  // namespace berth::agent
