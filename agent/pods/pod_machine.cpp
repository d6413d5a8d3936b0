// agent/pods/pod_machine.cpp - see pod_machine.hpp.
#include "agent/pods/pod_machine.hpp"

#include <algorithm>
#include <csignal>

#include <fmt/format.h>

#include "agent/objects/back_off.hpp"
#include "agent/pods/pod_status.hpp"
#include "agent/pods/status_writer.hpp"

namespace berth::agent {
namespace {

using Phase = ContainerView::Phase;
using std::chrono::milliseconds;

/// Events tell us what changes; this look catches what no event told (somebody used ctr or ip by hand).
constexpr std::chrono::minutes kSafetyLook{5};
/// After SIGKILL the exit is told; this look is for one that was told before.
constexpr milliseconds kKilledLook{100};
constexpr std::chrono::seconds kKillAgain{1};
constexpr std::chrono::seconds kSayStatusAgain{1};
constexpr std::int32_t kKilled = 128 + SIGKILL;

bool over(const model::PodStatus& status) { return model::is_terminal_phase(status.phase); }

/// What must be true of a container's memory before its first pass in this process.
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

milliseconds bounded(std::chrono::seconds time) {
  return std::clamp<std::chrono::seconds>(time, std::chrono::seconds(0), kLongest);
}

/// How long a pod that is being deleted still has for its end.
milliseconds deletion_grace(const model::Pod& pod, WallTime now) {
  const auto whole = bounded(
      std::chrono::seconds(pod.meta.deletion_grace_period_seconds.value_or(pod.spec.termination_grace_period_seconds)));
  // deletionTimestamp is when the grace is over: a restart of the agent does not start it again.
  const auto end = parse_rfc3339(pod.meta.deletion_timestamp);
  if (!end) return whole;
  return std::clamp(std::chrono::duration_cast<milliseconds>(*end - now), milliseconds(0), whole);
}

milliseconds grace_of(const PodMemory& pod, ContainerRef which, WallTime now) {
  if (pod.gone) return milliseconds(0);
  if (!pod.wanted) return deletion_grace(*pod.pod, now);
  const auto& container = pod.spec(which);
  const auto& probe = pod.of(which).startup_passed ? container.liveness : container.startup;
  if (probe && probe->termination_grace_period) return bounded(*probe->termination_grace_period);
  return bounded(std::chrono::seconds(pod.pod->spec.termination_grace_period_seconds));
}

std::string_view failure_reason(StepKind step) {
  switch (step) {
    case StepKind::MountVolumes: return "FailedMount";
    case StepKind::AttachNetwork: return "FailedCreatePodSandBox";
    case StepKind::StartContainer: return "Failed";
    case StepKind::BeginStop:
    case StepKind::StopContainer:
    case StepKind::KillContainer:
    case StepKind::RemoveContainer: return "FailedKillPod";
    case StepKind::RefreshFiles:
    case StepKind::DetachNetwork:
    case StepKind::UnmountVolumes:
    case StepKind::ReleaseVolumes:
    case StepKind::Settled:
    case StepKind::Forget: return "FailedSync";
  }
  return "FailedSync";
}

/// Steps after which it is known how the pod is, and that may follow each other.
bool is_of_containers(StepKind step) {
  return step == StepKind::StartContainer || step == StepKind::StopContainer || step == StepKind::KillContainer ||
         step == StepKind::RemoveContainer;
}

/// Whoever was asked did not answer: the next one that is asked would wait as long.
bool is_away(const Error& error) {
  return error.code() == ErrorCode::Unavailable || error.code() == ErrorCode::DeadlineExceeded ||
         error.code() == ErrorCode::Cancelled;
}

std::string address_of(const PodView& view) { return view.attachment ? view.attachment->address : std::string(); }

/// Which container an event is about, as tools filter them.
std::string field_path(const model::Pod& pod, ContainerRef which) {
  return which.init ? fmt::format("spec.initContainers{{{}}}", pod.spec.init_containers[which.index].name)
                    : fmt::format("spec.containers{{{}}}", pod.spec.containers[which.index].name);
}

/// One turn. Each input has its function; what it leaves in `out_` is the answer.
class Machine {
 public:
  Machine(PodMemory memory, const World& world) : world_(world) { out_.memory = std::move(memory); }
  Turn finish() && { return std::move(out_); }

  void operator()(const Looked& look);
  void operator()(const LookFailed& look) {
    if (fail("observe", look.error)) tell("Warning", "FailedSync", look.error.message());
  }
  void operator()(const Took& took);
  void operator()(const PullEnded& pull);
  void operator()(const HookBegan& hook);
  void operator()(const HookEnded& hook);
  void operator()(const Judged& judged);
  void operator()(const Changed& change);
  void operator()(const Removed& removed);
  void operator()(const Leave& leave);
  void operator()(const FilesChanged& files);
  void operator()(const KeysChanged& keys);
  void operator()(const StatusAnswered& answer);
  void operator()(const ForgetFailed& forget);

 private:
  PodMemory& pod() { return out_.memory; }
  const model::Pod& object() const { return *out_.memory.pod; }
  const std::string& uid() const { return object().meta.uid; }
  std::string full_name() const { return object().meta.ns + "/" + object().meta.name; }

  template <typename One>
  void each(One one) {
    for (std::size_t i = 0; i < pod().init.size(); ++i) one(ContainerRef{.init = true, .index = i});
    for (std::size_t i = 0; i < pod().main.size(); ++i) one(ContainerRef{.init = false, .index = i});
  }
  static ContainerView& of(PodView& view, ContainerRef which) {
    return which.init ? view.init[which.index] : view.main[which.index];
  }
  static const ContainerView& of(const PodView& view, ContainerRef which) {
    return which.init ? view.init[which.index] : view.main[which.index];
  }
  /// Not when the spec got other containers under the pass.
  bool fits(const PodView& view) {
    return view.main.size() == pod().main.size() && view.init.size() == pod().init.size();
  }
  /// The container whose running attempt is `id`, if it still is that attempt.
  bool is_current(ContainerRef which, const std::string& id) {
    if (!pod().has(which)) return false;
    const auto next = pod().of(which).next_attempt;
    return runtime::container_id(uid(), pod().spec(which).name, next == 0 ? 0 : next - 1) == id;
  }

  void look_at(SteadyTime when) { out_.look_at = out_.look_at ? std::min(*out_.look_at, when) : when; }
  void look_now() { look_at(world_.now); }
  milliseconds left_of(SteadyTime until) const {
    return std::max(std::chrono::duration_cast<milliseconds>(until - world_.now), milliseconds(0));
  }
  void add(Effect effect) { out_.effects.push_back(std::move(effect)); }
  void tell(std::string type, std::string_view reason, std::string message) {
    if (!pod().gone) add(Tell{std::move(type), std::string(reason), std::move(message)});
  }
  void tell(ContainerRef which, std::string type, std::string_view reason, std::string message) {
    if (!pod().gone) add(Tell{std::move(type), std::string(reason), std::move(message), field_path(object(), which)});
  }

  Step decide(const PodView& view);
  void go_on(const Took& took);
  void foresee(const Took& took, PodView& view) const;
  void set_deadline();
  void hold(const PodView& view);
  void refuse();
  void remember_messages(PodView& view);
  void wait_for_oom(PodView& view);
  void absorb(ContainerRef which, const PodView& view);
  void absorb_running(ContainerRef which, const ContainerView& seen, const PodView& view);
  void absorb_end(ContainerRef which, const ContainerView& seen, const PodView& view);
  void plan_restart(ContainerRef which, const ContainerView& seen, const PodView& view);
  void watch(ContainerRef which, const ContainerView& seen, const PodView& view, bool readiness_only);
  void begin_stop(const Step& step, const PodView& view);
  void hurry(milliseconds grace);
  void done(const Took& took);
  void started(const Took& took);
  void settle(std::optional<SteadyTime> until, std::string waits_for);
  void forget();
  bool fail(std::string_view step, const Error& error);
  void tell_of_image(const Took& took);
  void failed(const Took& took);
  void publish(const PodView& view);
  void write_status(const PodView& view);

  const World& world_;
  Turn out_;
};

// --- A pass --------------------------------------------------------------------------------------------------------

void Machine::operator()(const Looked& look) {
  if (!fits(look.view)) {
    look_now();
    return;
  }
  auto view = look.view;
  set_deadline();
  remember_messages(view);
  wait_for_oom(view);
  each([&](ContainerRef which) { absorb(which, view); });
  hold(view);
  auto step = decide(view);
  if (step.kind == StepKind::Settled) settle(step.until, pod().held);
  if (step.kind == StepKind::Forget) forget();
  if (step.kind == StepKind::Settled || step.kind == StepKind::Forget) publish(view);
  const auto had_left = std::exchange(pod().left, has_left(object().spec, view, pod()));
  if (pod().left && !had_left) add(HasLeft{});
  out_.step = std::move(step);
  out_.view = std::move(view);
}

Step Machine::decide(const PodView& view) {
  auto step = next_step(object().spec, pod().wanted, view, pod(), world_.now);
  while (step.kind == StepKind::BeginStop) {
    begin_stop(step, view);
    step = next_step(object().spec, pod().wanted, view, pod(), world_.now);
  }
  return step;
}

void Machine::set_deadline() {
  pod().deadline.reset();
  if (const auto deadline = active_deadline(object().spec, pod().status.start_time)) {
    pod().deadline = world_.now + std::chrono::duration_cast<SteadyTime::duration>(*deadline - world_.wall);
  }
}

/// Does it wait for others before it begins? Said once, and again when it waits for something else.
void Machine::hold(const PodView& view) {
  const auto waits = pod().wanted && !pod().terminal && begins_from_nothing(view);
  if (waits && !world_.hold.refused.empty()) return refuse();
  const auto before = std::exchange(pod().held, waits ? world_.hold.why : std::string());
  if (pod().held.empty()) return;
  if (world_.hold.look_again) look_at(world_.now + *world_.hold.look_again);
  if (pod().held == before) return;
  tell("Normal", "WaitingForTurn", "Pod " + pod().held);
  add(Say{LogLevel::Info, "pod waits for its turn", {{"pod", full_name()}, {"why", pod().held}}});
}

/// Over before it began, in the kubelet's words.
void Machine::refuse() {
  auto& status = pod().status;
  status.phase = "Failed";
  status.reason = world_.hold.refused;
  status.message = "Pod was rejected: " + world_.hold.why;
  pod().held.clear();
  pod().terminal = true;
  pod().published = false;
  tell("Warning", world_.hold.refused, world_.hold.why);
}

/// What an ended attempt wrote to its termination message path was read when it was first seen.
void Machine::remember_messages(PodView& view) {
  each([&](ContainerRef which) {
    auto& seen = of(view, which);
    auto& memory = pod().of(which);
    if (seen.phase != Phase::Exited) return;
    if (memory.message_attempt == seen.attempt) {
      seen.message = memory.message;
      return;
    }
    memory.message_attempt = seen.attempt;
    memory.message = seen.message;
  });
}

/// An end by SIGKILL that nobody asked for may be the kernel's, for want of memory; its word comes separately, and
/// perhaps later. Until then the end is not taken notice of.
void Machine::wait_for_oom(PodView& view) {
  if (!pod().wanted) return;
  each([&](ContainerRef which) {
    auto& seen = of(view, which);
    const auto& memory = pod().of(which);
    const auto unexplained = seen.phase == Phase::Exited && seen.exit_code == kKilled && !seen.oom_killed;
    if (!unexplained || memory.stop != StopStage::None || seen.attempt < memory.ended_attempts) return;
    const auto age = world_.wall - seen.finished_at;
    if (age < WallTime::duration(0) || age >= kOomWord) return;
    seen.phase = Phase::Running;
    look_at(world_.now + std::chrono::ceil<milliseconds>(kOomWord - age));
  });
}

void Machine::absorb(ContainerRef which, const PodView& view) {
  const auto& seen = of(view, which);
  if (seen.phase == Phase::Running) absorb_running(which, seen, view);
  if (seen.ended() && seen.attempt + 1 > pod().of(which).ended_attempts) absorb_end(which, seen, view);
}

void Machine::absorb_running(ContainerRef which, const ContainerView& seen, const PodView& view) {
  auto& memory = pod().of(which);
  const auto& spec = pod().spec(which);
  memory.next_attempt = std::max(memory.next_attempt, seen.attempt + 1);
  memory.waiting_reason.clear();
  memory.waiting_message.clear();
  const auto stored = std::exchange(memory.stored_id, {});
  if (!stored.empty() && stored != "containerd://" + seen.id) {
    // The stored status is of an earlier attempt: it says nothing about this one.
    memory.startup_passed = false;
    memory.ready_probe_passed = false;
  }
  if (!spec.startup) memory.startup_passed = true;
  if (!spec.readiness) memory.ready_probe_passed = true;
  if (!pod().wanted || pod().leave_by || memory.stop != StopStage::None) return;
  if (!memory.probed && !memory.post_start) watch(which, seen, view, /*readiness_only=*/false);
  // An ordinary init container runs once: a change of its image comes too late for it.
  const auto lasting = !which.init || is_sidecar(spec, true);
  if (lasting && memory.restart_why.empty() && !seen.image.empty() && seen.image != spec.image) {
    memory.restart_why = fmt::format("Container {} definition changed, will be restarted", spec.name);
    memory.replaced_attempt = seen.attempt;
  }
}

void Machine::watch(ContainerRef which, const ContainerView& seen, const PodView& view, bool readiness_only) {
  auto& memory = pod().of(which);
  const auto& spec = pod().spec(which);
  if (std::exchange(memory.probed, false)) add(ForgetProbes{seen.id});
  if (!spec.readiness && (readiness_only || (!spec.startup && !spec.liveness))) return;
  memory.probed = true;
  auto container = spec;
  if (readiness_only) {
    container.startup.reset();
    container.liveness.reset();
  }
  add(WatchProbes{{.pod_uid = uid(),
                   .container_id = seen.id,
                   .address = address_of(view),
                   .container = std::move(container),
                   .started_at = seen.started_at,
                   .startup_passed = memory.startup_passed}});
}

/// First look at this end: it is counted once.
void Machine::absorb_end(ContainerRef which, const ContainerView& seen, const PodView& view) {
  auto& memory = pod().of(which);
  const auto& spec = pod().spec(which);
  memory.ended_attempts = seen.attempt + 1;
  memory.next_attempt = std::max(memory.next_attempt, seen.attempt + 1);
  if (std::exchange(memory.probed, false)) add(ForgetProbes{seen.id});
  if (spec.lifecycle.post_start || spec.lifecycle.pre_stop) add(DropHooks{seen.id});
  memory.stop = StopStage::None;
  memory.post_start = false;
  memory.startup_passed = !spec.startup;
  memory.ready_probe_passed = !spec.readiness;
  const auto restart_why = std::exchange(memory.restart_why, {});
  if (!pod().wanted || !restarts(object().spec, spec, which.init, seen, memory)) return;
  if (pod().leave_by) {  // No crash, and nothing to be patient about after the boot.
    memory.last_state = make_terminated(seen);
    memory.failures = 0;
    return;
  }
  plan_restart(which, seen, view);
  const auto delay = std::max(memory.not_before - world_.now, SteadyTime::duration(0));
  add(Say{LogLevel::Info,
          "container ended",
          {{"pod", full_name()},
           {"container", spec.name},
           {"exit_code", std::to_string(memory.last_state->exit_code)},
           {"reason", restart_why.empty() ? memory.last_state->reason : restart_why},
           {"restart_in_s", std::to_string(std::chrono::duration_cast<std::chrono::seconds>(delay).count())}}});
}

void Machine::plan_restart(ContainerRef which, const ContainerView& seen, const PodView& view) {
  auto& memory = pod().of(which);
  const auto& name = pod().spec(which).name;
  memory.last_state = make_terminated(seen);
  const auto ran = seen.finished_at - seen.started_at;
  const auto replaced = memory.replaced_attempt == seen.attempt;
  // The host went down under it, or its fence took it down: not a crash of its own.
  const auto no_crash = replaced || world_.fenced || (seen.phase == Phase::Lost && !view.attachment);
  if (no_crash || (seen.phase == Phase::Exited && ran >= kCrashForget)) memory.failures = 0;
  const auto delay = replaced ? milliseconds(0) : crash_back_off(memory.failures);
  if (!replaced) ++memory.failures;
  memory.not_before = world_.now + delay;
  if (delay.count() == 0) return;
  memory.waiting_reason = "CrashLoopBackOff";
  memory.waiting_message = fmt::format("back-off {}s restarting failed container={} pod={}_{}({})",
                                       delay.count() / 1000, name, object().meta.name, object().meta.ns, uid());
  tell(which, "Warning", "BackOff",
       fmt::format("Back-off restarting failed container {} in pod {}", name, object().meta.name));
}

/// The grace begins, and with it the hook. Readiness is probed on: a pod serves until its containers have stopped.
void Machine::begin_stop(const Step& step, const PodView& view) {
  const auto which = step.which;
  auto& memory = pod().of(which);
  const auto& spec = pod().spec(which);
  memory.grace = grace_of(pod(), which, world_.wall);
  if (pod().leave_by) memory.grace = std::min(memory.grace, left_of(*pod().leave_by));
  const auto hook = spec.lifecycle.pre_stop && memory.grace.count() > 0;
  memory.stop = hook ? StopStage::Hook : StopStage::Turn;
  memory.kill_at = hook ? SteadyTime::max() : world_.now + memory.grace;
  watch(which, of(view, which), view, /*readiness_only=*/true);
  tell(which, "Normal", "Killing",
       pod().wanted && !memory.restart_why.empty() ? memory.restart_why : "Stopping container " + spec.name);
  if (hook) add(BeginHook{which, step.id, HookKind::PreStop, address_of(view), memory.grace});
}

/// Stops that have begun have `grace` from now on at most; one that has not begun sets its own time.
void Machine::hurry(milliseconds grace) {
  each([&](ContainerRef which) {
    auto& memory = pod().of(which);
    if (memory.stop == StopStage::None) return;
    memory.kill_at = std::min(memory.kill_at, world_.now + grace);
    memory.grace = std::min(memory.grace, grace);
  });
}

void Machine::settle(std::optional<SteadyTime> until, std::string waits_for) {
  pod().error = std::move(waits_for);
  add(HasSettled{});
  look_at(world_.now + std::chrono::duration_cast<milliseconds>(kSafetyLook * (1.0 + 0.25 * world_.jitter)));
  if (until) look_at(*until);
}

void Machine::forget() {
  if (pod().gone) {
    add(Discard{});
    return;
  }
  settle(std::nullopt, {});
  // Finalizers are taken away by others; that changes the object, and we look again.
  if (pod().down || !object().meta.finalizers.empty()) return;
  pod().down = true;
  add(RemoveObject{});
}

void Machine::operator()(const Took& took) {
  if (!fits(took.view)) {
    look_now();
    return;
  }
  if (!took.status) {
    failed(took);
  } else if (!took.pending.empty()) {
    settle(std::nullopt, took.pending);
  } else {
    pod().failures = 0;
    pod().last_failure.clear();
    pod().error.clear();
    done(took);
  }
  go_on(took);
  publish(took.view);
}

/// A look asks for each container: with one before each step, a pod of many would cost the square of their number.
void Machine::go_on(const Took& took) {
  if (!took.pending.empty() || !is_of_containers(took.step.kind)) return;
  auto view = took.view;
  view.foreseen = true;
  if (took.status) {
    foresee(took, view);
  } else if (took.step.kind != StepKind::StartContainer || is_away(took.status.error())) {
    return;
  }
  auto step = decide(view);
  if (!is_of_containers(step.kind)) return;
  out_.step = std::move(step);
  out_.view = std::move(view);
}

/// What the step has made of what was seen.
void Machine::foresee(const Took& took, PodView& view) const {
  const auto& step = took.step;
  if (step.kind == StepKind::StartContainer && !took.wants_pull) {
    const auto& spec = out_.memory.spec(step.which);
    auto& seen = of(view, step.which);
    seen = {};
    seen.phase = Phase::Running;
    seen.attempt = step.attempt;
    seen.id = runtime::container_id(uid(), spec.name, step.attempt);
    seen.started_at = world_.wall;
    seen.image = spec.image;
  }
  if (step.kind != StepKind::RemoveContainer) return;
  std::erase(view.stale, step.id);
  for (auto* list : {&view.init, &view.main}) {
    for (auto& seen : *list) {
      if (seen.id == step.id) seen = {};
    }
  }
}

void Machine::done(const Took& took) {
  switch (took.step.kind) {
    case StepKind::StartContainer: started(took); break;
    case StepKind::StopContainer: {
      auto& memory = pod().of(took.step.which);
      memory.stop = StopStage::Signalled;
      if (memory.grace.count() > 0) memory.kill_at = std::max(memory.kill_at, world_.now + kLeastGrace);
      break;
    }
    case StepKind::KillContainer:
      pod().of(took.step.which).kill_at = world_.now + kKillAgain;
      look_at(world_.now + kKilledLook);
      return;
    case StepKind::AttachNetwork: pod().detached = false; break;
    case StepKind::DetachNetwork: pod().detached = true; break;
    case StepKind::MountVolumes:
      pod().mounted = true;
      pod().served = took.step.change;
      break;
    case StepKind::RefreshFiles: pod().served = took.step.change; break;
    case StepKind::UnmountVolumes: pod().mounted = false; break;
    case StepKind::ReleaseVolumes: pod().released = true; break;
    case StepKind::BeginStop:
    case StepKind::RemoveContainer:
    case StepKind::Settled:
    case StepKind::Forget: break;
  }
  look_now();
}

void Machine::started(const Took& took) {
  const auto which = took.step.which;
  auto& memory = pod().of(which);
  const auto& spec = pod().spec(which);
  if (took.wants_pull) {  // Other containers of the pod may go on meanwhile.
    memory.pulling = true;
    tell(which, "Normal", "Pulling", "Pulling image \"" + spec.image + "\"");
    add(BeginPull{which, took.step.attempt, spec.image});
    return;
  }
  memory.next_attempt = std::max(memory.next_attempt, took.step.attempt + 1);
  memory.start_failures = 0;
  memory.stored_id.clear();
  memory.stop = StopStage::None;
  memory.restart_why.clear();
  memory.startup_passed = !spec.startup;
  memory.ready_probe_passed = !spec.readiness;
  memory.probed = false;
  memory.waiting_reason.clear();
  memory.waiting_message.clear();
  memory.post_start = spec.lifecycle.post_start.has_value();
  if (memory.pulled_attempt != took.step.attempt) tell(which, "Normal", "Pulled", present_text(spec.image));
  tell(which, "Normal", "Created", "Created container: " + spec.name);
  tell(which, "Normal", "Started", "Started container " + spec.name);
  if (!memory.post_start) return;
  add(BeginHook{which, runtime::container_id(uid(), spec.name, took.step.attempt), HookKind::PostStart,
                address_of(took.view), std::nullopt});
}

void Machine::failed(const Took& took) {
  const auto& error = took.status.error();
  const auto kind = took.step.kind;
  const auto is_news = fail(to_string(kind), error);
  if (kind != StepKind::StartContainer) {
    if (is_news) tell("Warning", failure_reason(kind), error.message());
    return;
  }
  if (is_news) tell_of_image(took);
  auto& memory = pod().of(took.step.which);
  memory.waiting_reason = took.reason.empty() ? "RunContainerError" : took.reason;
  memory.waiting_message = error.message();
  memory.not_before = world_.now + step_back_off(error.code(), ++memory.start_failures, world_.jitter);
  look_now();  // Only this container waits for its back-off: the pass goes on with the others.
}

/// Why a container does not start, in the kubelet's words and order.
void Machine::tell_of_image(const Took& took) {
  const auto which = took.step.which;
  const auto& text = took.status.error().message();
  if (took.reason != "InvalidImageName" && took.reason != "ErrImageNeverPull") {
    return tell(which, "Warning", "Failed", "Error: " + text);
  }
  tell(which, "Warning", took.reason == "InvalidImageName" ? "InspectFailed" : took.reason, text);
  tell(which, "Warning", "Failed", "Error: " + took.reason);
}

/// Is it news?
bool Machine::fail(std::string_view step, const Error& error) {
  ++pod().failures;
  const auto delay = step_back_off(error.code(), pod().failures, world_.jitter);
  pod().error = error.message();
  look_at(world_.now + delay);
  auto text = fmt::format("{}: {}", step, error.message());
  if (pod().last_failure == text) return false;
  pod().last_failure = std::move(text);
  add(Say{LogLevel::Warning,
          "pod step failed",
          {{"pod", full_name()},
           {"step", std::string(step)},
           {"error", error.message()},
           {"code", std::string(to_string(error.code()))},
           {"retry_ms", std::to_string(delay.count())}}});
  return true;
}

/// After a pass: what is to be told about the pod, when that is news.
void Machine::publish(const PodView& view) {
  if (pod().gone || pod().down || view.foreseen) return;  // The look that follows tells what is so.
  const auto first = !std::exchange(pod().seen, true);
  write_status(view);
  if (first) add(HasBeenSeen{});
}

void Machine::write_status(const PodView& view) {
  if (pod().terminal) {
    if (!std::exchange(pod().published, true)) add(WriteStatus{pod().status});
    return;
  }
  // Kept times and counts come from what we published last, not from a store that may lag behind.
  auto status = make_pod_status(object(), pod().status, pod().wanted, view, pod(), world_.host_ip, world_.wall);
  if (status == pod().status && pod().published) return;
  if (status.phase == "Running" && pod().status.phase != "Running") add(CountStart{world_.now - pod().seen_at});
  if (status.reason != pod().status.reason && !status.reason.empty()) tell("Normal", status.reason, status.message);
  pod().status = std::move(status);
  pod().published = true;
  pod().terminal = over(pod().status);
  add(WriteStatus{pod().status});
}

// --- Between passes ------------------------------------------------------------------------------------------------

void Machine::operator()(const PullEnded& pull) {
  if (!pod().has(pull.which)) return;
  auto& memory = pod().of(pull.which);
  const auto& image = pod().spec(pull.which).image;
  memory.pulling = false;
  const auto again = std::exchange(memory.keys_changed, false);
  look_now();
  if (pull.status) {
    memory.pulled_attempt = pull.attempt;
    memory.pull_failures = 0;
    memory.waiting_reason.clear();
    memory.waiting_message.clear();
    tell(pull.which, "Normal", "Pulled", pulled_text(image, pull.effort));
    return;
  }
  const auto& error = pull.status.error();
  const auto back_off = crash_back_off(++memory.pull_failures);
  const auto delay = again ? milliseconds(0) : back_off;
  memory.not_before = world_.now + delay;
  memory.waiting_reason = "ErrImagePull";
  memory.waiting_message = error.message();
  tell(pull.which, "Warning", "Failed", fmt::format("Failed to pull image \"{}\": {}", image, error.message()));
  tell(pull.which, "Warning", "Failed", "Error: ErrImagePull");
  if (memory.pull_failures > 1) {
    memory.waiting_reason = "ImagePullBackOff";
    memory.waiting_message = fmt::format("{}: ErrImagePull: {}", pull_back_off_text(image), error.message());
    tell(pull.which, "Normal", "BackOff", pull_back_off_text(image));
    tell(pull.which, "Warning", "Failed", "Error: ImagePullBackOff");
  }
  add(Say{LogLevel::Warning,
          "image pull failed",
          {{"pod", full_name()},
           {"image", image},
           {"error", error.message()},
           {"retry_ms", std::to_string(delay.count())}}});
}

void Machine::operator()(const HookBegan& hook) {
  if (hook.kind != HookKind::PreStop || !is_current(hook.which, hook.id)) return;
  auto& memory = pod().of(hook.which);
  if (memory.stop != StopStage::Hook) return;
  memory.kill_at = std::min(memory.kill_at, world_.now + memory.grace);
  look_now();
}

void Machine::operator()(const HookEnded& hook) {
  if (!is_current(hook.which, hook.id)) return;
  auto& memory = pod().of(hook.which);
  look_now();
  if (hook.kind == HookKind::PreStop) {
    if (!hook.status) tell(hook.which, "Warning", "FailedPreStopHook", hook.status.error().message());
    if (memory.stop != StopStage::Hook) return;
    memory.stop = StopStage::Turn;
    memory.kill_at = std::min(memory.kill_at, world_.now + memory.grace);
    return;
  }
  if (!memory.post_start) return;
  if (hook.status) {
    memory.post_start = false;
    return;
  }
  // Kubernetes kills a container whose postStart fails; its restart policy decides what follows. Until it has ended it
  // does not count as running.
  tell(hook.which, "Warning", "FailedPostStartHook", hook.status.error().message());
  if (memory.stop == StopStage::None) memory.restart_why = "FailedPostStartHook";
}

void Machine::operator()(const Judged& judged) {
  const auto& verdict = judged.verdict;
  each([&](ContainerRef which) {
    if (!is_current(which, verdict.container_id)) return;
    auto& memory = pod().of(which);
    look_now();
    if (verdict.kind == ProbeKind::Readiness) {
      memory.ready_probe_passed = verdict.success;
      return;
    }
    if (verdict.kind == ProbeKind::Startup) memory.startup_passed = verdict.success;
    if (verdict.success || memory.stop != StopStage::None || !pod().wanted) return;
    memory.restart_why = fmt::format("Container {} failed {} probe, will be restarted", pod().spec(which).name,
                                     verdict.kind == ProbeKind::Startup ? "startup" : "liveness");
  });
}

void Machine::operator()(const Changed& change) {
  if (pod().gone) return;
  const auto old = std::exchange(pod().pod, change.pod);
  const auto& meta = object().meta;
  if (object().spec.containers.size() != pod().main.size() ||
      object().spec.init_containers.size() != pod().init.size()) {
    pod().init = initial_memory(object().spec.init_containers, object().status.init_container_statuses);
    pod().main = initial_memory(object().spec.containers, object().status.container_statuses);
  }
  const auto was_wanted = std::exchange(pod().wanted, !meta.deleting());
  const auto whole = [](const model::ObjectMeta& of) {
    return of.deletion_grace_period_seconds.value_or(std::numeric_limits<std::int64_t>::max());
  };
  // A stop begun for a failed probe had its own grace; the deletion's may only be shorter, and shrink.
  if (!pod().wanted && (was_wanted || whole(meta) < whole(old->meta))) hurry(deletion_grace(object(), world_.wall));
  const auto labels = old->meta.labels != meta.labels || old->meta.annotations != meta.annotations;
  if (labels) ++pod().changes;
  const auto is_other = [&](const std::string& gate) {
    const auto* before = old->status.condition(gate);
    const auto* now = object().status.condition(gate);
    return (before == nullptr ? "" : before->status) != (now == nullptr ? "" : now->status);
  };
  const auto& gates = object().spec.readiness_gates;
  // A change of our own making (status) needs no new look; anything else does.
  if (labels || std::any_of(gates.begin(), gates.end(), is_other) || old->meta.generation != meta.generation ||
      old->meta.finalizers != meta.finalizers || old->meta.deletion_timestamp != meta.deletion_timestamp ||
      old->meta.deletion_grace_period_seconds != meta.deletion_grace_period_seconds) {
    look_now();
  }
  // Somebody's edit of the status, or an echo of an older one of ours: the writer compares with what is stored.
  if (pod().published && !shows(object().status, pod().status)) add(WriteStatus{pod().status});
}

void Machine::operator()(const Removed&) {
  if (std::exchange(pod().gone, true)) return;
  if (pod().down) {
    add(Discard{});
    return;
  }
  pod().wanted = false;
  hurry(milliseconds(0));
  look_now();
}

void Machine::operator()(const Leave& leave) {
  if (pod().leave_by) return;
  pod().leave_by = leave.until;
  hurry(left_of(leave.until));
  look_now();
}

void Machine::operator()(const FilesChanged&) {
  ++pod().changes;
  look_now();
}

/// What failed for want of credentials is tried at once; should it fail again, its back-off goes on.
void Machine::operator()(const KeysChanged&) {
  each([&](ContainerRef which) {
    auto& memory = pod().of(which);
    if (memory.pulling) memory.keys_changed = true;
    if (memory.pulling || memory.pull_failures == 0) return;
    memory.not_before = world_.now;
    look_now();
  });
}

void Machine::operator()(const StatusAnswered& answer) {
  if (!answer.stored) {
    pod().published = false;
    look_at(world_.now + kSayStatusAgain);
  } else if (pod().terminal && !std::exchange(pod().end_stored, true)) {
    look_now();
  }
}

void Machine::operator()(const ForgetFailed& forget) {
  pod().down = false;
  if (fail("remove object", forget.error)) tell("Warning", "FailedSync", forget.error.message());
}

}  // namespace

PodMemory first_memory(std::shared_ptr<const model::Pod> pod, SteadyTime now) {
  PodMemory memory;
  memory.init = initial_memory(pod->spec.init_containers, pod->status.init_container_statuses);
  memory.main = initial_memory(pod->spec.containers, pod->status.container_statuses);
  memory.wanted = !pod->meta.deleting();
  memory.status = pod->status;
  memory.terminal = memory.end_stored = over(pod->status);
  memory.seen_at = now;
  memory.pod = std::move(pod);
  return memory;
}

std::string field_path_of(const model::Pod& pod, std::string_view container_id) {
  const auto prefix = pod.meta.uid + "-";
  const auto dash = container_id.rfind('-');
  if (!container_id.starts_with(prefix) || dash == std::string_view::npos || dash < prefix.size()) return {};
  const auto name = container_id.substr(prefix.size(), dash - prefix.size());
  for (const bool init : {false, true}) {
    const auto& containers = init ? pod.spec.init_containers.items() : pod.spec.containers.items();
    for (std::size_t i = 0; i < containers.size(); ++i) {
      if (containers[i].name == name) return field_path(pod, {.init = init, .index = i});
    }
  }
  return {};
}

Turn turn(PodMemory memory, const PodInput& input, const World& world) {
  Machine machine(std::move(memory), world);
  std::visit(machine, input);
  return std::move(machine).finish();
}

}  // namespace berth::agent
