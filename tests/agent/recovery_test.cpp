// tests/agent/recovery_test.cpp - what a start finds on the host, and what it does about it.
#include "agent/recovery.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "agent/pod_records.hpp"
#include "tests/fakes/fake_network.hpp"
#include "tests/fakes/fake_runtime.hpp"
#include "tests/fakes/fake_volumes.hpp"

namespace berth::agent {
namespace {

class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() {
    auto pattern = testing::TempDir() + "recovery-XXXXXX";
    dir = ::mkdtemp(pattern.data());
    runtime.add_image("web:1");
    open();
  }
  ~RecoveryTest() override {
    recovery.reset();
    store.reset();
    std::filesystem::remove_all(dir);
  }

  /// The agent starts (again); what the rooms hold stays.
  void start() {
    removed.clear();
    recovery = std::make_unique<Recovery>(
        RecoveryRooms{.loop = loop,
                      .lane = *lane,
                      .store = *store,
                      .runtime = runtime,
                      .network = network,
                      .volumes = volumes,
                      .mark_file = dir / "store.json",
                      .node = "here"},
        RecoveryCallbacks{.on_orphan = [this](const runtime::PodIdentity& pod) { removed.push_back(pod.uid); },
                          .on_strangers = [this](const std::vector<model::Stranger>& all) { told = all; }});
    recovery->look_for_orphans();
    loop.poll();
  }

  void open() {
    store.reset();
    store::SqliteOptions options;
    options.node = "here";
    auto opened = store::open_sqlite_store(dir / "berth.db", options);
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    store = *std::move(opened);
  }

  static model::Object pod_object(const std::string& name, const std::string& uid) {
    json::object raw{
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata", {{"name", name}, {"namespace", "default"}, {"uid", uid}}},
        {"spec",
         {{"nodeName", "here"}, {"containers", json::array{json::object{{"name", "main"}, {"image", "web:1"}}}}}}};
    return *model::make_object(std::move(raw));
  }
  void make_pod(const std::string& name, const std::string& uid) {
    ASSERT_TRUE(store::create_and_wait(*store, pod_object(name, uid)).ok());
    run_container(name, uid);
  }
  void run_container(const std::string& name, const std::string& uid) {
    runtime::ContainerSpec spec;
    spec.pod = {.uid = uid, .ns = "default", .name = name};
    spec.name = "main";
    spec.image = "web:1";
    ASSERT_TRUE(runtime.start(spec).ok());
  }
  static model::Pod pod(const std::string& name, const std::string& uid) {
    model::Pod out;
    out.meta.ns = "default";
    out.meta.name = name;
    out.meta.uid = uid;
    return out;
  }

  std::filesystem::path dir;
  Loop loop;
  std::unique_ptr<Lane> lane = make_inline_lane();
  std::unique_ptr<store::Store> store;
  runtime::FakeRuntime runtime;
  network::FakeNetwork network;
  volumes::FakeVolumes volumes;
  std::unique_ptr<Recovery> recovery;
  std::vector<std::string> removed;
  std::vector<model::Stranger> told;
};

TEST_F(RecoveryTest, WhatItsOwnStoreDeletedIsTakenDown) {
  make_pod("web-0", "uid-a");
  make_pod("web-1", "uid-b");
  start();
  EXPECT_TRUE(removed.empty());
  ASSERT_TRUE(store::remove_and_wait(*store, {model::Kind::Pod, "default", "web-1"}, 0).ok());
  open();
  start();
  EXPECT_EQ(removed, std::vector<std::string>{"uid-b"});
  EXPECT_TRUE(told.empty());
}

TEST_F(RecoveryTest, AStoreThatIsGoneTakesNothingDownAndASuccessorOfTheNameWaits) {
  make_pod("web-0", "uid-a");
  start();
  store.reset();
  std::filesystem::remove(dir / "berth.db");
  open();
  start();
  EXPECT_TRUE(removed.empty());
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().uid, "uid-a");
  EXPECT_TRUE(recovery->holds(pod("web-0", "uid-new")));
  EXPECT_FALSE(recovery->holds(pod("web-1", "uid-other")));

  open();  // And at no later start, although the new store is known by then.
  start();
  EXPECT_TRUE(removed.empty());
  ASSERT_EQ(told.size(), 1U);
  recovery->drop("uid-a");
  EXPECT_TRUE(told.empty());
  EXPECT_FALSE(recovery->holds(pod("web-0", "uid-new")));
}

TEST_F(RecoveryTest, AnEmptiedStoreTakesNothingDown) {
  make_pod("web-0", "uid-a");
  start();
  store.reset();
  std::filesystem::resize_file(dir / "berth.db", 0);
  open();
  start();
  EXPECT_TRUE(removed.empty());
  EXPECT_EQ(told.size(), 1U);
}

TEST_F(RecoveryTest, WhileARoomCannotBeAskedNothingIsDecided) {
  make_pod("web-0", "uid-a");
  start();
  ASSERT_TRUE(store::remove_and_wait(*store, {model::Kind::Pod, "default", "web-0"}, 0).ok());
  open();
  volumes.fail_next("mounted_pods", Error(ErrorCode::Unavailable, "busy"));
  start();
  EXPECT_TRUE(removed.empty());
  recovery->retry();
  loop.poll();
  EXPECT_EQ(removed, std::vector<std::string>{"uid-a"});
}

TEST_F(RecoveryTest, InAStoreThatIsNotKnownEveryPodWaitsUntilTheHostWasLookedThrough) {
  run_container("web-0", "uid-a");
  volumes.fail_next("mounted_pods", Error(ErrorCode::Unavailable, "busy"));
  start();
  EXPECT_TRUE(recovery->holds(pod("web-1", "uid-other")));
  recovery->retry();
  loop.poll();
  EXPECT_FALSE(recovery->holds(pod("web-1", "uid-other")));
  EXPECT_TRUE(recovery->holds(pod("web-0", "uid-new")));
}

TEST_F(RecoveryTest, ARecordedPodCanBeMadeAgainUnderItsUid) {
  PodRecords records(dir / "objects", *lane);
  auto object = pod_object("web-0", "11111111-1111-4111-8111-111111111111");
  object.raw["metadata"].as_object()["ownerReferences"] = json::array{json::object{{"uid", "gone"}}};
  object.raw["metadata"].as_object()["resourceVersion"] = "77";
  records.keep(std::make_shared<const model::Object>(object));
  const auto read = records.read(object.meta.uid);
  ASSERT_TRUE(read.ok()) << read.error().message();
  const auto made = store::create_and_wait(*store, *read);
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ((*made)->meta.uid, object.meta.uid);
  EXPECT_TRUE((*made)->meta.owner_references.empty());
  EXPECT_EQ(find_string((*made)->raw.at("spec"), {"nodeName"}), "here");
  EXPECT_TRUE(failed_with(records.read("../../etc/passwd"), ErrorCode::InvalidArgument));
  records.forget(object.meta.uid);
  EXPECT_TRUE(failed_with(records.read(object.meta.uid), ErrorCode::NotFound));
}

}  // namespace
}  // namespace berth::agent
