// tests/agent/pod_machine_test.cpp - what becomes of a pod, whatever happens to it: by hand, and in many drawn lives.
#include "agent/pods/pod_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace berth::agent {
namespace {

using Phase = ContainerView::Phase;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A host with one pod, in memory: takes the machine's steps, and lets happen what tests let happen.
class Host {
 public:
  explicit Host(model::Pod pod) : object_(std::move(pod)) {
    world.now = SteadyTime{seconds(1000)};
    world.wall = *parse_rfc3339("2026-11-21T10:00:00Z");
    world.host_ip = "192.0.2.1";
    restart_agent();
  }

  /// A new agent finds the pod as the store and the host have it.
  void restart_agent() {
    if (memory.status != stored) used_.clear();  // What the store refused, nobody knows any more.
    object_.status = stored;
    memory = first_memory(std::make_shared<const model::Pod>(object_), world.now);
    look = true;
    hooks.clear();
    pulls.clear();
  }

  Turn happen(const PodInput& input) {
    auto next = turn(std::move(memory), input, world);
    memory = std::move(next.memory);
    if (next.look_at) look = look || *next.look_at <= world.now;
    for (const auto& effect : next.effects) note(effect);
    return next;
  }

  /// One pass; false when nothing was to be done.
  bool pass() {
    look = false;
    auto next = happen(Looked{see()});
    if (next.step.kind == StepKind::Settled || next.step.kind == StepKind::Forget) return false;
    auto kicked = false;
    for (std::size_t steps = 0; next.step.kind != StepKind::Settled; ++steps) {
      if (steps > 0 && steps >= most_steps) {
        look = true;
        break;
      }
      look = false;
      between();
      kicked = kicked || look;
      look = false;
      next = happen(take(next));
    }
    look = look || kicked;
    return true;
  }
  /// Passes until nothing is to be done now.
  void settle() {
    for (int i = 0; i < 500; ++i) {
      if (!pass() && !look) return;
    }
    ADD_FAILURE() << "it does not come to rest";
  }
  void advance(milliseconds by) {
    world.now += by;
    world.wall += by;
    settle();
  }

  // --- What can happen ---

  void end(const std::string& name, int code, bool oom = false) {
    auto& container = containers.at(name);
    if (container.phase != Phase::Running) return;
    container.phase = Phase::Exited;
    container.exit_code = code;
    container.oom_killed = oom;
    container.finished_at = world.wall;
  }
  void change(const std::function<void(model::Pod&)>& edit) {
    edit(object_);
    ++object_.meta.generation;
    object_.status = stored;
    happen(Changed{std::make_shared<const model::Pod>(object_)});
  }
  void remove(std::int64_t grace) {
    change([&](model::Pod& pod) {
      pod.meta.deletion_timestamp = format_rfc3339(world.wall + seconds(grace));
      pod.meta.deletion_grace_period_seconds = grace;
    });
  }
  void begin_hooks() {
    for (const auto& hook : hooks) happen(HookBegan{hook.which, hook.id, hook.kind});
  }
  void end_hooks(const Status& status = Ok{}) {
    for (const auto& hook : std::exchange(hooks, {})) happen(HookEnded{hook.which, hook.id, hook.kind, status});
  }

  bool running(const std::string& name) const {
    const auto found = containers.find(name);
    return found != containers.end() && found->second.phase == Phase::Running;
  }
  const model::ContainerStatus& status(std::size_t index = 0) const { return stored.container_statuses.at(index); }
  bool told(const std::string& reason) const {
    return std::any_of(events.begin(), events.end(), [&](const auto& event) { return event.reason == reason; });
  }
  std::size_t signals(const std::string& id, const std::string& kind) const {
    return static_cast<std::size_t>(std::count(acts.begin(), acts.end(), kind + " " + id));
  }

  World world;
  PodMemory memory;
  model::PodStatus stored;
  bool store_works = true;
  bool look = false;
  bool discarded = false;
  bool object_removed = false;
  bool ignores_term = false;
  std::size_t most_steps = 1000;                    ///< Of one pass.
  std::function<void()> between = [] {};            ///< Before each step.
  std::map<std::string, ContainerView> containers;  ///< By name, the newest attempt.
  bool volumes = false;
  bool network = false;
  std::vector<BeginHook> hooks;  ///< Under way.
  std::vector<BeginPull> pulls;
  std::vector<Tell> events;
  std::vector<std::string> acts;  ///< "start <id>", "term <id>", "kill <id>", "files 3"
  std::vector<std::string> phases;
  std::set<std::string> watched;
  std::map<std::string, bool> liveness_watched;
  std::function<Status(const Step&)> refuse = [](const Step&) { return Status(Ok{}); };

 private:
  PodView see() const {
    PodView view;
    view.volumes = volumes ? Presence::Present : Presence::Absent;
    view.network = network ? Presence::Present : (memory.detached ? Presence::Absent : Presence::Unknown);
    if (network) view.attachment.emplace().address = "10.98.0.2";
    const auto fill = [&](const auto& specs, auto& views) {
      for (const auto& spec : specs) {
        const auto found = containers.find(spec.name);
        views.push_back(found == containers.end() ? ContainerView{} : found->second);
      }
    };
    fill(memory.pod->spec.init_containers, view.init);
    fill(memory.pod->spec.containers, view.main);
    return view;
  }

  ContainerView& by_id(const std::string& id) {
    for (auto& [name, container] : containers) {
      if (container.id == id) return container;
    }
    static ContainerView none;
    return none;
  }

  PodInput take(const Turn& decided) {
    Took took;
    took.step = decided.step;
    took.view = decided.view;
    took.status = refuse(decided.step);
    if (took.status) act(decided.step);
    return took;
  }

  void act(const Step& step) {
    switch (step.kind) {
      case StepKind::MountVolumes: volumes = true; break;
      case StepKind::RefreshFiles: acts.push_back("files " + std::to_string(step.change)); break;
      case StepKind::AttachNetwork: network = true; break;
      case StepKind::StartContainer: {
        const auto& spec = memory.spec(step.which);
        auto& container = containers[spec.name];
        EXPECT_NE(container.phase, Phase::Running);
        container = {};
        container.phase = Phase::Running;
        container.attempt = step.attempt;
        container.id = runtime::container_id("uid", spec.name, step.attempt);
        container.image = spec.image;
        container.started_at = world.wall;
        EXPECT_TRUE(used_.insert(container.id).second) << container.id << " was used before";
        acts.push_back("start " + container.id);
        break;
      }
      case StepKind::StopContainer:
        acts.push_back("term " + step.id);
        if (!ignores_term) end_id(step.id, 143);
        break;
      case StepKind::KillContainer:
        EXPECT_GE(signals(step.id, "term"), 1U) << "SIGKILL before SIGTERM";
        acts.push_back("kill " + step.id);
        end_id(step.id, 137);
        break;
      case StepKind::RemoveContainer:
        std::erase_if(containers, [&](const auto& entry) { return entry.second.id == step.id; });
        break;
      case StepKind::DetachNetwork: network = false; break;
      case StepKind::UnmountVolumes: volumes = false; break;
      case StepKind::ReleaseVolumes: acts.push_back("release"); break;
      case StepKind::BeginStop:
      case StepKind::Settled:
      case StepKind::Forget: FAIL() << to_string(step.kind) << " is nothing for the host";
    }
  }
  void end_id(const std::string& id, int code) {
    auto& container = by_id(id);
    if (container.phase != Phase::Running) return;
    container.phase = Phase::Exited;
    container.exit_code = code;
    container.finished_at = world.wall;
  }

  void note(const Effect& effect) {
    if (const auto* hook = std::get_if<BeginHook>(&effect)) hooks.push_back(*hook);
    if (const auto* drop = std::get_if<DropHooks>(&effect)) {
      std::erase_if(hooks, [&](const auto& hook) { return hook.id == drop->id; });
    }
    if (const auto* pull = std::get_if<BeginPull>(&effect)) pulls.push_back(*pull);
    if (const auto* tell = std::get_if<Tell>(&effect)) events.push_back(*tell);
    if (const auto* watch = std::get_if<WatchProbes>(&effect)) {
      watched.insert(watch->target.container_id);
      liveness_watched[watch->target.container_id] = watch->target.container.liveness.has_value();
    }
    if (const auto* forget = std::get_if<ForgetProbes>(&effect)) watched.erase(forget->id);
    if (const auto* write = std::get_if<WriteStatus>(&effect)) {
      if (store_works) {
        stored = write->status;
        phases.push_back(stored.phase);
      }
      answers_.push_back(store_works);
    }
    if (std::holds_alternative<Discard>(effect)) discarded = true;
    if (std::holds_alternative<RemoveObject>(effect)) object_removed = true;
    if (!answers_.empty() && !answering_) {  // As the status writer answers: later, and on the loop.
      answering_ = true;
      for (const bool one : std::exchange(answers_, {})) pending_answers.push_back(one);
      answering_ = false;
    }
  }

 public:
  std::vector<bool> pending_answers;
  void answer() {
    for (const bool one : std::exchange(pending_answers, {})) happen(StatusAnswered{one});
  }

 private:
  model::Pod object_;
  std::set<std::string> used_;
  std::vector<bool> answers_;
  bool answering_ = false;
};

model::Container container(const std::string& name) {
  model::Container made;
  made.name = name;
  made.image = "busybox:1";
  return made;
}

model::Pod make_pod(const std::string& policy = "Always") {
  model::Pod pod;
  pod.meta.name = "web-0";
  pod.meta.ns = "default";
  pod.meta.uid = "uid";
  pod.spec.restart_policy = policy;
  pod.spec.termination_grace_period_seconds = 30;
  pod.spec.containers.push_back(container("main"));
  return pod;
}

std::string id(const std::string& name, std::uint32_t attempt = 0) {
  return runtime::container_id("uid", name, attempt);
}

TEST(PodMachineTest, IsPure) {
  const auto memory = first_memory(std::make_shared<const model::Pod>(make_pod()), SteadyTime{seconds(1)});
  World world;
  world.now = SteadyTime{seconds(2)};
  PodView view;
  view.main.resize(1);
  const auto first = turn(memory, Looked{view}, world);
  const auto second = turn(memory, Looked{view}, world);
  EXPECT_EQ(first.step.kind, StepKind::MountVolumes);
  EXPECT_EQ(first.step.kind, second.step.kind);
  EXPECT_EQ(first.memory.status, second.memory.status);
  EXPECT_EQ(first.effects.size(), second.effects.size());
}

// --- Hooks ---------------------------------------------------------------------------------------------------------

model::Pod with_pre_stop() {
  auto pod = make_pod();
  pod.spec.containers[0].lifecycle.pre_stop = model::HookAction(model::SleepAction{seconds(20)});
  return pod;
}

TEST(PodMachineTest, TheGraceCountsFromWhenTheHookHasBegun) {
  Host host(with_pre_stop());
  host.settle();
  host.ignores_term = true;
  host.remove(30);
  host.settle();
  ASSERT_EQ(host.hooks.size(), 1U);
  EXPECT_EQ(host.hooks[0].deadline, seconds(30));
  host.advance(seconds(40));
  EXPECT_TRUE(host.acts.back().rfind("start", 0) == 0) << "nobody has begun the hook: no signal, and no SIGKILL at all";
  host.begin_hooks();
  host.advance(seconds(20));
  host.end_hooks();
  host.settle();
  EXPECT_EQ(host.acts.back(), "term " + id("main"));
  host.advance(seconds(9));
  EXPECT_EQ(host.acts.back(), "term " + id("main"));
  host.advance(seconds(2));
  EXPECT_EQ(host.signals(id("main"), "kill"), 1U);
}

TEST(PodMachineTest, AHookThatEatsItsGraceLeavesTwoSecondsForSigterm) {
  Host host(with_pre_stop());
  host.settle();
  host.ignores_term = true;
  host.remove(10);
  host.settle();
  host.begin_hooks();
  host.advance(seconds(10));
  EXPECT_EQ(host.signals(id("main"), "term"), 1U) << "although its hook has not ended";
  host.advance(milliseconds(1900));
  EXPECT_EQ(host.signals(id("main"), "kill"), 0U);
  host.advance(milliseconds(200));
  EXPECT_EQ(host.signals(id("main"), "kill"), 1U);
}

TEST(PodMachineTest, AHookThatFailsOrCannotBeBegunIsFollowedBySigtermAtOnce) {
  Host host(with_pre_stop());
  host.settle();
  host.remove(30);
  host.settle();
  host.end_hooks(Error(ErrorCode::Unavailable, "exec hook: containerd is away"));
  host.settle();
  EXPECT_EQ(host.signals(id("main"), "term"), 1U);
  EXPECT_TRUE(host.told("FailedPreStopHook"));
}

TEST(PodMachineTest, TheGraceOnlyShrinks) {
  Host host(with_pre_stop());
  host.settle();
  host.ignores_term = true;
  host.remove(30);
  host.settle();
  host.begin_hooks();
  host.end_hooks();
  host.settle();
  host.remove(60);
  host.settle();
  host.advance(seconds(5));
  host.remove(1);
  host.settle();
  EXPECT_EQ(host.signals(id("main"), "kill"), 0U);
  host.advance(milliseconds(1100));
  EXPECT_EQ(host.signals(id("main"), "kill"), 1U);
}

TEST(PodMachineTest, AGraceBeyondAllTimeIsAGrace) {
  Host host(make_pod());
  host.settle();
  host.ignores_term = true;
  host.change([&](model::Pod& pod) {
    pod.meta.deletion_timestamp = "2343-09-08T03:46:39Z";
    pod.meta.deletion_grace_period_seconds = 9999999999;
  });
  host.settle();
  EXPECT_EQ(host.signals(id("main"), "term"), 1U);
  host.advance(std::chrono::hours(24 * 365));
  EXPECT_EQ(host.signals(id("main"), "kill"), 0U);
}

TEST(PodMachineTest, APostStartHookHoldsUpReadinessAndTheNextContainer) {
  auto pod = make_pod();
  pod.spec.containers[0].lifecycle.post_start = model::HookAction(model::SleepAction{seconds(5)});
  pod.spec.containers.push_back(container("second"));
  Host host(pod);
  host.settle();
  ASSERT_EQ(host.hooks.size(), 1U);
  EXPECT_FALSE(host.hooks[0].deadline.has_value()) << "it may take as long as it needs";
  EXPECT_FALSE(host.running("second"));
  EXPECT_EQ(host.stored.phase, "Pending");
  EXPECT_EQ(std::get<model::ContainerStateWaiting>(host.status().state).reason, "ContainerCreating");
  host.advance(std::chrono::hours(3));
  EXPECT_FALSE(host.running("second"));
  host.end_hooks();
  host.settle();
  EXPECT_TRUE(host.running("second"));
  EXPECT_TRUE(host.stored.ready());
  EXPECT_EQ(host.stored.phase, "Running");
}

TEST(PodMachineTest, AFailedPostStartHookKillsItsContainer) {
  auto pod = make_pod();
  pod.spec.containers[0].lifecycle.post_start = model::HookAction(model::SleepAction{seconds(5)});
  Host host(pod);
  host.settle();
  host.end_hooks(Error(ErrorCode::Unknown, "exec hook: exit code 1"));
  EXPECT_EQ(host.stored.phase, "Pending");
  host.settle();
  EXPECT_TRUE(host.told("FailedPostStartHook"));
  EXPECT_FALSE(host.stored.ready());
  EXPECT_EQ(host.containers.at("main").attempt, 1U);
  EXPECT_EQ(host.hooks.size(), 1U) << "of the second attempt";
  host.happen(HookEnded{{}, id("main", 0), HookKind::PostStart, Error(ErrorCode::Unknown, "late")});
  host.settle();
  EXPECT_TRUE(host.running("main")) << "an answer about an earlier attempt is nobody's";
}

/// terminationGracePeriodSeconds of a probe (KEP-2238): of the one that failed, and only for its own stop.
TEST(PodMachineTest, AFailedProbeHasTheGraceThatItSays) {
  const auto killed_after = [](ProbeKind failing, bool deleted) {
    auto pod = make_pod();
    pod.spec.containers[0].startup = model::Probe{};
    pod.spec.containers[0].startup->termination_grace_period = seconds(4);
    pod.spec.containers[0].liveness = model::Probe{};
    pod.spec.containers[0].liveness->termination_grace_period = seconds(2);
    Host host(pod);
    host.ignores_term = true;
    host.settle();
    const auto judge = [&](ProbeKind kind, bool success) {
      host.happen(
          Judged{{.pod_uid = "uid", .container_id = id("main"), .kind = kind, .success = success, .message = ""}});
    };
    if (failing == ProbeKind::Liveness) judge(ProbeKind::Startup, true);
    if (deleted) {
      host.remove(30);
    } else {
      judge(failing, false);
    }
    host.settle();
    auto waited = seconds(0);
    while (host.signals(id("main"), "kill") == 0 && waited < seconds(60)) {
      host.advance(seconds(1));
      waited += seconds(1);
    }
    return waited;
  };
  EXPECT_EQ(killed_after(ProbeKind::Liveness, /*deleted=*/false), seconds(2));
  EXPECT_EQ(killed_after(ProbeKind::Startup, /*deleted=*/false), seconds(4));
  EXPECT_EQ(killed_after(ProbeKind::Liveness, /*deleted=*/true), seconds(30)) << "no probe failed";
}

TEST(PodMachineTest, APodServesUntilItsContainersHaveStopped) {
  auto pod = with_pre_stop();
  pod.spec.containers[0].readiness = model::Probe{};
  pod.spec.containers[0].liveness = model::Probe{};
  Host host(pod);
  host.settle();
  const auto judge = [&](ProbeKind kind, bool success) {
    host.happen(
        Judged{{.pod_uid = "uid", .container_id = id("main"), .kind = kind, .success = success, .message = ""}});
    host.settle();
  };
  judge(ProbeKind::Readiness, true);
  EXPECT_TRUE(host.stored.ready());
  EXPECT_TRUE(host.liveness_watched.at(id("main")));
  host.remove(30);
  host.settle();
  EXPECT_TRUE(host.stored.ready());
  EXPECT_TRUE(host.watched.contains(id("main")));
  EXPECT_FALSE(host.liveness_watched.at(id("main"))) << "it is ending anyway";
  judge(ProbeKind::Liveness, false);
  judge(ProbeKind::Readiness, false);
  EXPECT_FALSE(host.stored.ready()) << "as its probe says";
  judge(ProbeKind::Readiness, true);
  EXPECT_TRUE(host.stored.ready());
  host.end("main", 0);
  host.pass();
  EXPECT_FALSE(host.stored.ready());
  EXPECT_FALSE(host.watched.contains(id("main")));
}

// --- Status --------------------------------------------------------------------------------------------------------

TEST(PodMachineTest, OneRunningAndOneNeverStartedIsPending) {
  auto pod = make_pod();
  pod.spec.containers.push_back(container("second"));
  Host host(pod);
  host.refuse = [](const Step& step) -> Status {
    if (step.kind == StepKind::StartContainer && step.which.index == 1) {
      return Error(ErrorCode::NotFound, "configmap \"x\" not found");
    }
    return Ok{};
  };
  for (int i = 0; i < 10; ++i) host.pass();
  EXPECT_TRUE(host.running("main"));
  EXPECT_EQ(host.stored.phase, "Pending");
  host.refuse = [](const Step&) { return Status(Ok{}); };
  host.advance(seconds(300));
  EXPECT_EQ(host.stored.phase, "Running");
}

TEST(PodMachineTest, ThePhaseNeverGoesBack) {
  Host host(make_pod());
  host.settle();
  EXPECT_EQ(host.stored.phase, "Running");
  host.refuse = [&](const Step& step) -> Status {
    if (step.kind != StepKind::StartContainer) return Ok{};
    host.containers.clear();  // The ended attempt makes room before the new one fails.
    return Error(ErrorCode::NotFound, "secret \"x\" not found");
  };
  host.end("main", 1);
  for (int i = 0; i < 10; ++i) host.pass();
  EXPECT_TRUE(host.containers.empty());
  EXPECT_EQ(host.stored.phase, "Running");
  EXPECT_EQ(std::get<model::ContainerStateWaiting>(host.status().state).reason, "RunContainerError");
}

TEST(PodMachineTest, SomebodysEditOfTheStatusIsPutRight) {
  Host host(make_pod());
  host.settle();
  const auto right = host.stored;
  host.stored.phase = "Failed";
  host.change([](model::Pod&) {});
  EXPECT_EQ(host.stored, right);
  auto theirs = host.stored;
  theirs.conditions.push_back({"example.com/gate", "True", "", "", ""});
  const auto writes = host.phases.size();
  host.stored = theirs;
  host.change([](model::Pod&) {});
  EXPECT_EQ(host.phases.size(), writes) << "a condition of others is theirs";
}

TEST(PodMachineTest, AReadinessGateThatOpensOrClosesIsSeenAtOnce) {
  auto pod = make_pod();
  pod.spec.readiness_gates = {"example.com/gate"};
  Host host(pod);
  host.settle();
  EXPECT_FALSE(host.stored.ready());
  const auto say = [&](const std::string& status) {
    std::erase_if(host.stored.conditions, [](const auto& each) { return each.type == "example.com/gate"; });
    if (!status.empty()) host.stored.conditions.push_back({"example.com/gate", status, "", "", ""});
    auto seen = *host.memory.pod;
    seen.status = host.stored;
    host.happen(Changed{std::make_shared<const model::Pod>(seen)});
    host.settle();
    return host.stored.ready();
  };
  EXPECT_TRUE(say("True"));
  EXPECT_FALSE(say("False"));
  EXPECT_TRUE(say("True"));
  EXPECT_FALSE(say(""));
}

TEST(PodMachineTest, AnEventIsAboutTheContainerOfThatId) {
  auto pod = make_pod();
  pod.spec.init_containers.push_back(container("set-up"));
  EXPECT_EQ(field_path_of(pod, runtime::container_id("uid", "main", 0)), "spec.containers{main}");
  EXPECT_EQ(field_path_of(pod, runtime::container_id("uid", "main", 12)), "spec.containers{main}");
  EXPECT_EQ(field_path_of(pod, runtime::container_id("uid", "set-up", 3)), "spec.initContainers{set-up}");
  for (const auto* other : {"", "uid", "uid-", "uid-main", "other-main-0", "uid-mai-0", "uid--0"}) {
    EXPECT_EQ(field_path_of(pod, other), "") << other;
  }
}

TEST(PodMachineTest, SidecarsCountForReadiness) {
  auto pod = make_pod();
  pod.spec.init_containers.push_back(container("proxy"));
  pod.spec.init_containers[0].restart_policy = "Always";
  pod.spec.init_containers[0].readiness = model::Probe{};
  Host host(pod);
  host.settle();
  EXPECT_TRUE(host.running("main"));
  EXPECT_FALSE(host.stored.ready());
  EXPECT_EQ(host.stored.condition("Ready")->message, "containers with unready status: [proxy]");
  host.happen(Judged{
      {.pod_uid = "uid", .container_id = id("proxy"), .kind = ProbeKind::Readiness, .success = true, .message = ""}});
  host.settle();
  EXPECT_TRUE(host.stored.ready());
}

TEST(PodMachineTest, OomKilledWhateverTheOrderOfEvents) {
  Host host(make_pod());
  host.settle();
  host.end("main", 137);
  host.settle();
  EXPECT_TRUE(host.stored.ready()) << "the kernel's word is awaited";
  host.world.now += milliseconds(100);
  host.world.wall += milliseconds(100);
  host.containers.at("main").oom_killed = true;
  host.settle();
  EXPECT_EQ(host.containers.at("main").attempt, 1U);
  EXPECT_EQ(host.status().last_state->reason, "OOMKilled");

  host.end("main", 137);
  host.settle();
  host.advance(kOomWord);
  EXPECT_EQ(host.status().last_state->reason, "Error") << "killed by somebody, and that is known in half a second";
}

TEST(PodMachineTest, AChangedImageRestartsItsContainerWhateverThePolicy) {
  Host host(make_pod("Never"));
  host.settle();
  host.change([](model::Pod& pod) { pod.spec.containers[0].image = "busybox:2"; });
  EXPECT_TRUE(host.look);
  EXPECT_EQ(host.status().image, "busybox:1") << "what runs";
  host.settle();
  EXPECT_EQ(host.containers.at("main").image, "busybox:2");
  EXPECT_EQ(host.status().image, "busybox:2");
  EXPECT_EQ(host.status().restart_count, 1);
  EXPECT_EQ(host.stored.phase, "Running");
  EXPECT_TRUE(std::any_of(host.events.begin(), host.events.end(), [](const auto& event) {
    return event.message == "Container main definition changed, will be restarted";
  }));
  host.end("main", 0);
  host.settle();
  EXPECT_EQ(host.stored.phase, "Succeeded");
}

// --- The end -------------------------------------------------------------------------------------------------------

TEST(PodMachineTest, APodThatIsOverGivesEverythingBackOnceItsEndIsStored) {
  Host host(make_pod("Never"));
  host.settle();
  host.answer();
  host.store_works = false;
  host.end("main", 0);
  host.settle();
  host.answer();
  host.settle();
  EXPECT_TRUE(host.network) << "a restart of the agent would run it again";
  EXPECT_FALSE(host.containers.empty());
  host.answer();
  host.store_works = true;
  host.advance(seconds(2));
  host.answer();
  host.settle();
  EXPECT_EQ(host.stored.phase, "Succeeded");
  EXPECT_EQ(host.stored.pod_ip, "10.98.0.2");
  EXPECT_EQ(std::get<model::ContainerStateTerminated>(host.status().state).reason, "Completed");
  EXPECT_TRUE(host.containers.empty());
  EXPECT_FALSE(host.network);
  EXPECT_FALSE(host.volumes);
  EXPECT_FALSE(host.object_removed);
  host.restart_agent();
  host.settle();
  EXPECT_TRUE(host.containers.empty()) << "and stays over";
  host.remove(30);
  host.settle();
  EXPECT_TRUE(host.object_removed);
}

TEST(PodMachineTest, AnObjectThatCannotBeRemovedIsTriedAgainLaterAndLater) {
  Host host(make_pod());
  host.settle();
  host.remove(0);
  host.settle();
  EXPECT_TRUE(std::exchange(host.object_removed, false));
  for (int i = 0; i < 3; ++i) {
    host.look = false;
    const auto turn = host.happen(ForgetFailed{{ErrorCode::ResourceExhausted, "database or disk is full"}});
    ASSERT_TRUE(turn.look_at.has_value());
    EXPECT_GE(*turn.look_at - host.world.now, seconds(1 << i));
    EXPECT_FALSE(host.object_removed);
    host.advance(seconds(1000));
    EXPECT_TRUE(std::exchange(host.object_removed, false));
    host.settle();
    EXPECT_FALSE(host.object_removed) << "one removal at a time";
  }
  host.happen(Removed{});
  EXPECT_TRUE(host.discarded);
}

TEST(PodMachineTest, APodThatIsDownWaitsForItsFinalizers) {
  auto pod = make_pod();
  pod.meta.finalizers = {"example.com/hold"};
  Host host(pod);
  host.settle();
  host.remove(0);
  host.settle();
  EXPECT_TRUE(host.containers.empty());
  EXPECT_FALSE(host.object_removed);
  host.change([](model::Pod& object) { object.meta.finalizers.clear(); });
  EXPECT_TRUE(host.look);
  host.settle();
  EXPECT_TRUE(host.object_removed);
}

TEST(PodMachineTest, AfterABootItBeginsWhenItsTurnComesAndSaysWhatItWaitsFor) {
  Host host(make_pod());
  host.settle();
  ASSERT_TRUE(host.running("main"));
  // The host goes down: the store remembers all, the host nothing.
  host.containers.clear();
  host.network = host.volumes = false;
  host.world.hold.why = "waits for web-0";
  host.restart_agent();
  host.settle();
  EXPECT_FALSE(host.running("main"));
  EXPECT_FALSE(host.network);
  EXPECT_TRUE(host.memory.seen);
  const auto* ready = host.stored.condition("Ready");
  ASSERT_NE(ready, nullptr);
  EXPECT_EQ(ready->status, "False") << "what was before the boot is not said any more";
  EXPECT_EQ(ready->message, "containers with unready status: [main]; waits for web-0");
  const auto told = [&] {
    return std::count_if(host.events.begin(), host.events.end(),
                         [](const auto& event) { return event.reason == "WaitingForTurn"; });
  };
  EXPECT_EQ(told(), 1);
  host.settle();
  EXPECT_EQ(told(), 1) << "said once";
  host.world.hold = {.why = "waits for web-1", .look_again = seconds(3)};
  PodView nothing;
  nothing.main.resize(1);
  EXPECT_EQ(host.happen(Looked{nothing}).look_at, host.world.now + seconds(3));
  EXPECT_EQ(told(), 2) << "for another one";
  host.world.hold = {};
  host.settle();
  EXPECT_TRUE(host.running("main"));
  EXPECT_TRUE(host.stored.ready());
}

TEST(PodMachineTest, AContainerThatItsFenceKilledHasNotCrashed) {
  Host host(make_pod());
  host.settle();
  for (int i = 0; i < 3; ++i) {
    host.world.fenced = true;
    host.end("main", 137);
    host.advance(kOomWord);
    EXPECT_TRUE(host.running("main")) << "without a back-off";
    host.world.fenced = false;
    host.advance(seconds(10));
  }
  EXPECT_FALSE(host.told("BackOff"));
  EXPECT_EQ(host.status().restart_count, 3);
  host.end("main", 137);
  host.advance(kOomWord);
  EXPECT_FALSE(host.running("main")) << "this one has, right after";
}

TEST(PodMachineTest, APodThatTheNodeRefusesHasFailedBeforeItBegan) {
  Host host(make_pod());
  host.world.hold = {.why = "Node didn't have enough resource: cpu", .look_again = {}, .refused = "OutOfcpu"};
  host.store_works = false;
  host.settle();
  host.answer();
  host.store_works = true;
  host.advance(seconds(2));
  host.answer();
  EXPECT_EQ(host.stored.phase, "Failed") << "said again until it is stored";
  EXPECT_EQ(host.stored.reason, "OutOfcpu");
  EXPECT_EQ(host.stored.message, "Pod was rejected: Node didn't have enough resource: cpu");
  EXPECT_TRUE(host.told("OutOfcpu"));
  host.world.hold = {};
  host.restart_agent();
  host.advance(seconds(30));
  EXPECT_TRUE(host.containers.empty()) << "for good";
  EXPECT_FALSE(host.network);
}

TEST(PodMachineTest, WhatRunsOrHasItsNetworkIsNeverHeld) {
  Host host(make_pod());
  host.settle();
  host.world.hold.why = "waits for web-0";
  host.restart_agent();
  host.settle();
  EXPECT_TRUE(host.running("main"));
  EXPECT_TRUE(host.stored.ready());
  // A crash, seen by this agent and by a new one.
  for (const auto restarted : {false, true}) {
    host.end("main", 1);
    if (restarted) host.restart_agent();
    host.advance(std::chrono::minutes(6));
    EXPECT_TRUE(host.running("main"));
  }
  EXPECT_FALSE(host.told("WaitingForTurn"));
}

TEST(PodMachineTest, APodThatWaitsForItsTurnCanBeDeletedAndOneThatIsOverDoesNotWait) {
  Host host(make_pod());
  host.world.hold.why = "waits for web-0";
  host.settle();
  host.remove(0);
  host.settle();
  EXPECT_TRUE(host.object_removed);

  Host over(make_pod("Never"));
  over.settle();
  over.end("main", 0);
  over.settle();
  over.answer();
  over.settle();
  over.world.hold.why = "waits for web-0";
  over.restart_agent();
  over.settle();
  EXPECT_EQ(over.stored.phase, "Succeeded");
  EXPECT_FALSE(over.told("WaitingForTurn"));
}

TEST(PodMachineTest, WhenTheHostGoesDownAPodIsStoppedGivesItsVolumesBackAndComesBackWithTheHost) {
  auto pod = make_pod();
  pod.spec.containers[0].lifecycle.pre_stop = model::HookAction(model::SleepAction{seconds(3)});
  Host host(pod);
  host.settle();
  host.happen(Leave{host.world.now + seconds(20)});
  host.settle();
  ASSERT_EQ(host.hooks.size(), 1U);
  EXPECT_EQ(host.hooks[0].deadline, seconds(20)) << "less than its grace of 30 s";
  EXPECT_FALSE(host.memory.left);
  host.begin_hooks();
  host.end_hooks();
  host.settle();
  EXPECT_TRUE(host.memory.left);
  EXPECT_TRUE(host.containers.empty());
  EXPECT_EQ(host.acts.back(), "release");
  EXPECT_TRUE(host.volumes) << "nothing is thrown away";
  EXPECT_FALSE(host.object_removed);
  EXPECT_EQ(host.stored.reason, "Terminated");
  EXPECT_EQ(host.stored.message, "Pod was terminated in response to imminent node shutdown.");
  EXPECT_EQ(host.stored.phase, "Running");
  EXPECT_FALSE(host.stored.ready());
  // The next boot.
  host.network = host.volumes = false;
  host.restart_agent();
  host.settle();
  EXPECT_TRUE(host.running("main"));
  EXPECT_EQ(host.stored.reason, "");
  EXPECT_EQ(host.status().restart_count, 1);
  ASSERT_TRUE(host.status().last_state);
  EXPECT_EQ(host.status().last_state->exit_code, 143) << "how it ended is still to be read";
}

TEST(PodMachineTest, WhenTheHostGoesDownAPodThatOutstaysItsTimeIsKilled) {
  Host host(make_pod());
  host.ignores_term = true;
  host.settle();
  host.happen(Leave{host.world.now + seconds(5)});
  host.settle();
  host.advance(seconds(4));
  EXPECT_TRUE(host.running("main"));
  host.advance(seconds(1));
  EXPECT_EQ(host.signals(id("main"), "kill"), 1U);
  EXPECT_TRUE(host.memory.left);
}

TEST(PodMachineTest, WhenTheHostGoesDownNothingIsStartedAgain) {
  Host host(make_pod());
  host.settle();
  host.end("main", 1);
  host.happen(Leave{host.world.now + seconds(5)});
  host.advance(std::chrono::minutes(10));
  EXPECT_FALSE(host.running("main"));
  EXPECT_TRUE(host.memory.left);
}

TEST(PodMachineTest, WhenTheHostGoesDownAPodThatIsNotStartedAgainIsOver) {
  Host host(make_pod("Never"));
  host.settle();
  host.happen(Leave{host.world.now + seconds(5)});
  host.settle();
  EXPECT_EQ(host.stored.phase, "Failed");
  EXPECT_EQ(host.stored.reason, "Terminated");
  EXPECT_FALSE(host.memory.left) << "the store does not know yet";
  host.answer();
  host.settle();
  EXPECT_TRUE(host.memory.left);
  host.network = host.volumes = false;
  host.restart_agent();
  host.settle();
  EXPECT_EQ(host.signals(id("main", 1), "start"), 0U) << "not after the boot either";
}

TEST(PodMachineTest, APodThatIsBeingDeletedGoesWhenTheHostDoesButNotLater) {
  Host host(make_pod());
  host.ignores_term = true;
  host.settle();
  host.remove(30);
  host.settle();
  host.happen(Leave{host.world.now + seconds(5)});
  host.advance(seconds(5));
  EXPECT_TRUE(host.object_removed);
}

TEST(PodMachineTest, AChangeOfFilesDuringAPassIsServedByTheNext) {
  Host host(make_pod());
  host.settle();
  host.happen(FilesChanged{});
  auto first = true;
  host.refuse = [&](const Step& step) -> Status {
    if (step.kind == StepKind::RefreshFiles && std::exchange(first, false)) {
      host.acts.push_back("change");
      host.happen(FilesChanged{});  // The pass has read the objects already.
    }
    return Ok{};
  };
  host.settle();
  EXPECT_EQ((std::vector<std::string>(host.acts.end() - 3, host.acts.end())),
            (std::vector<std::string>{"change", "files 1", "files 2"}));
}

// --- Many lives --------------------------------------------------------------------------------------------------

/// One life, drawn by `seed`: whatever happens, in whatever order, the rules hold.
class Life {
 public:
  explicit Life(unsigned seed) : random_(seed), host_(draw_pod()) {
    host_.between = [this] { meanwhile(); };
  }

  void run() {
    for (int i = 0; i < 60; ++i) {
      something_happens();
      host_.most_steps = static_cast<std::size_t>(one_of(6));
      for (int passes = one_of(4); passes > 0 && host_.look; --passes) host_.pass();
      check();
    }
    // Left alone and deleted, it goes, whatever has happened to it.
    host_.store_works = true;
    host_.refuse = [](const Step&) { return Status(Ok{}); };
    host_.between = [] {};
    host_.remove(5);
    for (int i = 0; i < 20 && !host_.object_removed; ++i) {
      host_.begin_hooks();
      host_.settle();
      host_.answer();
      host_.advance(seconds(3));
    }
    EXPECT_TRUE(host_.object_removed);
    EXPECT_TRUE(host_.containers.empty());
    EXPECT_FALSE(host_.network);
    EXPECT_FALSE(host_.volumes);
  }

 private:
  int one_of(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  bool perhaps(int of = 2) { return one_of(of) == 0; }

  model::Pod draw_pod() {
    const std::array policies{"Always", "OnFailure", "Never"};
    auto pod = make_pod(policies[static_cast<std::size_t>(one_of(3))]);
    pod.spec.containers.push_back(container("second"));
    if (perhaps()) pod.spec.init_containers.push_back(container("setup"));
    for (const auto* name : {"proxy", "logs"}) {
      if (!perhaps()) continue;
      pod.spec.init_containers.push_back(container(name));
      pod.spec.init_containers.back().restart_policy = "Always";
    }
    for (auto* list : {&pod.spec.containers, &pod.spec.init_containers}) {
      for (auto& one : *list) {
        if (one.name == "setup") continue;
        if (perhaps(3)) one.lifecycle.pre_stop = model::HookAction(model::SleepAction{seconds(3)});
        if (perhaps(3)) one.lifecycle.post_start = model::HookAction(model::SleepAction{seconds(3)});
        if (perhaps(3)) one.readiness = model::Probe{};
        if (perhaps(3)) one.liveness = model::Probe{};
      }
    }
    if (perhaps(5)) pod.spec.active_deadline_seconds = 20;
    return pod;
  }

  /// While a pass takes its steps: what it looked at has changed.
  void meanwhile() {
    if (host_.containers.empty()) return;
    switch (one_of(12)) {
      case 0:
        host_.end(some_container(), one_of(3), perhaps(4));
        host_.look = true;
        break;
      case 1: host_.begin_hooks(); break;
      case 2: host_.end_hooks(); break;
      case 3: host_.answer(); break;
      default: break;
    }
  }

  std::string some_container() {
    const auto skip = one_of(static_cast<int>(host_.containers.size()));
    return std::next(host_.containers.begin(), skip)->first;
  }

  void something_happens() {
    switch (one_of(12)) {
      case 0:
      case 1:
        host_.world.now += seconds(one_of(15));
        host_.world.wall = wall();
        host_.look = true;
        break;
      case 2:
        if (!host_.containers.empty()) host_.end(some_container(), perhaps() ? 0 : one_of(200), perhaps(4));
        host_.look = true;
        break;
      case 3: host_.begin_hooks(); break;
      case 4: host_.end_hooks(perhaps(3) ? Status(Error(ErrorCode::Unknown, "no")) : Status(Ok{})); break;
      case 5: {
        if (host_.containers.empty()) break;
        const auto kind = perhaps() ? ProbeKind::Readiness : ProbeKind::Liveness;
        host_.happen(Judged{{.pod_uid = "uid",
                             .container_id = host_.containers.at(some_container()).id,
                             .kind = kind,
                             .success = perhaps(),
                             .message = "no"}});
        break;
      }
      case 6: host_.happen(FilesChanged{}); break;
      case 7: host_.answer(); break;
      case 8: host_.store_works = perhaps(); break;
      case 9:
        if (perhaps(4)) host_.change([&](model::Pod& pod) { pod.spec.containers[0].image += "x"; });
        break;
      case 10:
        host_.refuse = [fails = perhaps(3), kind = one_of(9)](const Step& step) -> Status {
          if (fails && static_cast<int>(step.kind) == kind) return Error(ErrorCode::Unavailable, "away");
          return Ok{};
        };
        break;
      case 11:
        host_.ignores_term = perhaps();
        if (perhaps(6)) host_.remove(one_of(10));
        // What was answered is in the store; nothing else outlives the agent.
        if (perhaps(6)) host_.restart_agent();
        break;
    }
  }
  WallTime wall() const {
    return *parse_rfc3339("2026-11-21T10:00:00Z") + (host_.world.now - SteadyTime{seconds(1000)});
  }

  void check() {
    const auto over = [](const std::string& phase) { return phase == "Succeeded" || phase == "Failed"; };
    for (std::size_t i = 1; i < host_.phases.size(); ++i) {
      const auto& before = host_.phases[i - 1];
      const auto& after = host_.phases[i];
      ASSERT_FALSE(before == "Running" && after == "Pending") << "the phase went back";
      ASSERT_TRUE(!over(before) || after == before) << "an end was taken back";
    }
    const auto processes = std::any_of(host_.containers.begin(), host_.containers.end(),
                                       [](const auto& entry) { return entry.second.phase == Phase::Running; });
    ASSERT_FALSE(over(host_.stored.phase) && processes) << "it is over, and runs";
    ASSERT_FALSE(host_.network == false && processes) << "it runs without its network";
  }

  std::mt19937 random_;
  Host host_;
};

model::Pod with_many(std::size_t count) {
  auto pod = make_pod();
  pod.spec.containers.clear();
  for (std::size_t i = 0; i < count; ++i) pod.spec.containers.push_back(container("c" + std::to_string(i)));
  return pod;
}

/// Each step had a look of its own, which asks for each container.
TEST(PodMachineTest, OnePassTakesTheStepsOfManyContainers) {
  Host host(with_many(50));
  auto passes = 0;
  const auto rest = [&] {
    for (passes = 0; passes < 500 && host.pass(); ++passes) {
    }
  };
  rest();
  EXPECT_EQ(std::count_if(host.containers.begin(), host.containers.end(),
                          [](const auto& entry) { return entry.second.phase == Phase::Running; }),
            50);
  EXPECT_LE(passes, 3) << "volumes, network, and all containers";
  EXPECT_TRUE(host.stored.ready());
  host.remove(30);
  rest();
  EXPECT_TRUE(host.containers.empty());
  EXPECT_LE(passes, 5) << "stop all, remove all, network, volumes";
}

TEST(PodMachineTest, WhatNobodySawIsNotTold) {
  Host host(with_many(3));
  host.most_steps = 1;
  host.pass();
  host.pass();
  host.pass();  // starts the first
  EXPECT_EQ(host.containers.size(), 1U);
  EXPECT_FALSE(host.status(0).started);
  host.pass();  // sees it
  EXPECT_TRUE(host.status(0).started);
  EXPECT_EQ(host.containers.size(), 2U);
}

/// It has its own back-off; the pass goes on with the others, unless whoever starts them is away.
TEST(PodMachineTest, AContainerThatCannotStartHoldsUpNoOther) {
  for (const auto code : {ErrorCode::Internal, ErrorCode::Unavailable}) {
    Host host(with_many(5));
    auto tried = 0;
    host.refuse = [&](const Step& step) -> Status {
      if (step.kind != StepKind::StartContainer || step.which.index == 4) return Ok{};
      ++tried;
      return Error(code, "no");
    };
    for (int i = 0; i < 3; ++i) host.pass();
    EXPECT_EQ(tried, code == ErrorCode::Internal ? 4 : 1);
    EXPECT_EQ(host.running("c4"), code == ErrorCode::Internal);
  }
}

/// What happened during the steps counts in the next one.
TEST(PodMachineTest, ADeletionDuringManyStartsEndsThem) {
  Host host(with_many(20));
  auto starts = 0;
  host.between = [&] {
    if (!host.containers.empty() && ++starts == 5) host.remove(30);
  };
  host.settle();
  EXPECT_TRUE(host.containers.empty());
  EXPECT_EQ(std::count_if(host.acts.begin(), host.acts.end(), [](const auto& act) { return act.starts_with("start"); }),
            6)
      << "the one that was about to be started, too";
}

TEST(PodMachineTest, TheRulesHoldInManyLives) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Life(seed).run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace berth::agent
