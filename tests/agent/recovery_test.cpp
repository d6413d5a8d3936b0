// tests/agent/recovery_test.cpp - what a start finds on the host, and what it does about it.
#include "agent/recovery.hpp"

#include "agent/object_records.hpp"
#include "tests/agent/recovery_fixture.hpp"

namespace berth::agent {
namespace {

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

/// A host was off, others took all of its pods: none of what it finds is known to the store.
TEST_F(RecoveryTest, AfterABootWhatOthersDeletedMeanwhileIsTakenDownWhereTheStoreIsShared) {
  for (const bool is_shared : {true, false}) {
    SCOPED_TRACE(is_shared);
    shared = is_shared;
    start();
    run_container("db-0", "u-1");
    open();
    std::filesystem::remove(dir / "store.json");  // runDir is in memory
    start();
    EXPECT_EQ(removed, is_shared ? std::vector<std::string>{"u-1"} : std::vector<std::string>());
    EXPECT_EQ(told.size(), is_shared ? 0U : 1U) << "a store of our own that does not know it may be an older one";
    EXPECT_EQ(recovery->holds(pod("db-0", "u-2")), !is_shared);
    ASSERT_TRUE(runtime.remove("u-1-main-0").ok());
  }
}

TEST_F(RecoveryTest, AfterABootAnotherSharedStoreTakesNothingDown) {
  shared = true;
  start();
  run_container("db-0", "u-1");
  store.reset();
  for (const auto* each : {"berth.db", "berth.db-wal", "berth.db-shm", "store.json"})
    std::filesystem::remove(dir / each);
  open();
  start();
  EXPECT_TRUE(removed.empty());
  ASSERT_EQ(told.size(), 1U);
  open();
  std::filesystem::remove(dir / "store.json");
  start();
  EXPECT_TRUE(removed.empty()) << "it was here before that store was, which is kept, too";
  EXPECT_EQ(told.size(), 1U);
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

TEST_F(RecoveryTest, OfACopyOnlyWhatRunsHereGoesOnAndNothingIsTakenDownUntilTheStoreAnswers) {
  make_pod("web-0", "uid-a");
  make_pod("web-1", "uid-b");
  start();
  open();
  run_container("web-2", "uid-newer");  // The copy does not know it.
  ASSERT_TRUE(store::remove_and_wait(*store, {model::Kind::Pod, "default", "web-1"}, 0).ok());
  from_copy = true;
  volumes.fail_next("mounted_pods", Error(ErrorCode::Unavailable, "busy"));
  start();
  EXPECT_TRUE(recovery->holds(pod("web-0", "uid-a"))) << "it is not known yet what runs here";
  EXPECT_EQ(found, 0);
  recovery->retry();
  loop.poll();
  EXPECT_EQ(found, 1);
  EXPECT_FALSE(recovery->holds(pod("web-0", "uid-a")));
  EXPECT_TRUE(recovery->holds(pod("web-3", "uid-never-here")));
  EXPECT_TRUE(removed.empty());
  EXPECT_TRUE(told.empty());
  EXPECT_FALSE(recovery->strangers_known());

  ASSERT_TRUE(store::create_and_wait(*store, pod_object("web-2", "uid-newer")).ok());
  recovery->on_store();
  loop.poll();
  EXPECT_EQ(removed, std::vector<std::string>{"uid-b"}) << "now it is known to be deleted";
  EXPECT_TRUE(told.empty());
  EXPECT_FALSE(recovery->holds(pod("web-3", "uid-never-here")));
}

TEST_F(RecoveryTest, ARecordedPodCanBeMadeAgainUnderItsUid) {
  ObjectRecords records(dir / "objects", *lane);
  auto object = pod_object("web-0", "11111111-1111-4111-8111-111111111111");
  object.raw["metadata"].as_object()["ownerReferences"] = json::array{json::object{{"uid", "gone"}}};
  object.raw["metadata"].as_object()["resourceVersion"] = "77";
  records.keep(std::make_shared<const model::Object>(object));
  const auto read = records.read_pod(object.meta.uid);
  ASSERT_TRUE(read.ok()) << read.error().message();
  const auto made = store::create_and_wait(*store, *read);
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ((*made)->meta.uid, object.meta.uid);
  EXPECT_TRUE((*made)->meta.owner_references.empty());
  EXPECT_EQ(find_string((*made)->raw.at("spec"), {"nodeName"}), "here");
  EXPECT_TRUE(failed_with(records.read_pod("../../etc/passwd"), ErrorCode::InvalidArgument));
  records.forget_pod(object.meta.uid);
  EXPECT_TRUE(failed_with(records.read_pod(object.meta.uid), ErrorCode::NotFound));
}

}  // namespace
}  // namespace berth::agent
