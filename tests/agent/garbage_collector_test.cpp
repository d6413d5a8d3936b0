// tests/agent/garbage_collector_test.cpp - what goes with its owner, what stays, and what holds its owner.
#include "agent/ending/garbage_collector.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "model/deletion.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using testing::ElementsAre;

class GarbageCollectorTest : public ControllerFixture {
 protected:
  void start() { begin({garbage.row()}); }

  static std::string owner(const model::Object& of, bool blocks = false) {
    return fmt::format(R"({{"apiVersion":"{}","kind":"{}","name":"{}","uid":"{}","blockOwnerDeletion":{}}})",
                       model::info(of.kind).api_version(), model::info(of.kind).name, of.meta.name, of.meta.uid,
                       blocks);
  }
  model::ObjectPtr map(const std::string& name, const std::string& owners = "", const std::string& more = "") {
    return put(fmt::format(
        R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}","namespace":"default"{},
        "ownerReferences":[{}]}}}})",
        name, more, owners));
  }
  void mark(const std::string& name, std::string_view finalizer = {}) {
    edit({Kind::ConfigMap, "default", name}, [&](json::object& raw) {
      if (!finalizer.empty()) model::add_finalizer(raw, finalizer);
      model::mark_deleted(Kind::ConfigMap, raw, std::nullopt, clock.wall());
    });
  }
  bool has(const std::string& name) const { return exists(Kind::ConfigMap, name); }

  GarbageCollector garbage{*store};
};

TEST_F(GarbageCollectorTest, ADependentGoesWithItsOnlyOwner) {
  start();
  const auto a = map("a");
  const auto b = map("b", owner(*a));
  map("c", owner(*b));
  settle();
  EXPECT_TRUE(has("c"));
  remove(a->key());
  settle();
  EXPECT_FALSE(has("b"));
  EXPECT_FALSE(has("c"));
}

TEST_F(GarbageCollectorTest, ADependentOfTwoLosesTheGoneOwnerOnly) {
  start();
  const auto a = map("a");
  const auto b = map("b");
  map("c", owner(*a) + "," + owner(*b));
  settle();
  remove(a->key());
  settle();
  ASSERT_TRUE(has("c"));
  const auto left = get(Kind::ConfigMap, "c")->meta.owner_references;
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].name, "b");
  remove(b->key());
  settle();
  EXPECT_FALSE(has("c"));
}

TEST_F(GarbageCollectorTest, AnOwnerThatVanishedWhileWeWereAwayIsFoundAtTheStart) {
  const auto a = map("a");
  map("b", owner(*a));
  remove(a->key());
  start();
  EXPECT_FALSE(has("b"));
}

TEST_F(GarbageCollectorTest, TheSameNameWithAnotherUidIsNoOwner) {
  const auto a = map("a");
  map("b", owner(*a));
  remove(a->key());
  map("a");
  start();
  EXPECT_FALSE(has("b"));
}

TEST_F(GarbageCollectorTest, AnOwnerOfAnUnknownKindKeepsItsDependents) {
  map("b", R"({"apiVersion":"apps/v1","kind":"Widget","name":"x","uid":"1"})");
  map("c", R"({"apiVersion":"example.com/v1","kind":"ConfigMap","name":"x","uid":"2"})");
  put(R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"p","ownerReferences":[
      {"apiVersion":"v1","kind":"ConfigMap","name":"x","uid":"3"}]}})");
  start();
  EXPECT_TRUE(has("b"));
  EXPECT_TRUE(has("c"));
  EXPECT_TRUE(exists(Kind::PersistentVolume, "p", ""));
}

TEST_F(GarbageCollectorTest, WhatAFileKeepsIsLeftAlone) {
  map("b", R"({"apiVersion":"v1","kind":"ConfigMap","name":"x","uid":"1"})",
      R"(,"annotations":{"berth.io/source":"directory:/m/a.yaml"})");
  start();
  EXPECT_TRUE(has("b"));
}

TEST_F(GarbageCollectorTest, ADependentWithAFinalizerIsMarkedAndGoesWithIt) {
  start();
  const auto a = map("a");
  map("b", owner(*a), R"(,"finalizers":["x.io/hold"])");
  settle();
  remove(a->key());
  settle();
  ASSERT_TRUE(has("b"));
  EXPECT_TRUE(get(Kind::ConfigMap, "b")->meta.deleting());
  edit({Kind::ConfigMap, "default", "b"}, [](json::object& raw) { model::drop_finalizer(raw, "x.io/hold"); });
  settle();
  EXPECT_FALSE(has("b"));
}

TEST_F(GarbageCollectorTest, InTheForegroundTheOwnerWaitsForThoseThatBlockIt) {
  start();
  const auto a = map("a");
  map("b", owner(*a, true), R"(,"finalizers":["x.io/hold"])");
  map("c", owner(*a, false));
  settle();
  mark("a", model::kForegroundFinalizer);
  settle();
  ASSERT_TRUE(has("a"));
  EXPECT_TRUE(get(Kind::ConfigMap, "b")->meta.deleting());
  edit({Kind::ConfigMap, "default", "b"}, [](json::object& raw) { model::drop_finalizer(raw, "x.io/hold"); });
  settle();
  EXPECT_FALSE(has("a"));
  EXPECT_FALSE(has("b"));
  EXPECT_FALSE(has("c"));
}

TEST_F(GarbageCollectorTest, TheForegroundReachesThroughToTheLastDependent) {
  start();
  const auto a = map("a");
  const auto b = map("b", owner(*a, true));
  map("c", owner(*b, true), R"(,"finalizers":["x.io/hold"])");
  settle();
  mark("a", model::kForegroundFinalizer);
  settle();
  EXPECT_TRUE(has("a"));
  ASSERT_TRUE(has("b"));
  EXPECT_TRUE(get(Kind::ConfigMap, "b")->meta.deleting());
  edit({Kind::ConfigMap, "default", "c"}, [](json::object& raw) { model::drop_finalizer(raw, "x.io/hold"); });
  settle();
  EXPECT_FALSE(has("a"));
  EXPECT_FALSE(has("b"));
  EXPECT_FALSE(has("c"));
}

TEST_F(GarbageCollectorTest, OrphansLoseTheirOwnerAndLiveOn) {
  start();
  const auto a = map("a");
  map("b", owner(*a, true));
  settle();
  mark("a", model::kOrphanFinalizer);
  settle();
  EXPECT_FALSE(has("a"));
  ASSERT_TRUE(has("b"));
  EXPECT_TRUE(get(Kind::ConfigMap, "b")->meta.owner_references.empty());
}

TEST_F(GarbageCollectorTest, AForeignFinalizerHoldsTheOwnerAfterOurs) {
  start();
  const auto a = map("a", "", R"(,"finalizers":["x.io/hold"])");
  mark("a", model::kForegroundFinalizer);
  settle();
  ASSERT_TRUE(has("a"));
  EXPECT_THAT(get(Kind::ConfigMap, "a")->meta.finalizers, ElementsAre("x.io/hold"));
}

TEST_F(GarbageCollectorTest, AReleasedObjectThatACrashLeftIsRemovedAtTheStart) {
  map("a");
  mark("a");
  start();
  EXPECT_FALSE(has("a"));
}

TEST_F(GarbageCollectorTest, PodsOfAGoneSetAreDeletedGracefully) {
  start();
  const auto set = put(R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"s","namespace":"default"},
      "spec":{"selector":{},"serviceName":"s","template":{"spec":{"containers":[{"name":"c"}]}}}})");
  put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"s-0","namespace":"default",
      "ownerReferences":[{}]}},"spec":{{"nodeName":"n","containers":[{{"name":"c"}}]}}}})",
                  owner(*set, true)));
  settle();
  remove(set->key());
  settle();
  ASSERT_TRUE(exists(Kind::Pod, "s-0"));
  EXPECT_EQ(get(Kind::Pod, "s-0")->meta.deletion_grace_period_seconds, 30);
}

TEST_F(GarbageCollectorTest, PodsOfASetThatIsBeingDeletedAreTheSets) {
  start();
  const auto set = put(R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"s","namespace":"default",
      "finalizers":["foregroundDeletion"]},
      "spec":{"selector":{},"serviceName":"s","template":{"spec":{"containers":[{"name":"c"}]}}}})");
  put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"s-0","namespace":"default",
      "ownerReferences":[{}]}},"spec":{{"nodeName":"n","containers":[{{"name":"c"}}]}}}})",
                  owner(*set, true)));
  edit(set->key(), [&](json::object& raw) { model::mark_deleted(Kind::StatefulSet, raw, std::nullopt, clock.wall()); });
  settle();
  EXPECT_FALSE(get(Kind::Pod, "s-0")->meta.deleting());
  remove({Kind::Pod, "default", "s-0"});
  settle();
  ASSERT_TRUE(exists(Kind::StatefulSet, "s"));  // Its controller's to remove, now that no finalizer holds it.
  EXPECT_TRUE(get(Kind::StatefulSet, "s")->meta.finalizers.empty());
}

TEST(GarbagePlan, OldVersionsOfAGroupAreTheSameOwner) {
  const model::OwnerReference owner{.api_version = "apps/v1beta1",
                                    .kind = "StatefulSet",
                                    .name = "s",
                                    .uid = "u",
                                    .controller = true,
                                    .block_owner_deletion = true};
  EXPECT_EQ(owner_key(owner, Kind::Pod, "ns"), (model::ObjectKey{Kind::StatefulSet, "ns", "s"}));
}

TEST(GarbagePlan, AnUnknownOwnerBesideGoneOnesKeepsEverything) {
  model::ObjectMeta meta;
  meta.owner_references.resize(2);
  const auto plan = plan_dependent(meta, {OwnerState::Absent, OwnerState::Unknown});
  EXPECT_FALSE(plan.remove);
  EXPECT_TRUE(plan.drop_owners.empty());
}

}  // namespace
}  // namespace berth::agent
