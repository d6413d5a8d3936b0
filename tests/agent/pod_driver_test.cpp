// tests/agent/pod_driver_test.cpp - whole lives of pods on fake rooms, with a clock that only the test moves.
#include "agent/pods/pod_driver.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_log_reader.hpp"
#include "tests/fakes/fake_network.hpp"
#include "tests/fakes/fake_runtime.hpp"
#include "tests/fakes/fake_volumes.hpp"

namespace berth::agent {
namespace {

using std::chrono::seconds;

class ManualClock final : public Clock {
 public:
  SteadyTime now() const override { return runs ? std::chrono::steady_clock::now() + ahead_ : steady_; }
  WallTime wall() const override { return wall_; }
  void advance(std::chrono::milliseconds by) {
    steady_ += by;
    ahead_ += by;
    wall_ += by;
  }

  bool runs = false;  ///< For who sets timers that come before the test ends.

 private:
  std::chrono::milliseconds ahead_{0};
  SteadyTime steady_ = std::chrono::steady_clock::now();
  WallTime wall_ = *parse_rfc3339("2026-11-21T10:00:00Z");
};

/// Hooks that the test begins and ends.
class FakeHooks final : public Hooks {
 public:
  void begin(HookCall call) override { calls.push_back(std::move(call)); }
  void drop(const std::string& container_id) override {
    std::erase_if(calls, [&](const auto& call) { return call.container_id == container_id; });
  }
  void end_all(const Status& status) {
    for (auto& call : std::exchange(calls, {})) call.ended(status);
  }
  std::vector<HookCall> calls;
};

class PodDriverTest : public testing::Test {
 protected:
  PodDriverTest() {
    runtime.add_image("busybox");
    make_driver();
    runtime.subscribe([this](const std::string& uid) { loop.post([this, uid] { driver->kick(uid); }); }, [] {});
  }

  void make_driver() {
    driver = std::make_unique<PodDriver>(
        PodDriverRooms{.loop = loop,
                       .pods = *lane,
                       .hooks = hooks,
                       .worker = worker,
                       .runtime = runtime,
                       .clock = clock,
                       .host_ip = "192.0.2.1"},
        PodDriverCallbacks{.inputs =
                               [this](const model::Pod& pod) {
                                 auto made = input;
                                 made.facts.pod = pod;
                                 return made;
                               },
                           .on_status = [this](const model::Pod&, const model::PodStatus& status) { last = status; },
                           .on_forget =
                               [this](const model::Pod& pod) {
                                 forgotten.push_back(pod.meta.name);
                                 if (can_forget) driver->remove_pod(pod.meta.uid);
                               },
                           .on_event =
                               [this](const model::Pod&, const Tell& tell) {
                                 events.push_back(tell.reason);
                                 told.push_back(
                                     fmt::format("{} {} {} {}", tell.field_path, tell.type, tell.reason, tell.message));
                               },
                           .on_settled = [](const std::string&) {},
                           .pull_keys = [this](const model::Pod&, const std::string&) { return keys; }});
  }

  static model::Pod make_pod(const std::string& policy = "Always") {
    model::Pod pod;
    pod.meta.name = "web-0";
    pod.meta.ns = "default";
    pod.meta.uid = "uid";
    pod.meta.generation = 1;
    pod.spec.restart_policy = policy;
    pod.spec.containers.own().resize(1);
    pod.spec.containers[0].name = "main";
    pod.spec.containers[0].image = "busybox";
    pod.spec.containers[0].command = {"sleep", "1"};
    pod.spec.containers[0].image_pull_policy = "IfNotPresent";
    return pod;
  }
  void give(const model::Pod& pod) { driver->set_pod(std::make_shared<const model::Pod>(pod)); }
  void settle() const {
    while (loop.poll() > 0) {
    }
  }
  /// Lets time pass and looks again, as the driver's timer would.
  void pass(std::chrono::milliseconds by) {
    clock.advance(by);
    driver->kick("uid");
    settle();
  }
  std::string id(std::uint32_t attempt) const { return runtime::container_id("uid", "main", attempt); }
  bool running(std::uint32_t attempt) {
    const auto states = runtime.containers("uid");
    for (const auto& state : *states) {
      if (state.id == id(attempt)) return state.phase == runtime::ContainerPhase::Running;
    }
    return false;
  }
  model::Pod deleted(model::Pod pod, std::int64_t grace) const {
    pod.meta.deletion_timestamp = format_rfc3339(clock.wall() + seconds(grace));
    pod.meta.deletion_grace_period_seconds = grace;
    return pod;
  }

  mutable Loop loop;
  ManualClock clock;
  std::unique_ptr<Lane> lane = make_inline_lane();
  runtime::FakeRuntime runtime{&clock};
  network::FakeNetwork network;
  volumes::FakeVolumes volumes;
  runtime::FakeLogReader logs;
  PodWorker worker{runtime, logs, network, volumes};
  StepInput input;
  PullKeys keys;
  FakeHooks hooks;
  bool can_forget = true;
  std::unique_ptr<PodDriver> driver;
  model::PodStatus last;
  std::vector<std::string> forgotten;
  std::vector<std::string> events;
  std::vector<std::string> told;  ///< "spec.containers{main} Normal Reason message"
};

TEST_F(PodDriverTest, APodWithoutVolumesComesUpReadyAndGoesWithoutATrace) {
  give(make_pod());
  settle();
  EXPECT_TRUE(last.ready());
  EXPECT_EQ(last.pod_ip, "10.98.0.2");
  give(deleted(make_pod(), 30));
  settle();
  EXPECT_EQ(forgotten, std::vector<std::string>{"web-0"});
  EXPECT_TRUE(runtime.containers("uid")->empty());
  EXPECT_TRUE(network.attached_pods()->empty());
  EXPECT_EQ(driver->size(), 0U);
}

/// Up and down it took as many looks as steps, and each look asks for each container: 200 containers cost 160,000
/// questions.
TEST_F(PodDriverTest, ManyContainersCostAFewLooks) {
  constexpr std::size_t kMany = 200;
  auto pod = make_pod();
  const auto main = pod.spec.containers[0];
  pod.spec.containers.clear();
  for (std::size_t i = 0; i < kMany; ++i) {
    pod.spec.containers.push_back(main);
    pod.spec.containers.back().name = "c" + std::to_string(i);
  }
  give(pod);
  settle();
  EXPECT_TRUE(last.ready());
  EXPECT_EQ(runtime.running(), kMany);
  EXPECT_LE(runtime.looks(), 6U);

  // They end one after the other, each is told, and nobody looks at all for each.
  clock.runs = true;
  runtime.on_signal([](const std::string&, int) {});
  give(deleted(pod, 30));
  settle();
  const auto before = runtime.looks();
  for (const auto& container : pod.spec.containers) {
    runtime.exit(runtime::container_id("uid", container.name, 0), 0);
    settle();
  }
  EXPECT_LE(runtime.looks(), before + 20);
  pass(std::chrono::milliseconds(300));
  pass(std::chrono::milliseconds(300));
  EXPECT_EQ(forgotten, std::vector<std::string>{"web-0"});
  EXPECT_LE(runtime.looks(), before + 30);
}

TEST_F(PodDriverTest, APodOfFewContainersIsLookedAtAtOnce) {
  give(make_pod());
  settle();
  const auto before = runtime.looks();
  runtime.exit(id(0), 1);
  settle();
  EXPECT_GT(runtime.looks(), before);
}

/// What happens while many are started is seen within a second, and what nobody tells within five.
TEST_F(PodDriverTest, ManySlowStartsAreLookedAtMeanwhile) {
  auto pod = make_pod();
  const auto main = pod.spec.containers[0];
  for (const auto* name : {"second", "third", "fourth", "fifth", "sixth"}) {
    pod.spec.containers.push_back(main);
    pod.spec.containers.back().name = name;
  }
  std::vector<std::size_t> looks;
  runtime.on_start([&](const std::string&) {
    looks.push_back(runtime.looks());
    clock.advance(seconds(2));
  });
  give(pod);
  settle();
  ASSERT_EQ(looks.size(), 6U);
  EXPECT_EQ(looks[0], looks[2]) << "4 s";
  EXPECT_LT(looks[2], looks[3]) << "6 s";
}

TEST_F(PodDriverTest, ACrashLoopWaitsTenSecondsThenTwiceAsLong) {
  give(make_pod());
  settle();
  runtime.exit(id(0), 1);
  settle();
  EXPECT_TRUE(running(1)) << "the first restart is at once";
  runtime.exit(id(1), 1);
  settle();
  EXPECT_FALSE(running(2));
  EXPECT_EQ(std::get<model::ContainerStateWaiting>(last.container_statuses[0].state).reason, "CrashLoopBackOff");
  pass(seconds(9));
  EXPECT_FALSE(running(2));
  pass(seconds(2));
  EXPECT_TRUE(running(2));
  EXPECT_EQ(last.container_statuses[0].restart_count, 2);
  runtime.exit(id(2), 1);
  settle();
  pass(seconds(15));
  EXPECT_FALSE(running(3));
  pass(seconds(6));
  EXPECT_TRUE(running(3));
}

TEST_F(PodDriverTest, AContainerThatIgnoresSigtermIsKilledAfterItsGrace) {
  runtime.on_signal([this](const std::string& container, int signal) {
    if (signal == SIGKILL) runtime.exit(container, 137);
  });
  give(make_pod());
  settle();
  give(deleted(make_pod(), 5));
  settle();
  EXPECT_TRUE(running(0));
  pass(seconds(4));
  EXPECT_TRUE(running(0));
  pass(seconds(2));
  EXPECT_EQ(forgotten.size(), 1U);
}

TEST_F(PodDriverTest, APodPastItsActiveDeadlineIsStoppedAndFailsForGood) {
  auto pod = make_pod();
  pod.spec.active_deadline_seconds = 60;
  give(pod);
  settle();
  pass(seconds(58));
  EXPECT_TRUE(running(0));
  EXPECT_EQ(last.phase, "Running");
  pass(seconds(3));
  pass(seconds(0));
  EXPECT_FALSE(running(0));
  EXPECT_EQ(last.phase, "Failed");
  EXPECT_EQ(last.reason, "DeadlineExceeded");
  EXPECT_EQ(std::count(events.begin(), events.end(), "DeadlineExceeded"), 1);
  pass(seconds(600));
  EXPECT_EQ(runtime.running(), 0U);
}

TEST_F(PodDriverTest, TheImageSaysWhichSignalStopsItsContainers) {
  runtime.set_stop_signal("busybox", SIGQUIT);
  runtime.on_signal([this](const std::string& container, int signal) {
    if (signal == SIGQUIT) runtime.exit(container, 0);
  });
  give(make_pod());
  settle();
  give(deleted(make_pod(), 30));
  settle();
  EXPECT_EQ(forgotten.size(), 1U) << "at once, no SIGKILL was needed";
}

TEST_F(PodDriverTest, TheSpecSaysWhichSignalStopsItsContainersBeforeTheImageDoes) {
  runtime.set_stop_signal("busybox", SIGQUIT);
  runtime.on_signal([this](const std::string& container, int signal) {
    if (signal == SIGUSR1) runtime.exit(container, 0);
  });
  auto pod = make_pod();
  pod.spec.containers[0].lifecycle.stop_signal = std::string("SIGUSR1");
  give(pod);
  settle();
  give(deleted(pod, 30));
  settle();
  EXPECT_EQ(forgotten.size(), 1U) << "at once, no SIGKILL was needed";
}

TEST_F(PodDriverTest, TheKernelIsToldTheFullNameWhenThePodAsksForIt) {
  input.cluster_domain = "cluster.local";
  auto pod = make_pod();
  pod.spec.subdomain = "web";
  give(pod);
  settle();
  EXPECT_EQ(runtime.spec(id(0)).hostname, "web-0");
  pod.meta.uid = "other";
  pod.spec.set_hostname_as_fqdn = true;
  give(pod);
  settle();
  EXPECT_EQ(runtime.spec(runtime::container_id("other", "main", 0)).hostname, "web-0.web.default.svc.cluster.local");
}

TEST_F(PodDriverTest, ANewDriverAdoptsWhatRunsAndStartsNothing) {
  give(make_pod());
  settle();
  auto pod = make_pod();
  pod.status = last;
  const auto calls = runtime.calls().size();
  make_driver();
  give(pod);
  settle();
  EXPECT_EQ(runtime.calls().size(), calls) << "no start, no kill, no remove";
  EXPECT_TRUE(driver->status("uid")->ready());
}

TEST_F(PodDriverTest, AfterARebootAttemptNumbersGoOn) {
  give(make_pod());
  settle();
  auto pod = make_pod();
  pod.status = last;
  runtime.lose(id(0));
  ASSERT_TRUE(network.detach("uid"));
  make_driver();
  give(pod);
  settle();
  EXPECT_TRUE(running(1));
  EXPECT_EQ(last.container_statuses[0].restart_count, 1);
}

TEST_F(PodDriverTest, AMissingImageIsPulledAndAFailedPullIsRetriedWithPatience) {
  auto pod = make_pod();
  pod.spec.containers[0].image = "mongo:3.4.1";
  give(pod);
  settle();
  EXPECT_EQ(std::get<model::ContainerStateWaiting>(last.container_statuses[0].state).reason, "ErrImagePull");
  runtime.add_to_registry("mongo:3.4.1");
  pass(seconds(5));
  EXPECT_EQ(runtime.running(), 0U);
  pass(seconds(6));
  EXPECT_EQ(runtime.running(), 1U);
}

TEST_F(PodDriverTest, AFailedStepIsRetriedLaterAndLater) {
  volumes.fail_next("mount", {ErrorCode::NotFound, "configmap \"x\" not found"});
  volumes.fail_next("mount", {ErrorCode::NotFound, "configmap \"x\" not found"});
  give(make_pod());
  settle();
  EXPECT_EQ(std::get<model::ContainerStateWaiting>(last.container_statuses[0].state).message,
            "configmap \"x\" not found");
  pass(seconds(2));
  EXPECT_EQ(runtime.running(), 0U);
  pass(seconds(4));
  EXPECT_EQ(runtime.running(), 1U);
  EXPECT_EQ(std::count(events.begin(), events.end(), "FailedMount"), 1) << "the same failure is said once";
}

TEST_F(PodDriverTest, AnUnbindableClaimIsAwaitedWithoutFailing) {
  input.blocked = "persistentvolumeclaim \"data\" is not bound";
  give(make_pod());
  settle();
  EXPECT_EQ(std::get<model::ContainerStateWaiting>(last.container_statuses[0].state).message, input.blocked);
  EXPECT_TRUE(events.empty());
  input.blocked.clear();
  driver->kick("uid");
  settle();
  EXPECT_TRUE(last.ready());
}

TEST_F(PodDriverTest, WhoIsNotSureOfItsVolumesMountsNoneAndKeepsUpWhatHasThem) {
  const std::string why = "volume \"pv\" may be another host's by now";
  input.unsure = why;
  give(make_pod());
  settle();
  EXPECT_EQ(std::get<model::ContainerStateWaiting>(last.container_statuses[0].state).message, why);
  EXPECT_TRUE(volumes.mounted_pods()->empty());
  EXPECT_TRUE(events.empty());
  input.unsure.clear();
  driver->kick("uid");
  settle();
  EXPECT_TRUE(last.ready());

  input.unsure = why;
  runtime.exit(id(0), 1);
  settle();
  EXPECT_TRUE(running(1)) << "cut off: what runs here goes on, its container starts again";
  EXPECT_EQ(last.container_statuses[0].restart_count, 1);
}

TEST_F(PodDriverTest, AVolumeThatIsUnderWayIsAwaitedNamedAndNotAFailure) {
  const Error waits(ErrorCode::Aborted, "data-web-0: server 10.0.0.5 silent for 42 s");
  volumes.fail_next("mount", waits);
  give(make_pod());
  settle();
  EXPECT_TRUE(runtime.containers("uid")->empty());
  EXPECT_TRUE(network.attached_pods()->empty()) << "volumes come first";
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(std::get<model::ContainerStateWaiting>(last.container_statuses[0].state).message, waits.message());
  EXPECT_EQ(last.condition("PodReadyToStartContainers")->message, waits.message());
  EXPECT_EQ(last.condition("Ready")->message, "containers with unready status: [main]; " + waits.message());
  pass(seconds(0));  // Its end kicks the pod.
  EXPECT_TRUE(last.ready());
  EXPECT_EQ(last.condition("PodReadyToStartContainers")->message, "");
}

TEST_F(PodDriverTest, APodThatGoesWhileItsVolumeIsUnderWayTakesItDown) {
  volumes.fail_next("mount", Error(ErrorCode::Aborted, "data-web-0: server 10.0.0.5 silent for 42 s"));
  give(make_pod());
  settle();
  volumes.fail_next("unmount", Error(ErrorCode::Aborted, "not yet"));
  give(deleted(make_pod(), 30));
  settle();
  EXPECT_TRUE(forgotten.empty());
  pass(seconds(0));
  EXPECT_EQ(forgotten, std::vector<std::string>{"web-0"});
  EXPECT_FALSE(volumes.under_way("uid"));
}

TEST_F(PodDriverTest, AServerThatFallsSilentBeforeAStartHoldsUpTheStartOnly) {
  give(make_pod());
  settle();
  volumes.fail_next("mount", Error(ErrorCode::Aborted, "data-web-0: server 10.0.0.5 silent for 3 s"));
  runtime.exit(id(0), 1);
  settle();
  EXPECT_FALSE(running(1));
  EXPECT_TRUE(events.size() > 0 && events.back() == "Started");
  pass(seconds(0));
  EXPECT_TRUE(running(1));
}

TEST_F(PodDriverTest, ARemovedObjectTakesItsPodDownAtOnce) {
  give(make_pod());
  settle();
  driver->remove_pod("uid");
  settle();
  EXPECT_EQ(runtime.running(), 0U);
  EXPECT_TRUE(forgotten.empty()) << "there is no object to remove any more";
  EXPECT_EQ(driver->size(), 0U);
}

TEST_F(PodDriverTest, APodIsGoneOnlyWhenNothingOfItIsLeft) {
  give(make_pod());
  settle();
  runtime.fail_next("remove_pod", Error(ErrorCode::Unavailable, "its shim does not end"));
  driver->remove_pod("uid");
  settle();
  EXPECT_EQ(driver->size(), 1U);
  runtime.leave_behind("uid");
  pass(seconds(60));
  EXPECT_EQ(driver->size(), 0U);
  EXPECT_TRUE(runtime.present_pods()->empty());
}

TEST_F(PodDriverTest, AFinishedPodStaysFinished) {
  give(make_pod("OnFailure"));
  settle();
  runtime.exit(id(0), 0);
  settle();
  EXPECT_EQ(last.phase, "Succeeded");
  auto pod = make_pod("OnFailure");
  pod.status = last;
  runtime.lose(id(0));
  ASSERT_TRUE(network.detach("uid"));
  make_driver();
  give(pod);
  settle();
  EXPECT_EQ(runtime.running(), 0U) << "a reboot does not run it again";
}

TEST_F(PodDriverTest, AStatusThatWasNotStoredIsSaidAgain) {
  give(make_pod());
  settle();
  last = {};
  driver->status_answered("uid", false);
  pass(seconds(2));
  EXPECT_TRUE(last.ready());
}

TEST_F(PodDriverTest, AFailedLivenessProbeRestartsItsContainer) {
  auto pod = make_pod();
  pod.spec.containers[0].liveness = model::Probe{};
  give(pod);
  settle();
  driver->on_verdict(
      {.pod_uid = "uid", .container_id = id(0), .kind = ProbeKind::Liveness, .success = false, .message = "refused"});
  settle();
  EXPECT_TRUE(running(1));
  driver->on_verdict(
      {.pod_uid = "uid", .container_id = id(0), .kind = ProbeKind::Liveness, .success = false, .message = "late"});
  settle();
  EXPECT_TRUE(running(1)) << "a verdict about an earlier attempt is nobody's";
}

TEST_F(PodDriverTest, TwentyPodsDeletedAtOnceAllGetTheirHookAndThenSigterm) {
  for (int i = 0; i < 20; ++i) {
    auto pod = make_pod();
    pod.meta.uid = "uid-" + std::to_string(i);
    pod.meta.name = "web-" + std::to_string(i);
    pod.spec.containers[0].lifecycle.pre_stop = model::HookAction(model::SleepAction{seconds(20)});
    give(pod);
    settle();
    give(deleted(pod, 30));
  }
  settle();
  ASSERT_EQ(hooks.calls.size(), 20U) << "all at once, none waits for another's end";
  for (const auto& call : hooks.calls) call.began();
  clock.advance(seconds(20));
  driver->kick_all();
  settle();
  EXPECT_EQ(runtime.running(), 20U) << "the hooks have not ended";
  hooks.end_all(Ok{});
  settle();
  EXPECT_EQ(forgotten.size(), 20U);
  const auto calls = runtime.calls();
  EXPECT_EQ(std::count_if(calls.begin(), calls.end(),
                          [](const auto& call) { return call.rfind("kill ", 0) == 0 && call.ends_with(" 15"); }),
            20);
  EXPECT_TRUE(std::none_of(calls.begin(), calls.end(), [](const auto& call) { return call.ends_with(" 9"); }));
}

TEST_F(PodDriverTest, APostStartHookThatFailsRestartsItsContainer) {
  auto pod = make_pod();
  pod.spec.containers[0].lifecycle.post_start = model::HookAction(model::ExecAction{{"warm-up"}});
  give(pod);
  settle();
  EXPECT_TRUE(running(0));
  EXPECT_FALSE(last.ready());
  ASSERT_EQ(hooks.calls.size(), 1U);
  hooks.end_all(Error(ErrorCode::Unknown, "exec hook: exit code 1: no"));
  settle();
  EXPECT_EQ(std::count(events.begin(), events.end(), "FailedPostStartHook"), 1);
  EXPECT_TRUE(running(1));
  ASSERT_EQ(hooks.calls.size(), 1U);
  hooks.end_all(Ok{});
  settle();
  EXPECT_TRUE(last.ready());
}

TEST_F(PodDriverTest, AnObjectThatCannotBeRemovedIsNotTriedInALoop) {
  can_forget = false;
  give(make_pod());
  settle();
  give(deleted(make_pod(), 30));
  settle();
  driver->forget_failed("uid", {ErrorCode::ResourceExhausted, "database or disk is full"});
  settle();
  EXPECT_EQ(forgotten.size(), 1U);
  can_forget = true;
  pass(seconds(3));
  EXPECT_EQ(forgotten.size(), 2U);
  EXPECT_EQ(driver->size(), 0U);
}

TEST_F(PodDriverTest, APodThatIsOverIsTakenDownWhenTheStoreKnows) {
  give(make_pod("Never"));
  settle();
  runtime.exit(id(0), 3);
  settle();
  EXPECT_EQ(last.phase, "Failed");
  EXPECT_EQ(runtime.containers("uid")->size(), 1U);
  driver->status_answered("uid", true);
  settle();
  EXPECT_TRUE(runtime.containers("uid")->empty());
  EXPECT_TRUE(network.attached_pods()->empty());
  EXPECT_EQ(driver->status("uid")->container_statuses[0].name, "main");
  EXPECT_EQ(std::get<model::ContainerStateTerminated>(driver->status("uid")->container_statuses[0].state).exit_code, 3);
}

TEST_F(PodDriverTest, ASecretThatComesIsPulledWithAtOnceAndUntilThenSomebodyIsTold) {
  auto pod = make_pod();
  pod.spec.containers[0].image = "mongo:3.4.1";
  keys.missing = {"regcred", "other"};
  const auto pulls = [&] {
    const auto calls = runtime.calls();
    return std::count(calls.begin(), calls.end(), "pull mongo:3.4.1");
  };
  give(pod);
  settle();
  EXPECT_EQ(pulls(), 1);
  EXPECT_EQ(std::count(
                told.begin(), told.end(),
                " Warning FailedToRetrieveImagePullSecret Unable to retrieve some image pull secrets (regcred, other); "
                "attempting to pull the image may not succeed."),
            1);
  runtime.hold_pulls();
  driver->pull_again("uid");
  settle();
  EXPECT_EQ(pulls(), 2) << "it does not wait for its back-off";
  driver->pull_again("uid");  // while one is under way that knows nothing of it
  settle();
  EXPECT_EQ(pulls(), 2);
  runtime.finish_pulls();
  settle();
  EXPECT_EQ(pulls(), 3);
  pass(seconds(1));
  EXPECT_EQ(pulls(), 3) << "and is patient otherwise";
  runtime.add_to_registry("mongo:3.4.1");
  driver->pull_again("uid");
  settle();
  EXPECT_TRUE(running(0));
}

TEST_F(PodDriverTest, AStartIsToldAsKubeletsTellIt) {
  const std::string main = "spec.containers{main} ";
  give(make_pod());
  settle();
  EXPECT_EQ(told,
            (std::vector<std::string>{main + "Normal Pulled Container image \"busybox\" already present on machine",
                                      main + "Normal Created Created container: main",
                                      main + "Normal Started Started container main"}));
  auto pod = make_pod();
  pod.meta.uid = "other";
  pod.spec.containers[0].image = "mongo:3.4.1";
  told.clear();
  give(pod);
  settle();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0], main + "Normal Pulling Pulling image \"mongo:3.4.1\"");
  EXPECT_TRUE(told[1].starts_with(main + "Warning Failed Failed to pull image \"mongo:3.4.1\": ")) << told[1];
  EXPECT_EQ(told[2], main + "Warning Failed Error: ErrImagePull");

  told.clear();
  clock.advance(seconds(20));
  driver->kick("other");
  settle();
  ASSERT_EQ(told.size(), 5U);
  EXPECT_EQ(told[3], main + "Normal BackOff Back-off pulling image \"mongo:3.4.1\"");
  EXPECT_EQ(told[4], main + "Warning Failed Error: ImagePullBackOff");
  const auto& waiting = std::get<model::ContainerStateWaiting>(last.container_statuses[0].state);
  EXPECT_EQ(waiting.reason, "ImagePullBackOff");
  EXPECT_TRUE(waiting.message.starts_with("Back-off pulling image \"mongo:3.4.1\": ErrImagePull: ")) << waiting.message;

  told.clear();
  runtime.add_to_registry("mongo:3.4.1");
  clock.advance(seconds(60));
  driver->kick("other");
  settle();
  EXPECT_EQ(told,
            (std::vector<std::string>{
                main + "Normal Pulling Pulling image \"mongo:3.4.1\"",
                main + "Normal Pulled Successfully pulled image \"mongo:3.4.1\" in 0s (0s including waiting).",
                main + "Normal Created Created container: main", main + "Normal Started Started container main"}));
}

TEST_F(PodDriverTest, AnImageThatCannotBeNamedOrMayNotBePulledIsToldAsSuch) {
  const auto reason = [&](const std::string& uid, const std::string& image, const std::string& policy) {
    auto pod = make_pod();
    pod.meta.uid = uid;
    pod.spec.containers[0].image = image;
    pod.spec.containers[0].image_pull_policy = policy;
    told.clear();
    give(pod);
    settle();
    return std::get<model::ContainerStateWaiting>(last.container_statuses[0].state).reason;
  };
  for (const auto* policy : {"Always", "IfNotPresent", "Never"}) {
    EXPECT_EQ(reason(policy, "Mongo:Latest", policy), "InvalidImageName");
    ASSERT_EQ(told.size(), 2U) << policy;
    EXPECT_EQ(
        told[0].substr(0, told[0].find(": image")),
        "spec.containers{main} Warning InspectFailed Failed to apply default image tag \"Mongo:Latest\": couldn't "
        "parse image reference \"Mongo:Latest\"");
    EXPECT_EQ(told[1], "spec.containers{main} Warning Failed Error: InvalidImageName");
  }
  EXPECT_EQ(reason("absent", "mongo:3.4.1", "Never"), "ErrImageNeverPull");
  EXPECT_EQ(told, (std::vector<std::string>{"spec.containers{main} Warning ErrImageNeverPull Container image "
                                            "\"mongo:3.4.1\" is not present with pull policy of Never",
                                            "spec.containers{main} Warning Failed Error: ErrImageNeverPull"}));
}

TEST_F(PodDriverTest, AChangedImageIsPulledAndRunInItsPlace) {
  give(make_pod());
  settle();
  runtime.add_to_registry("busybox:2");
  auto pod = make_pod();
  pod.meta.generation = 2;
  pod.spec.containers[0].image = "busybox:2";
  give(pod);
  settle();
  EXPECT_TRUE(running(1));
  EXPECT_EQ(runtime.spec(id(1)).image, "busybox:2");
  EXPECT_EQ(last.container_statuses[0].image, "busybox:2");
  EXPECT_EQ(last.container_statuses[0].restart_count, 1);
}

TEST_F(PodDriverTest, ATerminationMessageIsReadOnceForEachAttempt) {
  give(make_pod("Never"));
  settle();
  runtime.exit(id(0), 3);
  settle();
  const auto reads = [this] {
    const auto calls = volumes.calls();
    return std::count(calls.begin(), calls.end(), "termination_log main-0");
  };
  EXPECT_EQ(reads(), 2) << "made for the start, read at the end";
  pass(seconds(10));
  pass(seconds(10));
  EXPECT_EQ(reads(), 2);
}

}  // namespace
}  // namespace berth::agent
