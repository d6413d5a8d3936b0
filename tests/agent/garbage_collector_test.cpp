// tests/agent/garbage_collector_test.cpp - what goes with its owner, what stays, and what holds its owner.
#include "agent/ending/garbage_collector.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "model/deletion.hpp"
#include "tests/agent/controller_fixture.hpp"
#include "tests/fakes/counting_store.hpp"
#include "tests/fakes/slow_store.hpp"

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

/// A host of several: the store may lose it, and what it plans is `mine`'s to say.
class GarbageOfManyHosts : public testing::Test {
 protected:
  GarbageOfManyHosts() { runner.add(garbage.row()); }

  void put(const std::string& text) {
    auto raw = parse_json(text);
    ASSERT_TRUE(raw) << text;
    store::Txn txn;
    txn.writes.push_back(store::Write::put(*model::make_object(raw->get_object())));
    ASSERT_TRUE(store.elsewhere(std::move(txn)));
  }
  /// Its uid is its name; so are its owners'.
  void map(const std::string& name, const std::vector<std::string>& owners = {}, const std::string& more = "") {
    std::string references;
    for (const auto& each : owners) {
      references +=
          fmt::format(R"({}{{"apiVersion":"v1","kind":"ConfigMap","name":"{}","uid":"{}","blockOwnerDeletion":true}})",
                      references.empty() ? "" : ",", each, each);
    }
    put(fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}","namespace":"default",
        "uid":"{}","ownerReferences":[{}]{}}}}})",
                    name, name, references, more));
  }
  void remove(const std::string& name) {
    store::Txn txn;
    txn.writes.push_back(store::Write::remove({Kind::ConfigMap, "default", name}));
    ASSERT_TRUE(store.elsewhere(std::move(txn)));
  }
  model::ObjectPtr find(const std::string& name) const { return store.truth({Kind::ConfigMap, "default", name}); }
  void settle() {
    while (loop.poll() + store.step() != 0) {
    }
  }
  void begin() {
    settle();  // What is there by now is the snapshot's to tell.
    feed.begin();
    settle();
  }
  /// Another host comes or goes: other keys are ours.
  void become_warden(bool warden) {
    is_warden = warden;
    runner.wake_all();
    settle();
  }

  bool is_warden = true;
  store::SlowStore store;
  store::CountingStore counted{store};
  Loop loop;
  ManualClock clock;
  ObjectCache cache;
  StoreWriter writer{loop, store, clock};
  GarbageCollector garbage{counted};
  ControllerRunner runner{{.loop = loop,
                           .clock = clock,
                           .writer = writer,
                           .events = [](auto&&...) {},
                           .is_mine = [this](const model::ObjectKey&) { return is_warden; }}};
  CacheFeed feed{loop,
                 store,
                 cache,
                 {.on_snapshot = [this](const std::vector<PodPtr>&) { runner.wake_all(); },
                  .on_change = [this](const store::Change& change) { runner.on_change(change); },
                  .on_object = [this](const model::Object& object) { garbage.see(object); },
                  .on_whole = [this] { return garbage.end_of_snapshot(); }}};
};

TEST_F(GarbageOfManyHosts, AWakeOfEverythingReadsNothingWhereNothingIsToBeDone) {
  map("a");
  for (int i = 0; i < 100; ++i) map(fmt::format("before-{}", i), {"a"});
  begin();
  EXPECT_EQ(counted.reads, 0U) << "the snapshot is not asked for again";
  for (int i = 0; i < 100; ++i) map(fmt::format("later-{}", i), {"a"});
  map("b");
  map("c", {"b"});
  remove("b");
  settle();
  ASSERT_FALSE(find("c"));
  counted.reads = 0;
  for (const auto warden : {false, true, false, true}) become_warden(warden);
  EXPECT_EQ(counted.reads, 0U);
  EXPECT_TRUE(find("later-99"));
}

TEST_F(GarbageOfManyHosts, AWakeOfEverythingReadsWhatIsDueAndNoMore) {
  map("a");
  for (int i = 0; i < 100; ++i) map(fmt::format("of-a-{}", i), {"a"});
  map("lost", {"nobody"});
  is_warden = false;
  begin();
  EXPECT_EQ(counted.reads, 0U);
  become_warden(true);
  EXPECT_FALSE(find("lost"));
  EXPECT_LE(counted.reads, 5U);
}

TEST_F(GarbageOfManyHosts, WhatLostItsOwnerUnderAnotherWardenGoesWhenThatOneDoes) {
  map("a");
  map("b", {"a"});
  map("c");
  is_warden = false;
  begin();
  map("d", {"c"});  // Its owner was there before it, and goes with nobody looking, too.
  remove("a");
  remove("c");
  settle();
  ASSERT_TRUE(find("b"));
  ASSERT_TRUE(find("d"));
  become_warden(true);
  EXPECT_FALSE(find("b"));
  EXPECT_FALSE(find("d"));
}

TEST_F(GarbageOfManyHosts, WhatCameAfterItsOwnerWasGoneGoesUnderTheNextWarden) {
  map("a");
  is_warden = false;
  begin();
  remove("a");
  map("b", {"a"});
  settle();
  ASSERT_TRUE(find("b"));
  become_warden(true);
  EXPECT_FALSE(find("b"));
}

TEST_F(GarbageOfManyHosts, AnOwnerThatWentWhileTheStoreWasOutOfSightIsMissedInTheSnapshot) {
  map("a");
  map("b", {"a"});
  map("stays");
  map("c", {"a", "stays"});
  begin();
  store.lose_watches();
  remove("a");
  map("d", {"stays"});
  settle();
  EXPECT_FALSE(find("b"));
  ASSERT_TRUE(find("c"));
  EXPECT_EQ(find("c")->meta.owner_references.size(), 1U);
  EXPECT_TRUE(find("d"));
  remove("stays");  // Of which the index of that snapshot knows.
  settle();
  EXPECT_FALSE(find("c"));
  EXPECT_FALSE(find("d"));
}

TEST_F(GarbageOfManyHosts, AnotherOfTheOwnersNameIsMissedInTheSnapshotToo) {
  map("a");
  map("b", {"a"});
  begin();
  store.lose_watches();
  remove("a");
  put(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default","uid":"another"}})");
  settle();
  EXPECT_FALSE(find("b"));
  EXPECT_TRUE(find("a"));
}

TEST_F(GarbageOfManyHosts, AFinalizerThatAWardenLeftIsDroppedByTheNext) {
  const std::string ends = R"(,"deletionTimestamp":"2026-11-21T00:00:00Z","finalizers":["foregroundDeletion"])";
  is_warden = false;
  map("at-the-start", {}, ends);
  begin();
  map("meanwhile", {}, ends);
  map("owner", {}, ends);
  map("dependent", {"owner"});
  settle();
  for (const auto* name : {"at-the-start", "meanwhile", "owner", "dependent"}) ASSERT_TRUE(find(name)) << name;
  become_warden(true);
  for (const auto* name : {"at-the-start", "meanwhile", "owner", "dependent"}) EXPECT_FALSE(find(name)) << name;
}

TEST_F(GarbageOfManyHosts, AnOwnerOfAnUnknownKindIsAskedAboutOnce) {
  put(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b","namespace":"default","ownerReferences":[
      {"apiVersion":"apps/v1","kind":"Widget","name":"x","uid":"1"}]}})");
  begin();
  counted.reads = 0;
  become_warden(true);
  EXPECT_EQ(counted.reads, 0U);
  EXPECT_TRUE(find("b"));
}

TEST(OwnerSurvey, AReferenceToTheRightUidUnderAWrongNameIsNoOwner) {
  const auto object = [](const char* text) { return *model::make_object(parse_json(text)->get_object()); };
  OwnerSurvey survey;
  for (const auto* text :
       {R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"right","namespace":"n","uid":"r",
            "ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"1"}]}})",
        R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"wrong","namespace":"n","uid":"w",
            "ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"b","uid":"1"}]}})",
        R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"far","namespace":"other","uid":"f",
            "ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"1"}]}})",
        R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n","uid":"1"}})"}) {
    survey.see(object(text));
  }
  const auto index = survey.end();
  EXPECT_THAT(index.lost(), ElementsAre(model::ObjectKey{Kind::ConfigMap, "n", "wrong"},
                                        model::ObjectKey{Kind::ConfigMap, "other", "far"}));
  EXPECT_EQ(index.dependents_of("1").size(), 3U);
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
  meta.owner_references.own().resize(2);
  const auto plan = plan_dependent(meta, {OwnerState::Absent, OwnerState::Unknown});
  EXPECT_FALSE(plan.remove);
  EXPECT_TRUE(plan.drop_owners.empty());
}

}  // namespace
}  // namespace berth::agent
