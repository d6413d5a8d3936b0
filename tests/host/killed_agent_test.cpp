// tests/host/killed_agent_test.cpp - what kill -9 of the agent leaves at containerd: run it inside tests/bed/run.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "base/counters.hpp"
#include "base/unique_fd.hpp"
#include "runtime/containerd_client.hpp"
#include "runtime/grpc_channel.hpp"
#include "runtime/oci_spec.hpp"
#include "runtime/pod_cgroups.hpp"
#include "runtime/shim_reaper.hpp"
#include "tests/host/real_runtime.hpp"

namespace berth::runtime {
namespace {

class KilledAgentTest : public ContainerdRuntimeTest {
 protected:
  ContainerSpec neighbour_of(const ContainerSpec& spec) const {
    auto other = spec;
    other.name = "other";
    return other;
  }
  /// The container `name` of that pod, if there is one; fails the test when the pod cannot be seen.
  std::optional<ContainerState> find(const std::string& uid, const std::string& name) {
    const auto states = runtime().containers(uid);
    EXPECT_TRUE(states.ok()) << (states.ok() ? "" : states.error().message());
    if (!states) return std::nullopt;
    for (const auto& state : *states) {
      if (state.name == name) return state;
    }
    return std::nullopt;
  }
};
INSTANTIATE_TEST_SUITE_P(Containerd, KilledAgentTest, ::testing::Values(make_real));

constexpr auto kRunDirOfVictim = "BERTH_TEST_VICTIM_RUN_DIR";

/// For a victim, which runs in a process of its own: the runtime of an agent that is about to be killed.
std::unique_ptr<PodRuntime> runtime_of_victim() {
  auto runtime = make_containerd_runtime(config_in(variable(kRunDirOfVictim)));
  runtime->subscribe([](const std::string&) {}, [] {});
  return runtime;
}
void sign_of_life() { ASSERT_EQ(::write(STDOUT_FILENO, "#", 1), 1); }

/// A shim waits in open(2) for the other end of a FIFO, and with it every container of the pod: that end went with the
/// agent, which was killed after it asked for the exec.
TEST_P(KilledAgentTest, AnExecOfADeadAgentHoldsUpNothingOnceTheNextOneIsThere) {
  const auto spec = sleeper("bbbbbbbbbbd1");
  start(spec);
  const auto id = id_of(spec);
  const auto pid = only(spec.pod.uid).pid;
  const auto directory = run_dir() / "exec" / "exec-of-the-dead";
  fs::create_directories(directory);
  ASSERT_TRUE(write_file(directory / "container", id).ok());
  const auto fifo = directory / "output";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);

  const auto config = config_in(run_dir());
  GrpcChannel channel(config.address);
  ContainerdClient client(channel, {config.ns, config.snapshotter, config.runtime});
  const auto record = client.container(id);
  ASSERT_TRUE(record.ok()) << record.error().message();
  const auto process = make_exec_process(record->spec_json, {"/bin/true"}, /*terminal=*/false);
  ASSERT_TRUE(process.ok()) << process.error().message();
  const auto added = client.add_exec(id, "exec-of-the-dead", *process, {{}, fifo, fifo, false});
  ASSERT_TRUE(added.ok()) << added.error().message();
  std::thread asking([&] { (void)client.start_process(id, "exec-of-the-dead"); });
  // The shim hangs as soon as it hears that the command has ended.
  EXPECT_TRUE(eventually([&] { return failed_with(runtime().containers(spec.pod.uid), ErrorCode::Unavailable); }));

  const auto begin = steady_clock::now();
  restart();
  EXPECT_EQ(only(spec.pod.uid).pid, pid);
  EXPECT_EQ(exec(spec, "echo here").output, "here\n");
  EXPECT_LT(steady_clock::now() - begin, seconds(15));  // by itself it goes on after 30 s
  asking.join();
  EXPECT_TRUE(eventually([&] { return fs::is_empty(run_dir() / "exec"); }));
  EXPECT_TRUE(failed_with(client.process(id, "exec-of-the-dead"), ErrorCode::NotFound));
  channel.shutdown();
}

/// The same for the FIFOs of a container, between the creation of its task and its start.
TEST_P(KilledAgentTest, OutputThatNobodyReadsIsAdoptedBeforeAnythingIsAsked) {
  const auto directory = run_dir() / "io" / "of-the-dead";
  fs::create_directories(directory);
  for (const auto* name : {"stdout", "stderr", "stdin"}) ASSERT_EQ(::mkfifo((directory / name).c_str(), 0600), 0);
  restart();
  for (const auto* name : {"stdout", "stderr", "stdin"}) {
    const UniqueFd fd(::open((directory / name).c_str(), O_WRONLY | O_NONBLOCK));
    EXPECT_TRUE(fd) << name << ": nobody reads";
  }
}

/// Not a test: an agent to be killed.
TEST_P(KilledAgentTest, DISABLED_ExecsForever) {
  const auto id = id_of(sleeper("bbbbbbbbbbd2"));
  const auto victim = runtime_of_victim();
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (;;) (void)victim->exec(id, {"/bin/sh", "-c", "echo probe"}, seconds(5));
    });
  }
  ExecOptions options;
  options.command = {"/bin/sh", "-c", "echo stream; cat"};
  options.has_stdin = true;
  for (;;) {
    const auto session = victim->exec_stream(id, options);
    ASSERT_TRUE(session.ok());
    sign_of_life();
  }
}

/// Not a test: an agent to be killed.
TEST_P(KilledAgentTest, DISABLED_StartsForever) {
  const auto other = neighbour_of(sleeper("bbbbbbbbbbd3"));
  const auto victim = runtime_of_victim();
  for (;;) {
    sign_of_life();
    // It fails while containerd still undoes what the victim before this one had begun. The test starts the container
    // itself after each kill, with a deadline: a failure that stays is seen there.
    const auto started = victim->start(other);
    if (!started) fmt::print(stderr, "{}\n", started.error().message());
    (void)victim->remove(id_of(other));
  }
}

/// Starts the victim, waits for a sign of life, and kills it.
void run_and_kill(const std::string& victim, const fs::path& run_dir, milliseconds after) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const UniqueFd reading(pipe[0]);
  UniqueFd writing(pipe[1]);
  ::setenv(kRunDirOfVictim, run_dir.c_str(), 1);
  const auto filter = "--gtest_filter=*KilledAgentTest.DISABLED_" + victim + "*";
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::dup2(writing.get(), STDOUT_FILENO);
    ::execl("/proc/self/exe", "victim", "--gtest_also_run_disabled_tests", "--gtest_brief=1", filter.c_str(), nullptr);
    ::_exit(127);
  }
  writing.reset();
  // gtest prints a line or two first.
  std::string text;
  while (text.find('#') == std::string::npos) {
    char buffer[256];
    const auto count = ::read(reading.get(), buffer, sizeof buffer);
    ASSERT_GT(count, 0) << "the victim ended by itself: " << text;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  std::this_thread::sleep_for(after);
  EXPECT_EQ(::kill(child, SIGKILL), 0);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the victim ended by itself";
}

TEST_P(KilledAgentTest, KilledDuringExecsItRestartsNoContainerAndLeavesNothing) {
  const auto spec = sleeper("bbbbbbbbbbd2");
  start(spec);
  const auto before = only(spec.pod.uid);
  std::mt19937 random(20);  // NOLINT(cert-msc51-cpp): the same moments in each run
  for (int round = 0; round < 20 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    subject_.runtime.reset();
    run_and_kill("ExecsForever", run_dir(), milliseconds(random() % 200));
    restart();
    const auto now = only(spec.pod.uid);
    EXPECT_EQ(now.phase, ContainerPhase::Running);
    EXPECT_EQ(now.pid, before.pid);
    EXPECT_EQ(exec(spec, "echo here").output, "here\n");
    EXPECT_TRUE(eventually([&] { return fs::is_empty(run_dir() / "exec"); }));
  }
  // The brackets keep grep from finding itself.
  EXPECT_EQ(exec(spec, "grep -lE 'echo (pro[b]e|strea[m])' /proc/[0-9]*/cmdline 2>/dev/null || echo none").output,
            "none\n");
}

TEST_P(KilledAgentTest, KilledDuringAStartItHarmsNoNeighbourAndTheStartCanBeRepeated) {
  const auto spec = sleeper("bbbbbbbbbbd3");
  const auto other = neighbour_of(spec);
  start(spec);
  const auto before = only(spec.pod.uid);
  std::mt19937 random(21);  // NOLINT(cert-msc51-cpp): the same moments in each run
  for (int round = 0; round < 20 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    subject_.runtime.reset();
    run_and_kill("StartsForever", run_dir(), milliseconds(random() % 250));
    restart();
    const auto now = find(spec.pod.uid, spec.name);
    ASSERT_TRUE(now);
    EXPECT_EQ(now->phase, ContainerPhase::Running);
    EXPECT_EQ(now->pid, before.pid);
    const auto left = find(spec.pod.uid, other.name);
    if (left && left->phase != ContainerPhase::Running) {
      const auto cleared = runtime().remove(id_of(other));
      EXPECT_TRUE(cleared.ok()) << cleared.error().message();
    }
    // containerd may still be undoing the start that was cut short: the agent tries again, and so do we.
    Status started = Ok{};
    EXPECT_TRUE(eventually([&] { return (started = runtime().start(other)).ok(); }, seconds(40)))
        << started.error().message();
    const auto again = find(spec.pod.uid, other.name);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->phase, ContainerPhase::Running);
    const auto removed = runtime().remove(id_of(other));
    EXPECT_TRUE(removed.ok()) << removed.error().message();
  }
}

/// Of a pod that this agent made, and removed as it should be, nobody needs to look for anything.
TEST_P(KilledAgentTest, TheEndOfAPodWhoseContainersWereRemovedAsksContainerdNothing) {
  ASSERT_TRUE(runtime().present_pods().ok());
  const auto spec = sleeper("bbbbbbbbbbd4");
  const auto calls = [] { return counters().runtime_calls.load(); };
  start(spec);
  ASSERT_TRUE(runtime().remove(id_of(spec)).ok());
  const auto before = calls();
  EXPECT_TRUE(runtime().remove_pod(spec.pod.uid).ok());
  EXPECT_EQ(calls(), before);

  start(spec);
  restart();  // The next agent does not know that.
  ASSERT_TRUE(runtime().present_pods().ok());
  ASSERT_TRUE(runtime().remove(id_of(spec)).ok());
  const auto again = calls();
  EXPECT_TRUE(runtime().remove_pod(spec.pod.uid).ok());
  EXPECT_GE(calls(), again + 3);
}

/// A creation that was cut short, of which containerd has forgotten everything but the directory: it refuses the id.
TEST_P(KilledAgentTest, ADirectoryThatContainerdForgotBlocksItsContainerOnlyOnce) {
  const auto spec = sleeper("bbbbbbbbbbd4");
  const auto forgotten = fs::path(variable("BERTH_TEST_DIR")) / "containerd/state/io.containerd.runtime.v2.task" /
                         config_in(run_dir()).ns / id_of(spec);
  fs::create_directories(forgotten / "rootfs");
  ASSERT_TRUE(write_file(forgotten / "config.json", "{}").ok());
  fs::last_write_time(forgotten, fs::file_time_type::clock::now() - std::chrono::minutes(1));
  const auto refused = runtime().start(spec);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("file exists"), std::string::npos) << refused.error().message();
  const auto started = runtime().start(spec);
  EXPECT_TRUE(started.ok()) << started.error().message();
  EXPECT_EQ(only(spec.pod.uid).phase, ContainerPhase::Running);
}

/// With or without a record of its container: a cgroup, an IPC namespace, FIFOs, a snapshot or a lease are enough to
/// find the pod again.
TEST_P(KilledAgentTest, WhatAKilledStartLeftIsFoundAndNothingOfItStays) {
  const auto spec = sleeper("bbbbbbbbbbd3");
  const auto config = config_in(run_dir());
  std::mt19937 random(22);  // NOLINT(cert-msc51-cpp): the same moments in each run
  int found = 0;
  for (int round = 0; round < 20 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    subject_.runtime.reset();
    run_and_kill("StartsForever", run_dir(), milliseconds(random() % 250));
    restart();
    const auto present = runtime().present_pods();
    ASSERT_TRUE(present.ok()) << present.error().message();
    found += static_cast<int>(present->size());
    Status removed = Ok{};
    EXPECT_TRUE(eventually([&] { return (removed = runtime().remove_pod(spec.pod.uid)).ok(); }, seconds(40)))
        << removed.error().message();
    // It may have been killed before it made that.
    EXPECT_TRUE(!fs::exists(run_dir() / "io") || fs::is_empty(run_dir() / "io"));
    EXPECT_TRUE(fs::is_empty(run_dir() / "ipc"));
    GrpcChannel channel(config.address);
    ContainerdClient client(channel, {config.ns, config.snapshotter, config.runtime});
    EXPECT_TRUE(client.leases("id~=\"^berth-\"").value_or({"?"}).empty());
    EXPECT_TRUE(client.containers({}).value_or({ContainerRecord{}}).empty());
    EXPECT_TRUE(client.snapshots("kind==\"active\"").value_or({"?"}).empty());
    channel.shutdown();
    for (const auto& hierarchy : fs::directory_iterator("/sys/fs/cgroup")) {
      EXPECT_TRUE(pod_cgroups_in(hierarchy.path(), config.cgroup_parent).empty()) << hierarchy.path();
    }
    EXPECT_TRUE(find_shims(config.ns).empty());
  }
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace berth::runtime
