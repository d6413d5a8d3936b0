// tests/host/containerd_runtime_test.cpp - PodRuntime on a real containerd: run it inside tests/bed/run.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/child.hpp"
#include "base/unique_fd.hpp"
#include "tests/host/real_runtime.hpp"

namespace berth::runtime {
namespace {

INSTANTIATE_TEST_SUITE_P(Containerd, RuntimeContract, ::testing::Values(make_real));

INSTANTIATE_TEST_SUITE_P(Containerd, ContainerdRuntimeTest, ::testing::Values(make_real));

TEST_P(ContainerdRuntimeTest, OutputWaitsInTheFifosUntilSomebodyReadsIt) {
  auto spec = sleeper("bbbbbbbbbbb1");
  spec.command = {"/bin/sh", "-c", "echo to-out; echo to-err >&2"};
  start(spec);
  ASSERT_TRUE(heard_of(spec.pod.uid));  // it has ended, and nobody has read
  const auto directory = run_dir() / "io" / id_of(spec);
  const UniqueFd out(::open((directory / "stdout").c_str(), O_RDONLY | O_NONBLOCK));
  const UniqueFd err(::open((directory / "stderr").c_str(), O_RDONLY | O_NONBLOCK));
  EXPECT_EQ(read_until(out.get(), "\n"), "to-out\n");
  EXPECT_EQ(read_until(err.get(), "\n"), "to-err\n");
  const auto meta = read_file(directory / "meta");
  ASSERT_TRUE(meta.ok());
  EXPECT_NE(meta->find("BERTH_POD=" + spec.pod.name + "\n"), std::string::npos) << *meta;
  EXPECT_NE(meta->find("CONTAINER_ID=" + id_of(spec) + "\n"), std::string::npos) << *meta;
}

TEST_P(ContainerdRuntimeTest, RemovingWaitsForAReaderAndLeavesNoFile) {
  auto spec = sleeper("bbbbbbbbbbb2");
  spec.command = {"/bin/sh", "-c", "seq 1 2000"};
  start(spec);
  ASSERT_TRUE(heard_of(spec.pod.uid));
  const auto directory = run_dir() / "io" / id_of(spec);
  const UniqueFd out(::open((directory / "stdout").c_str(), O_RDONLY | O_NONBLOCK));
  std::string text;
  std::thread reader([&] { text = read_until(out.get(), "\n2000\n"); });
  EXPECT_TRUE(runtime().remove(id_of(spec)).ok());
  reader.join();
  EXPECT_NE(text.find("\n2000\n"), std::string::npos) << text.size();
  EXPECT_FALSE(fs::exists(directory));
}

TEST_P(ContainerdRuntimeTest, AContainerIsConfinedAsItsSpecificationSays) {
  auto spec = sleeper("bbbbbbbbbbb3");
  spec.security.capabilities_drop = {"ALL"};
  spec.security.capabilities_add = {"CHOWN"};
  spec.security.allow_privilege_escalation = false;
  spec.security.run_as_user = 1234;
  spec.security.seccomp = model::SeccompProfile{"RuntimeDefault", ""};
  spec.pod_security.fs_group = 77;
  spec.resources.limits["memory"] = *model::Quantity::parse("64Mi");
  const auto volume = run_dir() / "volume";
  fs::create_directory(volume);
  fs::permissions(volume, fs::perms::all);
  spec.mounts = {{volume.string(), "/data", false, ""}};
  spec.command = {"/bin/sh", "-c", "until [ -s /data/code ]; do sleep 0.02; done"};
  spec.env = {"FROM=manifest"};
  start(spec);
  const auto out = exec(spec,
                        "id; hostname; echo $FROM; grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; "
                        "touch /data/made; cat /proc/1/oom_score_adj")
                       .output;
  EXPECT_NE(out.find("uid=1234"), std::string::npos) << out;
  EXPECT_NE(out.find("77"), std::string::npos) << out;
  EXPECT_NE(out.find("bbbbbbbbbbb3"), std::string::npos) << out;
  EXPECT_NE(out.find("manifest"), std::string::npos) << out;
  EXPECT_NE(out.find("CapBnd:\t0000000000000001"), std::string::npos) << out;
  EXPECT_NE(out.find("NoNewPrivs:\t1"), std::string::npos) << out;
  EXPECT_NE(out.find("Seccomp:\t2"), std::string::npos) << out;
  EXPECT_NE(out.find("1000\n"), std::string::npos) << out;
  EXPECT_TRUE(fs::exists(volume / "made"));
}

TEST_P(ContainerdRuntimeTest, ExecGivesOutputAndExitCodeCutAtTheLimit) {
  const auto spec = sleeper("bbbbbbbbbbb4");
  start(spec);
  const auto small = exec(spec, "echo out; echo err >&2; exit 3");
  EXPECT_EQ(small.exit_code, 3);
  EXPECT_NE(small.output.find("out\n"), std::string::npos);
  EXPECT_NE(small.output.find("err\n"), std::string::npos);
  EXPECT_EQ(exec(spec, "seq 1 20000").output.size(), 10U * 1024U);
  EXPECT_TRUE(fs::is_empty(run_dir() / "exec"));
}

TEST_P(ContainerdRuntimeTest, AnExecThatTakesTooLongIsKilled) {
  const auto spec = sleeper("bbbbbbbbbbb5");
  start(spec);
  const auto result = runtime().exec(id_of(spec), {"/bin/sh", "-c", "exec sleep 77"}, milliseconds(1000));
  EXPECT_TRUE(failed_with(result, ErrorCode::DeadlineExceeded));
  // The brackets keep grep from finding itself.
  EXPECT_EQ(exec(spec, "grep -l 'sleep.7[7]' /proc/[0-9]*/cmdline 2>/dev/null || echo none").output, "none\n");
}

/// Says which "sleep 7x" run in the container, sorted.
constexpr auto kListSleeps =
    "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | grep -o '^sleep 7[0-9]'; done 2>/dev/null | sort";

/// Only its first process was killed: a probe that hangs left some behind with each period.
TEST_P(ContainerdRuntimeTest, AnExecThatTakesTooLongEndsWithAllItBegan) {
  const auto spec = sleeper("bbbbbbbbbbd0");
  start(spec);
  // 71 and 72 wait for nothing but their time; 73 left the session, 74 was told to go on.
  const auto script = "(sleep 71 & sleep 71) & setsid sleep 73 & (trap '' HUP; exec sleep 74) & sleep 72; sleep 72";
  const auto result = runtime().exec(id_of(spec), {"/bin/sh", "-c", script}, milliseconds(1500));
  EXPECT_TRUE(failed_with(result, ErrorCode::DeadlineExceeded));
  EXPECT_EQ(exec(spec, kListSleeps).output, "sleep 73\nsleep 74\n");
}

TEST_P(ContainerdRuntimeTest, WhatACommandThatEndedLeavesBehindGoesOn) {
  const auto spec = sleeper("bbbbbbbbbbd1");
  start(spec);
  EXPECT_EQ(exec(spec, "sleep 75 >/dev/null 2>&1 & exit 4").exit_code, 4);
  EXPECT_EQ(exec(spec, kListSleeps).output, "sleep 75\n");
}

TEST_P(ContainerdRuntimeTest, AStreamThatIsGivenUpEndsWithAllItBegan) {
  const auto spec = sleeper("bbbbbbbbbbd2");
  start(spec);
  ExecOptions options;
  options.command = {"/bin/sh", "-c", "sleep 76 & echo begun; sleep 76"};
  auto session = runtime().exec_stream(id_of(spec), options);
  ASSERT_TRUE(session.ok()) << session.error().message();
  EXPECT_EQ(read_until((*session)->stdout_fd(), "begun\n"), "begun\n");
  session->reset();
  EXPECT_TRUE(eventually([&] { return exec(spec, kListSleeps).output.empty(); }));
}

TEST_P(ContainerdRuntimeTest, ACommandThatIsNotThereIsAnError) {
  const auto spec = sleeper("bbbbbbbbbbb6");
  start(spec);
  const auto result = runtime().exec(id_of(spec), {"/no/such/program"}, seconds(20));
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message().find("/no/such/program"), std::string::npos) << result.error().message();
  auto broken = sleeper("bbbbbbbbbbb7");
  broken.command = {"/no/such/program"};
  const auto started = runtime().start(broken);
  ASSERT_TRUE(failed_with(started, ErrorCode::Internal));
  const auto left = runtime().containers(broken.pod.uid);
  ASSERT_TRUE(left.ok());
  EXPECT_TRUE(left->empty());
}

TEST_P(ContainerdRuntimeTest, AStreamCarriesInputOutputAndTheExitCode) {
  const auto spec = sleeper("bbbbbbbbbbb8");
  start(spec);
  ExecOptions options;
  options.command = {"/bin/sh", "-c", "cat; echo done >&2; exit 5"};
  options.has_stdin = true;
  auto session = runtime().exec_stream(id_of(spec), options);
  ASSERT_TRUE(session.ok()) << session.error().message();
  std::mutex mutex;
  std::condition_variable told;
  std::optional<std::int32_t> code;
  (*session)->on_exit([&](Result<std::int32_t> result) {
    const std::scoped_lock lock(mutex);
    code = result.value_or(-1);
    told.notify_all();
  });
  ASSERT_EQ(::write((*session)->stdin_fd(), "ping\n", 5), 5);
  EXPECT_EQ(read_until((*session)->stdout_fd(), "ping\n"), "ping\n");
  EXPECT_TRUE((*session)->close_stdin().ok());
  EXPECT_EQ(read_until((*session)->stderr_fd(), "done\n"), "done\n");
  std::unique_lock lock(mutex);
  ASSERT_TRUE(told.wait_for(lock, seconds(20), [&] { return code.has_value(); }));
  EXPECT_EQ(*code, 5);
}

TEST_P(ContainerdRuntimeTest, ATerminalIsResizedAndDiesWithItsSession) {
  const auto spec = sleeper("bbbbbbbbbbb9");
  start(spec);
  ExecOptions options;
  options.command = {"/bin/sh"};
  options.has_stdin = true;
  options.tty = true;
  auto session = runtime().exec_stream(id_of(spec), options);
  ASSERT_TRUE(session.ok()) << session.error().message();
  EXPECT_EQ((*session)->stderr_fd(), -1);
  ASSERT_TRUE((*session)->resize(132, 43).ok());
  const std::string ask = "stty size\n";
  ASSERT_EQ(::write((*session)->stdin_fd(), ask.data(), ask.size()), static_cast<ssize_t>(ask.size()));
  const auto text = read_until((*session)->stdout_fd(), "43 132");
  EXPECT_NE(text.find("43 132"), std::string::npos) << text;
  session->reset();
  // Its shell is killed in the background: ask until only the container's own and the asking one are left.
  bool gone = false;
  for (int i = 0; i < 200 && !gone; ++i) {
    gone = exec(spec, "ls -d /proc/[0-9]* | while read p; do readlink $p/fd/0; done | grep -c /dev/pts/ ").output ==
               "0\n" &&
           fs::is_empty(run_dir() / "exec");
  }
  EXPECT_TRUE(gone);
}

TEST_P(ContainerdRuntimeTest, AnotherAgentFindsWhatThisOneStarted) {
  const auto spec = sleeper("bbbbbbbbbbc0");
  start(spec);
  const auto pid = only(spec.pod.uid).pid;
  subject_.runtime.reset();
  subject_.runtime = make_containerd_runtime(config_in(run_dir()));
  const auto all = runtime().all_containers();
  ASSERT_TRUE(all.ok()) << all.error().message();
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->front().pid, pid);
  EXPECT_EQ(all->front().phase, ContainerPhase::Running);
}

TEST_P(ContainerdRuntimeTest, ARestartOfContainerdLosesNoExit) {
  const auto directory = fs::path(variable("BERTH_TEST_DIR"));
  if (!fs::exists(directory / "start-containerd")) GTEST_SKIP() << "this containerd cannot be restarted by us";
  const auto volume = run_dir() / "volume";
  fs::create_directory(volume);
  auto spec = sleeper("bbbbbbbbbbc1");
  spec.mounts = {{volume.string(), "/v", false, ""}};
  spec.command = {"/bin/sh", "-c", "until [ -s /v/code ]; do sleep 0.02; done; exit 42"};
  start(spec);
  const auto before = only(spec.pod.uid).pid;

  const auto daemon = std::stoi(*read_file(directory / "containerd.pid"));
  ASSERT_EQ(::kill(daemon, SIGKILL), 0);
  while (::kill(daemon, 0) == 0) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_TRUE(failed_with(runtime().containers(spec.pod.uid), ErrorCode::Unavailable));
  ASSERT_TRUE(write_file(volume / "code", "1").ok());  // it ends while nobody listens
  while (::kill(static_cast<pid_t>(before), 0) == 0) std::this_thread::sleep_for(milliseconds(5));
  int connected = 0;
  {
    const std::scoped_lock lock(mutex_);
    connected = connected_;
  }
  const auto restarted =
      run_child({"/bin/sh", "-c", fmt::format("'{0}/start-containerd' > '{0}/containerd.pid'", directory.string())});
  ASSERT_TRUE(restarted.ok());
  {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(told_.wait_for(lock, seconds(30), [&] { return connected_ > connected; }));
  }
  const auto state = only(spec.pod.uid);
  EXPECT_EQ(state.phase, ContainerPhase::Exited);
  EXPECT_EQ(state.exit_code, 42);
}

TEST_P(ContainerdRuntimeTest, AShimThatDoesNotAnswerIsAnErrorAndNoEnd) {
  const auto spec = sleeper("bbbbbbbbbbc2");
  start(spec);
  const auto shim = parent_of(only(spec.pod.uid).pid);
  ASSERT_GT(shim, 1);
  ASSERT_EQ(::kill(shim, SIGSTOP), 0);
  const auto one = runtime().containers(spec.pod.uid);
  const auto all = runtime().all_containers();
  ASSERT_EQ(::kill(shim, SIGCONT), 0);
  EXPECT_TRUE(failed_with(one, ErrorCode::Unavailable)) << (one.ok() ? "no error" : one.error().message());
  EXPECT_TRUE(failed_with(all, ErrorCode::Unavailable)) << (all.ok() ? "no error" : all.error().message());
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Running);
}

TEST_P(ContainerdRuntimeTest, AShimThatWasKilledIsTheEndOfItsContainer) {
  const auto spec = sleeper("bbbbbbbbbbc3");
  start(spec);
  const auto shim = parent_of(only(spec.pod.uid).pid);
  ASSERT_GT(shim, 1);
  ASSERT_EQ(::kill(shim, SIGKILL), 0);
  EXPECT_TRUE(eventually([&] {
    const auto states = runtime().containers(spec.pod.uid);
    return states.ok() && states->size() == 1 && states->front().phase == ContainerPhase::Unknown;
  }));
}

TEST_P(ContainerdRuntimeTest, PullsFromARegistryAndSaysWhatIsNotThere) {
  const auto registry = variable("BERTH_TEST_REGISTRY");
  if (registry.empty()) GTEST_SKIP() << "no BERTH_TEST_REGISTRY";
  std::mutex mutex;
  std::condition_variable told;
  std::vector<Result<ImageInfo>> results;
  const auto keep = [&](Result<ImageInfo> result) {
    const std::scoped_lock lock(mutex);
    results.push_back(std::move(result));
    told.notify_all();
  };
  const auto wait_for = [&](std::size_t count) {
    std::unique_lock lock(mutex);
    return told.wait_for(lock, seconds(60), [&] { return results.size() >= count; });
  };
  runtime().pull(subject_.image, {}, keep);
  runtime().pull(subject_.image, {}, keep);
  ASSERT_TRUE(wait_for(2));
  for (const auto& result : results) EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message());
  runtime().pull("docker.io/library/there-is-no-such-image:1", {}, keep);
  ASSERT_TRUE(wait_for(3));
  EXPECT_TRUE(failed_with(results[2], ErrorCode::NotFound)) << (results[2].ok() ? "" : results[2].error().message());
  runtime().pull("Not A Reference", {}, keep);
  ASSERT_TRUE(wait_for(4));
  EXPECT_TRUE(failed_with(results[3], ErrorCode::InvalidArgument));
}

TEST_P(ContainerdRuntimeTest, WithoutACollectorNobodyCanAttachAndTheContainerGoesOn) {
  const auto spec = sleeper("bbbbbbbbbbd0");
  start(spec);
  const auto refused = runtime().attach(id_of(spec), {});
  ASSERT_TRUE(failed_with(refused, ErrorCode::Unavailable));
  EXPECT_NE(refused.error().message().find("berth-logd"), std::string::npos) << refused.error().message();
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Running);
}

TEST_P(ContainerdRuntimeTest, ATerminalsPromptComesAtOnceAndItsSizeIsSet) {
  auto spec = repeater("bbbbbbbbbbd1", /*stdin_once=*/true);
  spec.command = {"/bin/sh", "-c", "PS1='prompt> ' exec /bin/sh -i"};
  spec.tty = true;
  start(spec);
  for (int i = 0; i < 2; ++i) {  // a session that goes is no end for a terminal, whatever stdinOnce says
    const auto session = attach(spec, /*with_stdin=*/true);
    ASSERT_NE(session, nullptr);
    EXPECT_EQ(session->stderr_fd(), -1);
    EXPECT_NE(read_until(session->stdout_fd(), "prompt> ").find("prompt> "), std::string::npos);
    ASSERT_TRUE(session->resize(132, 43).ok());
    type(*session, "stty size\n");
    const auto text = read_until(session->stdout_fd(), "43 132\r\nprompt> ");
    EXPECT_NE(text.find("43 132\r\n"), std::string::npos) << text;
  }
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Running);
  const auto session = attach(spec, /*with_stdin=*/true);
  type(*session, "exit 3\n");
  EXPECT_EQ(exit_of(*session), 3);
  EXPECT_TRUE(ends(session->stdout_fd()));
}

TEST_P(ContainerdRuntimeTest, StdinStaysOpenWhileNobodyIsAttachedAndNoAgentRuns) {
  const auto spec = repeater("bbbbbbbbbbd2", /*stdin_once=*/true);
  start(spec);
  const auto pid = only(spec.pod.uid).pid;
  subject_.runtime.reset();  // nobody but the shim has the FIFO open now
  std::this_thread::sleep_for(milliseconds(300));
  subject_.runtime = make_containerd_runtime(config_in(run_dir()));
  restart();
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Running);
  EXPECT_EQ(only(spec.pod.uid).pid, pid);
  {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(told_.wait_for(lock, seconds(20), [this] { return connected_ > 0; }));
  }
  const auto session = attach(spec, /*with_stdin=*/true);
  ASSERT_NE(session, nullptr);
  type(*session, "still here\n");
  EXPECT_EQ(read_until(session->stdout_fd(), "\n"), "still here\n");
  EXPECT_TRUE(session->close_stdin().ok());
  EXPECT_EQ(exit_of(*session), 0);
}

TEST_P(ContainerdRuntimeTest, TheFirstStdinThatClosesIsTheEndForAllThatAreAttached) {
  auto spec = repeater("bbbbbbbbbbd3", /*stdin_once=*/true);
  spec.command = {"/bin/sh", "-c", "cat; echo end of input; until [ -s /code ]; do sleep 0.02; done"};
  start(spec);
  const auto first = attach(spec, /*with_stdin=*/true);
  const auto second = attach(spec, /*with_stdin=*/true);
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  type(*first, "from the first\n");
  EXPECT_EQ(read_until(first->stdout_fd(), "first\n"), "from the first\n");
  EXPECT_EQ(read_until(second->stdout_fd(), "first\n"), "from the first\n");
  EXPECT_TRUE(first->close_stdin().ok());
  EXPECT_EQ(read_until(second->stdout_fd(), "end of input\n"), "end of input\n");
  type(*second, "nobody reads this\n");
  AttachOptions options;
  options.has_stdin = true;
  const auto refused = runtime().attach(id_of(spec), options);
  ASSERT_TRUE(failed_with(refused, ErrorCode::FailedPrecondition));
  EXPECT_NE(refused.error().message().find("stdinOnce"), std::string::npos) << refused.error().message();
}

TEST_P(ContainerdRuntimeTest, TheStopSignalOfTheImageIsUsed) {
  auto spec = sleeper("bbbbbbbbbbd4");
  spec.image = "registry.hub.docker.com/library/nginx:1.15.5";  // StopSignal: SIGQUIT
  if (!runtime().image(spec.image)) GTEST_SKIP() << "image " << spec.image << " is not here";
  spec.command = {"/bin/sh", "-c",
                  "trap 'exit 3' QUIT; trap 'exit 15' TERM; touch /trapped; until [ -s /code ]; do sleep 0.02; done"};
  start(spec);
  ASSERT_TRUE(eventually([&] { return exec(spec, "ls /trapped").exit_code == 0; }));
  ASSERT_TRUE(runtime().request_stop(id_of(spec)).ok());
  ASSERT_TRUE(heard_of(spec.pod.uid));
  EXPECT_EQ(only(spec.pod.uid).exit_code, 3);
}

/// Each had its own: a queue or a file in /dev/shm that one made, the other did not see, and nobody said so.
TEST_P(ContainerdRuntimeTest, ContainersOfAPodShareTheirIpcAndNoOtherPodDoes) {
  const auto first = sleeper("bbbbbbbbbbd4");
  auto second = first;
  second.name = "second";
  const auto stranger = sleeper("bbbbbbbbbbd5");
  for (const auto& spec : {first, second, stranger}) start(spec);
  EXPECT_EQ(exec(first, "echo hello >/dev/shm/said && touch /dev/mqueue/queue").exit_code, 0);
  EXPECT_EQ(exec(second, "cat /dev/shm/said && ls /dev/mqueue").output, "hello\nqueue\n");
  EXPECT_EQ(exec(stranger, "ls /dev/shm; ls /dev/mqueue").output, "");
  const auto ipc = exec(first, "readlink /proc/self/ns/ipc").output;
  EXPECT_EQ(exec(second, "readlink /proc/self/ns/ipc").output, ipc);
  EXPECT_NE(exec(stranger, "readlink /proc/self/ns/ipc").output, ipc);
  EXPECT_EQ(exec(second, "grep ' /dev/shm ' /proc/mounts | grep -c nosuid,nodev,noexec.*size=65536k").output, "1\n");

  // It is the pod's, and stays when its containers go; also for the next agent.
  ASSERT_TRUE(runtime().remove(id_of(first)).ok());
  ASSERT_TRUE(runtime().remove(id_of(second)).ok());
  restart();
  auto next = first;
  next.attempt = 1;
  start(next);
  EXPECT_EQ(exec(next, "cat /dev/shm/said; readlink /proc/self/ns/ipc").output, "hello\n" + ipc);

  ASSERT_TRUE(runtime().remove_pod(next.pod.uid).ok());
  EXPECT_FALSE(fs::exists(run_dir() / "ipc" / next.pod.uid));
  EXPECT_TRUE(fs::exists(run_dir() / "ipc" / stranger.pod.uid));
  const auto mounts = read_file("/proc/self/mountinfo");
  ASSERT_TRUE(mounts.ok());
  EXPECT_EQ(mounts->find(next.pod.uid), std::string::npos);
  ASSERT_TRUE(runtime().remove_pod(stranger.pod.uid).ok());
}

TEST_P(ContainerdRuntimeTest, ThePodsIpcAloneIsSomethingOfAPod) {
  const auto spec = sleeper("bbbbbbbbbbd6");
  start(spec);
  ASSERT_TRUE(runtime().remove(id_of(spec)).ok());
  const auto present = runtime().present_pods();
  ASSERT_TRUE(present.ok());
  EXPECT_EQ(*present, std::vector{spec.pod.uid});
  ASSERT_TRUE(runtime().remove_pod(spec.pod.uid).ok());
  EXPECT_TRUE(runtime().present_pods()->empty());
}

TEST_P(ContainerdRuntimeTest, WithTheHostsIpcThereIsNoneOfThePod) {
  auto spec = sleeper("bbbbbbbbbbd7");
  spec.host_ipc = true;
  ASSERT_NO_FATAL_FAILURE(start(spec));  // also where the host has no /dev/mqueue mounted
  std::error_code error;
  EXPECT_EQ(exec(spec, "readlink /proc/self/ns/ipc").output,
            fs::read_symlink("/proc/self/ns/ipc", error).string() + "\n");
  EXPECT_FALSE(fs::exists(run_dir() / "ipc" / spec.pod.uid));
}

/// "ro" alone left what is mounted below it writable.
TEST_P(ContainerdRuntimeTest, WhatIsMountedBelowAReadOnlyVolumeIsSoWhenAskedFor) {
  const auto volume = run_dir() / "volume";
  fs::create_directories(volume / "below");
  ASSERT_EQ(::mount("below", (volume / "below").c_str(), "tmpfs", 0, nullptr), 0);
  auto spec = sleeper("bbbbbbbbbbd8");
  spec.mounts = {{volume.string(), "/plain", true, "", Recursive::No},
                 {volume.string(), "/wholly", true, "", Recursive::Yes}};
  start(spec);
  EXPECT_EQ(exec(spec, "touch /plain/file").exit_code, 1);
  EXPECT_EQ(exec(spec, "touch /plain/below/file").exit_code, 0) << "as Kubernetes has it";
  EXPECT_EQ(exec(spec, "touch /wholly/below/file").exit_code, 1);
  EXPECT_TRUE(runtime().remove_pod(spec.pod.uid).ok());
  ::umount2((volume / "below").c_str(), MNT_DETACH);
}

/// What is asked for and not there is an error: it ran unconfined.
TEST_P(ContainerdRuntimeTest, AProfileOfAppArmorThatIsNotLoadedStartsNothing) {
  auto spec = sleeper("bbbbbbbbbbd9");
  spec.pod_security.app_armor = model::AppArmorProfile{"Localhost", "no-such-profile"};
  const auto started = runtime().start(spec);
  ASSERT_TRUE(failed_with(started, ErrorCode::InvalidArgument));
  EXPECT_NE(started.error().message().find("cannot enforce AppArmor"), std::string::npos) << started.error().message();
  spec.security.app_armor = model::AppArmorProfile{"Unconfined", ""};  // the container's own word counts
  start(spec);
}

TEST_P(ContainerdRuntimeTest, UsageGrowsWithTheWork) {
  auto spec = sleeper("bbbbbbbbbbd5");
  spec.command = {"/bin/sh", "-c", "while :; do :; done"};
  start(spec);
  const auto mine = [&]() -> std::optional<ContainerUsage> {
    const auto all = runtime().usage();
    EXPECT_TRUE(all.ok());
    for (const auto& usage : *all) {
      if (usage.id == id_of(spec) && usage.pod_uid == spec.pod.uid) return usage;
    }
    return std::nullopt;
  };
  const auto first = mine();
  ASSERT_TRUE(first.has_value());
  EXPECT_GT(first->memory_bytes, 0U);
  EXPECT_TRUE(eventually([&] {
    const auto later = mine();
    return later && later->cpu_nanoseconds > first->cpu_nanoseconds + 50'000'000;
  }));
  ASSERT_TRUE(runtime().remove(id_of(spec)).ok());
  EXPECT_FALSE(mine().has_value());
}

/// Not a test: prints what a start costs. --gtest_also_run_disabled_tests
TEST_P(ContainerdRuntimeTest, DISABLED_StartLatency) {
  std::vector<double> starts;
  std::vector<double> removes;
  for (int i = 0; i < 40; ++i) {
    auto spec = sleeper(fmt::format("ccccccccc{:03}", i));
    spec.command = {"/bin/sleep", "100"};
    const auto t0 = steady_clock::now();
    start(spec);
    const auto t1 = steady_clock::now();
    ASSERT_TRUE(runtime().remove(id_of(spec)).ok());
    const auto t2 = steady_clock::now();
    starts.push_back(std::chrono::duration<double, std::milli>(t1 - t0).count());
    removes.push_back(std::chrono::duration<double, std::milli>(t2 - t1).count());
  }
  std::sort(starts.begin(), starts.end());
  std::sort(removes.begin(), removes.end());
  std::string rss = read_file("/proc/self/status")->substr(0);
  rss = rss.substr(rss.find("VmRSS"), 60);
  fmt::print("start median {:.1f} p90 {:.1f} ms; remove median {:.1f} ms\n{}\n", starts[20], starts[36], removes[20],
             rss);
}

}  // namespace
}  // namespace berth::runtime
