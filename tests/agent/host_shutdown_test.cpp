// tests/agent/host_shutdown_test.cpp - the host goes down: each step follows from what was told, no time has to pass.
#include "agent/host_shutdown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/fakes/fake_log_reader.hpp"
#include "tests/fakes/fake_network.hpp"
#include "tests/fakes/fake_runtime.hpp"
#include "tests/fakes/fake_volumes.hpp"
#include "tests/fakes/manual_clock.hpp"

namespace berth::agent {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class NoHooks final : public Hooks {
 public:
  void begin(HookCall call) override { call.ended(Ok{}); }
  void drop(const std::string&) override {}
};

class HostShutdownTest : public testing::Test {
 protected:
  HostShutdownTest() {
    runtime.add_image("web:1");
    runtime.subscribe([this](const std::string& uid) { loop.post([this, uid] { driver.kick(uid); }); }, [] {});
    runtime.on_signal([this](const std::string& container, int signal) {
      if (signal == SIGTERM) told.push_back(container);
      if (signal == SIGKILL || !stubborn) runtime.exit(container, 128 + signal);
    });
  }

  void add(const std::string& name, std::int64_t priority) {
    json::object raw{
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata", {{"name", name}, {"namespace", "default"}, {"uid", name}}},
        {"spec",
         {{"nodeName", "here"},
          {"priority", priority},
          {"terminationGracePeriodSeconds", 30},
          {"containers",
           json::array{json::object{{"name", "main"}, {"image", "web:1"}, {"imagePullPolicy", "IfNotPresent"}}}}}}};
    auto object = *model::make_object(std::move(raw));
    ASSERT_TRUE(store::create_and_wait(*store, object).ok());
    driver.set_pod(std::make_shared<const model::Pod>(*model::decode_pod(object)));
    shutdown.look_again();
  }
  void settle() {
    while (loop.poll() > 0) {
    }
  }

  Loop loop;
  ManualClock clock;
  std::unique_ptr<Lane> lane = make_inline_lane();
  std::unique_ptr<store::Store> store = store::make_memory_store();
  ObjectCache cache;
  runtime::FakeRuntime runtime{&clock};
  network::FakeNetwork network;
  volumes::FakeVolumes volumes;
  runtime::FakeLogReader logs;
  PodWorker worker{runtime, logs, network, volumes};
  NoHooks hooks;
  PodDriver driver{
      {.loop = loop,
       .pods = *lane,
       .hooks = hooks,
       .worker = worker,
       .runtime = runtime,
       .clock = clock,
       .host_ip = "192.0.2.1"},
      {.inputs =
           [](const model::Pod& pod) {
             StepInput input;
             input.facts.pod = pod;
             return input;
           },
       .on_status = [this](const model::Pod& pod, const model::PodStatus&) { unwritten.push_back(pod.meta.uid); },
       .on_forget = [](const model::Pod&) {},
       .on_event = [](const model::Pod&, const Tell&) {},
       .on_settled = [](const std::string&) {},
       .on_left = [this] { shutdown.look_again(); },
       .pull_keys = [](const model::Pod&, const std::string&) { return PullKeys(); }}};
  HostShutdown shutdown{{.loop = loop,
                         .clock = clock,
                         .cache = cache,
                         .store = *store,
                         .driver = driver,
                         .all_written = [this] { return unwritten.empty(); }},
                        {.whole = seconds(60), .critical = seconds(10)},
                        [this] { ++done; }};
  std::vector<std::string> told;
  std::vector<std::string> unwritten;  ///< Pods with a status that the store did not answer yet.
  bool stubborn = false;
  int done = 0;
};

std::string id(const std::string& pod) { return runtime::container_id(pod, "main", 0); }

TEST_F(HostShutdownTest, TheEndOfOnePodTellsTheNextAndTheLastWordStoredEndsUs) {
  add("plain", 0);
  add("batch", -10);
  settle();
  ASSERT_EQ(runtime.running(), 2U);
  shutdown.begin();
  settle();
  EXPECT_THAT(told, ElementsAre(id("batch"), id("plain")));
  EXPECT_EQ(runtime.running(), 0U);
  EXPECT_EQ(done, 0) << "what became of them is not stored yet";
  unwritten.clear();
  shutdown.look_again();
  settle();
  EXPECT_EQ(done, 1);
  shutdown.look_again();
  settle();
  EXPECT_EQ(done, 1);
}

TEST_F(HostShutdownTest, WhileAPodHasNotLeftTheNextIsNotTold) {
  stubborn = true;
  add("plain", 0);
  add("batch", -10);
  settle();
  shutdown.begin();
  settle();
  unwritten.clear();
  shutdown.look_again();
  settle();
  EXPECT_THAT(told, ElementsAre(id("batch")));
  EXPECT_EQ(done, 0);
  stubborn = false;
  runtime.exit(id("batch"), 0);
  settle();
  EXPECT_THAT(told, ElementsAre(id("batch"), id("plain")));
}

TEST_F(HostShutdownTest, APodThatComesMeanwhileIsToldToo) {
  stubborn = true;
  add("plain", 0);
  settle();
  shutdown.begin();
  settle();
  stubborn = false;
  add("late", 0);
  runtime.exit(id("plain"), 0);
  settle();
  unwritten.clear();
  shutdown.look_again();
  settle();
  EXPECT_EQ(runtime.running(), 0U);
  EXPECT_EQ(done, 1);
}

TEST_F(HostShutdownTest, AHostWithoutPodsGoesAtOnceAndNobodyIsHeardBefore) {
  shutdown.look_again();
  settle();
  EXPECT_EQ(done, 0);
  shutdown.begin();
  settle();
  EXPECT_EQ(done, 1);
  EXPECT_THAT(told, IsEmpty());
}

}  // namespace
}  // namespace berth::agent
