// tests/agent/manifest_applier_test.cpp - what files make, change and never remove.
#include "agent/sources/manifest_applier.hpp"

#include <gtest/gtest.h>

#include "model/deletion.hpp"
#include "tests/fakes/slow_store.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using model::ObjectKey;

constexpr const char* kSource = "directory:/m";

std::string config_map(const std::string& name, const std::string& value = "v") {
  return "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {key: " + value + "}\n";
}

std::string stateful_set(const std::string& name, int replicas, const std::string& image = "redis:7") {
  return "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: " + name +
         "}\nspec:\n  replicas: " + std::to_string(replicas) +
         "\n  serviceName: s\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n"
         "    spec: {containers: [{name: c, image: " +
         image + "}]}\n";
}

std::string pod(const std::string& name, const std::string& command) {
  return "---\napiVersion: v1\nkind: Pod\nmetadata: {name: " + name +
         "}\nspec: {containers: [{name: c, image: busybox, command: [" + command + "]}]}\n";
}

std::string claim(const std::string& name) {
  return "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: " + name +
         "}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";
}

using Files = std::map<std::string, std::string>;

SourceSnapshot snapshot(const Files& files, bool complete = true, const std::string& source = kSource) {
  SourceSnapshot result;
  result.name = source;
  result.complete = complete;
  if (!complete) result.error = "open /m: Permission denied";
  for (const auto& [name, text] : files) {
    auto file = std::make_shared<SourceFile>();
    file->id = source + "/" + name;
    file->hash = content_hash(text);
    file->manifest = model::read_manifest(text, source.substr(source.find(':') + 1) + "/" + name);
    hash_objects(*file);
    result.files.push_back(std::move(file));
  }
  return result;
}

/// The last file becomes half-written or vanished.
SourceSnapshot with_last(SourceSnapshot source, bool settling, bool vanished) {
  auto file = std::make_shared<SourceFile>(*source.files.back());
  file->settling = settling;
  file->vanished = vanished;
  source.files.back() = std::move(file);
  return source;
}

class ManifestApplierTest : public testing::Test {
 protected:
  ManifestApplierTest() { restart(); }

  /// As a new process on the same store.
  void restart(OwnPods own_pods = OwnPods::Anywhere) {
    applier_.reset();
    applier_ =
        std::make_unique<ManifestApplier>(loop_, *store_, clock_, "worker1", own_pods, [this](const Finding& finding) {
          findings_.push_back((finding.level == LogLevel::Error ? "E " : "W ") + finding.problem.text());
        });
    applier_->on_status([this](std::vector<model::SourceStatus> status) { status_ = std::move(status); });
  }

  void take(SourceSnapshot source) {
    applier_->take(std::move(source));
    settle();
  }

  /// Runs the loop until no write is under way. flush() would do for a file; memory answers from its own thread.
  void settle() {
    bool late = false;
    const auto guard = loop_.after(std::chrono::seconds{20}, [&] { late = true; });
    do {
      loop_.poll();
      // A write of our own, answered after all before it.
      std::ignore = store::remove_and_wait(*store_, {Kind::ConfigMap, "none", "none"}, 0);
      loop_.poll();
    } while (!applier_->idle() && !late);
    ASSERT_FALSE(late);
  }

  model::ObjectPtr get(Kind kind, const std::string& name) { return store_->get({kind, "default", name}); }
  std::string value(const std::string& name) {
    const auto object = get(Kind::ConfigMap, name);
    return object == nullptr ? "(none)" : std::string(view(object->raw.at("data").at("key").as_string()));
  }
  std::string owner(Kind kind, const std::string& name) {
    const auto object = get(kind, name);
    return object == nullptr ? "(none)" : object->meta.annotations.at("berth.io/source");
  }
  std::vector<std::string> findings() { return std::exchange(findings_, {}); }

  void change(Kind kind, const std::string& name, const std::function<void(json::object&)>& edit) {
    auto raw = get(kind, name)->raw;
    edit(raw);
    const auto done = store::update_and_wait(*store_, *model::make_object(std::move(raw)), 0);
    ASSERT_TRUE(done.ok()) << done.error().message();
  }

  Loop loop_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::vector<std::string> findings_;
  std::vector<model::SourceStatus> status_;
  std::unique_ptr<ManifestApplier> applier_;
};

using Texts = std::vector<std::string>;

TEST_F(ManifestApplierTest, MakesWhatAFileSaysAndTheNamespaceItNeeds) {
  take(snapshot({{"a.yaml", config_map("a") + stateful_set("db", 3)}}));
  EXPECT_EQ(value("a"), "v");
  EXPECT_EQ(owner(Kind::StatefulSet, "db"), "worker1/directory:/m/a.yaml");
  ASSERT_NE(store_->get({Kind::Namespace, "", "default"}), nullptr);
  EXPECT_LT(store_->get({Kind::Namespace, "", "default"})->meta.resource_version,
            get(Kind::ConfigMap, "a")->meta.resource_version);
  EXPECT_EQ(findings(), Texts{});
}

TEST_F(ManifestApplierTest, ReadingTheSameAgainWritesNothing) {
  const Files files{{"a.yaml", config_map("a") + stateful_set("db", 3)}};
  take(snapshot(files));
  const auto revision = store_->revision();
  take(snapshot(files));
  restart();
  take(snapshot(files));
  EXPECT_EQ(store_->revision(), revision);
}

TEST_F(ManifestApplierTest, AScaleHoldsUntilTheFileSaysSomethingNew) {
  take(snapshot({{"a.yaml", stateful_set("db", 3)}}));
  change(Kind::StatefulSet, "db", [](auto& raw) {
    raw["spec"].as_object()["replicas"] = 5;
    raw["status"] = {{"readyReplicas", 5}};
  });
  take(snapshot({{"a.yaml", stateful_set("db", 3)}, {"b.yaml", config_map("b")}}));
  EXPECT_EQ(get(Kind::StatefulSet, "db")->raw.at("spec").at("replicas").as_int64(), 5);
  take(snapshot({{"a.yaml", "# a comment is nothing new\n" + stateful_set("db", 3)}}));
  EXPECT_EQ(get(Kind::StatefulSet, "db")->raw.at("spec").at("replicas").as_int64(), 5);
  const auto uid = get(Kind::StatefulSet, "db")->meta.uid;
  take(snapshot({{"a.yaml", stateful_set("db", 2)}}));
  const auto db = get(Kind::StatefulSet, "db");
  EXPECT_EQ(db->raw.at("spec").at("replicas").as_int64(), 2);
  EXPECT_EQ(db->raw.at("status").at("readyReplicas").as_int64(), 5) << "status is the agent's";
  EXPECT_EQ(db->meta.uid, uid);
}

TEST_F(ManifestApplierTest, ADeletedFileDeletesWhatItMadeGracefullyAndNeverClaims) {
  take(snapshot({{"a.yaml", config_map("a") + stateful_set("db", 3) + pod("p", "x") + claim("data")},
                 {"b.yaml", config_map("b")}}));
  take(snapshot({{"b.yaml", config_map("b")}}));
  EXPECT_EQ(value("a"), "(none)");
  EXPECT_EQ(value("b"), "v");
  EXPECT_TRUE(get(Kind::StatefulSet, "db")->meta.deleting());
  EXPECT_TRUE(get(Kind::Pod, "p")->meta.deleting());
  EXPECT_EQ(get(Kind::Pod, "p")->meta.deletion_grace_period_seconds, 30);
  ASSERT_NE(get(Kind::PersistentVolumeClaim, "data"), nullptr);
  EXPECT_FALSE(get(Kind::PersistentVolumeClaim, "data")->meta.deleting());
  EXPECT_NE(store_->get({Kind::Namespace, "", "default"}), nullptr);
}

TEST_F(ManifestApplierTest, AVolumeThatAClaimHasWaitsForTheClaim) {
  const std::string volume =
      "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: disk}\n"
      "spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /srv}}\n";
  const model::ObjectKey key{Kind::PersistentVolume, "", "disk"};
  take(snapshot({{"a.yaml", volume}}));
  auto raw = store_->get(key)->raw;
  raw["status"] = {{"phase", "Bound"}};
  ASSERT_TRUE(store::update_and_wait(*store_, *model::make_object(std::move(raw)), 0).ok());
  take(snapshot({}));
  const auto kept = store_->get(key);
  ASSERT_NE(kept, nullptr);
  EXPECT_TRUE(kept->meta.deleting());
  EXPECT_TRUE(model::has_finalizer(kept->meta, model::kVolumeProtection));
}

TEST_F(ManifestApplierTest, AnObjectDroppedFromItsFileIsDeleted) {
  take(snapshot({{"a.yaml", config_map("a") + config_map("b")}}));
  take(snapshot({{"a.yaml", config_map("a")}}));
  EXPECT_EQ(value("a"), "v");
  EXPECT_EQ(value("b"), "(none)");
}

/// It is known which objects files made without a look at all there are: what tells is their annotation, as it changes.
TEST_F(ManifestApplierTest, WhatLosesItsRecordIsNoFilesAndWhatGetsOneIs) {
  take(snapshot({{"a.yaml", config_map("a") + config_map("b")}}));
  change(Kind::ConfigMap, "a", [](json::object& raw) { raw.at("metadata").at("annotations").as_object().clear(); });
  ASSERT_TRUE(
      store::create_and_wait(*store_, *model::make_object({{"apiVersion", "v1"},
                                                           {"kind", "ConfigMap"},
                                                           {"metadata", {{"name", "c"}, {"namespace", "default"}}},
                                                           {"data", {{"key", "v"}}}})));
  change(Kind::ConfigMap, "c", [](json::object& raw) {
    raw.at("metadata").as_object()["annotations"] = {{kSourceAnnotation, "worker1/directory:/m/a.yaml"}};
  });
  settle();
  take(snapshot({}));
  EXPECT_EQ(value("a"), "v") << "somebody made it his own";
  EXPECT_EQ(value("b"), "(none)");
  EXPECT_EQ(value("c"), "(none)");
}

/// Nobody tells what went meanwhile: the snapshot that follows does.
TEST(ManifestApplierOfAStoreThatLosesIt, WhatWasRemovedMeanwhileIsMadeAgain) {
  store::SlowStore store;
  Loop loop;
  SystemClock clock;
  ManifestApplier applier(loop, store, clock, "worker1", OwnPods::Here, [](const Finding&) {});
  const auto settle = [&] {
    while (loop.poll() + store.step() != 0) {
    }
  };
  applier.take(snapshot({{"a.yaml", config_map("a") + config_map("b")}}));
  EXPECT_FALSE(applier.idle()) << "nothing is known yet";
  settle();
  const ObjectKey a{Kind::ConfigMap, "default", "a"};
  ASSERT_NE(store.truth(a), nullptr);
  const auto uid = store.truth(a)->meta.uid;
  store.lose_watches();
  store::Txn txn;
  txn.writes.push_back(store::Write::remove(a));
  ASSERT_TRUE(store.elsewhere(std::move(txn)));
  settle();
  ASSERT_NE(store.truth(a), nullptr);
  EXPECT_NE(store.truth(a)->meta.uid, uid);
  // And what it forgets then was not forgotten before.
  applier.take(snapshot({}));
  settle();
  EXPECT_EQ(store.truth(a), nullptr);
  EXPECT_EQ(store.truth(ObjectKey{Kind::ConfigMap, "default", "b"}), nullptr);
}

TEST_F(ManifestApplierTest, NothingIsDeletedBeforeTheFirstCompleteRead) {
  take(snapshot({{"a.yaml", config_map("a")}, {"b.yaml", config_map("b")}}));
  restart();
  take(snapshot({{"b.yaml", config_map("b", "new")}}, /*complete=*/false));
  EXPECT_EQ(value("a"), "v");
  EXPECT_EQ(value("b"), "new") << "what could be read is applied";
  take(snapshot({{"b.yaml", config_map("b", "new")}}));
  EXPECT_EQ(value("a"), "(none)");
}

TEST_F(ManifestApplierTest, AnUnreadableOrVanishedDirectoryDeletesNothingAndIsReportedOnce) {
  take(snapshot({{"a.yaml", config_map("a")}}));
  take(snapshot({}, /*complete=*/false));
  take(snapshot({}, /*complete=*/false));
  EXPECT_EQ(value("a"), "v");
  EXPECT_EQ(findings(), (Texts{"E open /m: Permission denied; what it made stays"}));
  take(snapshot({{"a.yaml", config_map("a")}}));
  take(snapshot({}, /*complete=*/false));
  EXPECT_EQ(findings().size(), 1U) << "it had gone, so it is news again";
}

TEST_F(ManifestApplierTest, AnotherSourceSaysNothingAboutThisOne) {
  take(snapshot({{"a.yaml", config_map("a")}}));
  restart();
  take(snapshot({{"z.yaml", config_map("z")}}, true, "directory:/other"));
  EXPECT_EQ(value("a"), "v");
  EXPECT_EQ(value("z"), "v");
}

TEST_F(ManifestApplierTest, AFileThatDoesNotParseKeepsAllItMade) {
  take(snapshot({{"a.yaml", config_map("a") + config_map("b")}}));
  take(snapshot({{"a.yaml", config_map("a", "new") + "---\nkind: [\n"}}));
  EXPECT_EQ(value("a"), "v") << "not even its good part is applied";
  EXPECT_EQ(value("b"), "v");
  const auto told = findings();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].starts_with("E /m/a.yaml:")) << told[0];
  take(snapshot({{"a.yaml", ""}}));
  EXPECT_EQ(value("a"), "v") << "truncated is not deleted";
}

TEST_F(ManifestApplierTest, WhatIsNotRunHereIsReportedAndHurtsNothingElseInItsFile) {
  const std::string foreign = "---\napiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: {name: nightly}\n";
  take(snapshot({{"a.yaml", config_map("a") + foreign + config_map("b")}}));
  EXPECT_EQ(value("a") + value("b"), "vv");
  ASSERT_EQ(findings_.size(), 1U);
  EXPECT_TRUE(findings_[0].starts_with("W /m/a.yaml:")) << findings_[0];
  EXPECT_TRUE(
      findings_[0].ends_with("CronTab nightly: kind: CronTab of stable.example.com/v1 is not run here; the rest of "
                             "the file is"))
      << findings_[0];
  take(snapshot({{"a.yaml", config_map("a") + foreign}}));
  EXPECT_EQ(value("a") + value("b"), "v(none)") << "such a file is sound: what it no longer says goes";
  take(snapshot({{"a.yaml", config_map("a") + "---\napiVersion: v1\nkind: ConfgMap\nmetadata: {name: b}\n"}}));
  take(snapshot({{"a.yaml", "apiVersion: v1\nkind: ConfgMap\nmetadata: {name: a}\n"}}));
  EXPECT_EQ(value("a"), "v") << "a slip of the pen is no wish";
}

TEST_F(ManifestApplierTest, APodWaitsForItsClassAndOrderInAFileDoesNotMatter) {
  const std::string urgent =
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {priorityClassName: urgent, containers: [{name: c, "
      "image: "
      "i}]}\n";
  const std::string its_class =
      "---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: urgent}\nvalue: 1000\n";
  take(snapshot({{"a.yaml", urgent + config_map("a")}}));
  EXPECT_EQ(get(Kind::Pod, "p"), nullptr);
  EXPECT_EQ(value("a"), "v") << "the rest of the file is there";
  EXPECT_EQ(findings(),
            std::vector<std::string>{"E /m/a.yaml: Pod default/p: pods \"p\" is forbidden: no PriorityClass with "
                                     "name urgent was found"});
  take(snapshot({{"a.yaml", urgent + config_map("a") + its_class}}));
  ASSERT_NE(get(Kind::Pod, "p"), nullptr);
  EXPECT_EQ(get(Kind::Pod, "p")->raw.at("spec").at("priority"), 1000);
  const auto uid = get(Kind::Pod, "p")->meta.uid;
  take(snapshot({{"a.yaml", urgent + "# read again\n" + config_map("a", "w") + its_class}}));
  EXPECT_EQ(value("a"), "w");
  EXPECT_EQ(get(Kind::Pod, "p")->meta.uid, uid) << "what was filled in is no reason to make it again";
}

TEST_F(ManifestApplierTest, AHalfWrittenOrJustVanishedFileChangesAndReportsNothing) {
  take(snapshot({{"a.yaml", config_map("a")}}));
  take(with_last(snapshot({{"a.yaml", "kind: ["}}), /*settling=*/true, /*vanished=*/false));
  take(with_last(snapshot({{"a.yaml", config_map("other")}}), /*settling=*/true, /*vanished=*/false));
  take(with_last(snapshot({{"a.yaml", config_map("a")}}), /*settling=*/false, /*vanished=*/true));
  EXPECT_EQ(value("a"), "v");
  EXPECT_EQ(value("other"), "(none)");
  EXPECT_EQ(findings(), Texts{});
}

TEST_F(ManifestApplierTest, OfTwoFilesTheOwnerKeepsTheObject) {
  take(snapshot({{"b.yaml", config_map("x", "b")}}));
  take(snapshot({{"a.yaml", config_map("x", "a")}, {"b.yaml", config_map("x", "b")}}));
  EXPECT_EQ(value("x"), "b");
  EXPECT_EQ(findings(), (Texts{"E /m/a.yaml: ConfigMap default/x: is also in /m/b.yaml, which keeps it"}));
  take(snapshot({{"a.yaml", config_map("x", "a")}, {"b.yaml", "kind: ["}}));
  EXPECT_EQ(value("x"), "b") << "a broken owner still owns";
  take(snapshot({{"a.yaml", config_map("x", "a")}}));
  EXPECT_EQ(value("x"), "a");
  EXPECT_EQ(owner(Kind::ConfigMap, "x"), "worker1/directory:/m/a.yaml");
}

TEST_F(ManifestApplierTest, OfTwoNewFilesTheFirstInNameOrderMakesTheObject) {
  take(snapshot({{"b.yaml", config_map("x", "b")}, {"a.yaml", config_map("x", "a")}}));
  EXPECT_EQ(value("x"), "a");
  EXPECT_EQ(findings(), (Texts{"E /m/b.yaml: ConfigMap default/x: is also in /m/a.yaml, which keeps it"}));
}

TEST_F(ManifestApplierTest, RenamingAFileMovesOwnershipAndNothingElse) {
  take(snapshot({{"a.yaml", stateful_set("db", 3)}}));
  change(Kind::StatefulSet, "db", [](auto& raw) { raw["spec"].as_object()["replicas"] = 5; });
  const auto before = get(Kind::StatefulSet, "db");
  auto renamed = snapshot({{"b.yaml", stateful_set("db", 3)}});
  auto vanished = std::make_shared<SourceFile>();
  vanished->id = "directory:/m/a.yaml";
  vanished->vanished = true;
  renamed.files.insert(renamed.files.begin(), vanished);
  take(renamed);
  const auto after = get(Kind::StatefulSet, "db");
  EXPECT_EQ(owner(Kind::StatefulSet, "db"), "worker1/directory:/m/b.yaml");
  EXPECT_EQ(after->raw.at("spec"), before->raw.at("spec"));
  EXPECT_EQ(after->meta.generation, before->meta.generation);
  take(snapshot({{"b.yaml", stateful_set("db", 3)}}));
  EXPECT_FALSE(get(Kind::StatefulSet, "db")->meta.deleting());
  EXPECT_EQ(findings(), Texts{});
}

TEST_F(ManifestApplierTest, AnObjectMadeThroughTheApiIsTakenOverWithAWarning) {
  const auto parsed = model::read_manifest(config_map("x", "api"), "api");
  const auto made = store::create_and_wait(*store_, parsed.objects.at(0));
  ASSERT_TRUE(made.ok());
  take(snapshot({{"a.yaml", config_map("x", "file")}}));
  EXPECT_EQ(value("x"), "file");
  EXPECT_EQ(get(Kind::ConfigMap, "x")->meta.uid, (*made)->meta.uid);
  const auto told = findings();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].starts_with("W /m/a.yaml: ConfigMap default/x: was made through the API")) << told[0];
}

TEST_F(ManifestApplierTest, WhatTheAgentFilledInStaysWhenTheFileChanges) {
  take(snapshot({{"a.yaml", claim("data")}}));
  change(Kind::PersistentVolumeClaim, "data", [](auto& raw) {
    raw["spec"].as_object()["volumeName"] = "pv-1";
    raw["metadata"].as_object()["annotations"].as_object()["pv.kubernetes.io/bind-completed"] = "yes";
    raw["metadata"].as_object()["finalizers"] = json::array{"kubernetes.io/pvc-protection"};
  });
  take(snapshot({{"a.yaml", claim("data") + "metadata2: x\n"}}));
  auto text = claim("data");
  text.insert(text.find("name: data"), "labels: {team: x}, ");
  take(snapshot({{"a.yaml", text}}));
  const auto data = get(Kind::PersistentVolumeClaim, "data");
  EXPECT_EQ(data->meta.labels.at("team"), "x");
  EXPECT_EQ(data->raw.at("spec").at("volumeName").as_string(), "pv-1");
  EXPECT_EQ(data->meta.annotations.at("pv.kubernetes.io/bind-completed"), "yes");
  EXPECT_EQ(data->meta.finalizers.size(), 1U);
}

TEST_F(ManifestApplierTest, APodWhoseFixedFieldsChangeIsStoppedAndMadeAgain) {
  take(snapshot({{"a.yaml", pod("p", "old")}}));
  const auto first = get(Kind::Pod, "p")->meta.uid;
  take(snapshot({{"a.yaml", pod("p", "new")}}));
  ASSERT_TRUE(get(Kind::Pod, "p")->meta.deleting());
  EXPECT_EQ(get(Kind::Pod, "p")->meta.uid, first);
  ASSERT_TRUE(store::remove_and_wait(*store_, {Kind::Pod, "default", "p"}, 0).ok());  // as the agent does once it ended
  settle();
  ASSERT_NE(get(Kind::Pod, "p"), nullptr);
  EXPECT_NE(get(Kind::Pod, "p")->meta.uid, first);
  EXPECT_FALSE(get(Kind::Pod, "p")->meta.deleting());
  EXPECT_EQ(findings(), Texts{});
}

TEST_F(ManifestApplierTest, PodsThatAControllerMadeAreNotTheFilesToDelete) {
  take(snapshot({{"a.yaml", config_map("a")}}));
  auto raw = model::read_manifest(pod("db-0", "x"), "t").objects.at(0).raw;
  auto& metadata = raw["metadata"].as_object();
  metadata["annotations"] = {{"berth.io/source", "directory:/m/gone.yaml"}};  // copied from a template
  metadata["ownerReferences"] = json::array{
      {{"apiVersion", "apps/v1"}, {"kind", "StatefulSet"}, {"name", "db"}, {"uid", "u"}, {"controller", true}}};
  ASSERT_TRUE(store::create_and_wait(*store_, *model::make_object(raw)).ok());
  take(snapshot({{"a.yaml", config_map("a", "new")}}));
  EXPECT_FALSE(get(Kind::Pod, "db-0")->meta.deleting());
}

TEST_F(ManifestApplierTest, AFieldThatCannotChangeIsReportedAndTheRestStays) {
  take(snapshot({{"a.yaml", stateful_set("db", 3)}}));
  auto text = stateful_set("db", 4);
  text.replace(text.find("serviceName: s"), 14, "serviceName: other");
  take(snapshot({{"a.yaml", text}}));
  EXPECT_EQ(get(Kind::StatefulSet, "db")->raw.at("spec").at("replicas").as_int64(), 3);
  const auto told = findings();
  ASSERT_GE(told.size(), 1U);
  EXPECT_TRUE(told[0].starts_with("E /m/a.yaml: StatefulSet default/db: ")) << told[0];
}

TEST_F(ManifestApplierTest, ANamespaceThatEndsGetsNothingNewAndIsMadeAgainWithItsObjects) {
  take(snapshot({{"a.yaml", config_map("a")}}));
  const auto ns = store_->get({Kind::Namespace, "", "default"});
  auto ending = *ns;
  ending.raw["metadata"].get_object()["deletionTimestamp"] = "2026-11-21T10:00:00Z";
  ASSERT_TRUE(store::update_and_wait(*store_, *model::make_object(std::move(ending.raw)), 0));
  ASSERT_TRUE(store::remove_and_wait(*store_, {Kind::ConfigMap, "default", "a"}, 0));
  settle();
  EXPECT_EQ(value("a"), "(none)");
  ASSERT_TRUE(store::remove_and_wait(*store_, {Kind::Namespace, "", "default"}, 0));
  settle();
  EXPECT_EQ(value("a"), "v");
  EXPECT_NE(store_->get({Kind::Namespace, "", "default"})->meta.uid, ns->meta.uid);
}

TEST_F(ManifestApplierTest, ARemovedFileLeavesAnObjectThatAFinalizerHoldsMarked) {
  take(snapshot({{"a.yaml", config_map("a")}}));
  change(Kind::ConfigMap, "a",
         [](json::object& raw) { raw["metadata"].get_object()["finalizers"] = json::array{"x.io/hold"}; });
  take(snapshot({}));
  ASSERT_NE(get(Kind::ConfigMap, "a"), nullptr);
  EXPECT_TRUE(get(Kind::ConfigMap, "a")->meta.deleting());
}

TEST_F(ManifestApplierTest, WhatBerth01MadeIsKeptAndItsRecordGetsTheNode) {
  take(snapshot({{"a.yaml", config_map("a") + pod("p", "sleep")}}));
  for (const auto kind : {Kind::ConfigMap, Kind::Pod}) {
    change(kind, kind == Kind::Pod ? "p" : "a", [](json::object& raw) {
      raw["metadata"].as_object()["annotations"].as_object()["berth.io/source"] = "directory:/m/a.yaml";
    });
  }
  const auto uid = get(Kind::Pod, "p")->meta.uid;
  restart();
  take(snapshot({{"a.yaml", config_map("a") + pod("p", "sleep")}}));
  EXPECT_EQ(owner(Kind::Pod, "p"), "worker1/directory:/m/a.yaml");
  EXPECT_EQ(owner(Kind::ConfigMap, "a"), "worker1/directory:/m/a.yaml");
  EXPECT_EQ(get(Kind::Pod, "p")->meta.uid, uid);
  EXPECT_FALSE(get(Kind::Pod, "p")->meta.deleting());
  EXPECT_EQ(findings(), Texts{});
}

TEST_F(ManifestApplierTest, WhatAFileOfBerth01MadeGoesWithTheFile) {
  take(snapshot({{"a.yaml", config_map("a")}, {"b.yaml", config_map("b")}}));
  change(Kind::ConfigMap, "a", [](json::object& raw) {
    raw["metadata"].as_object()["annotations"].as_object()["berth.io/source"] = "directory:/m/a.yaml";
  });
  restart();
  take(snapshot({{"b.yaml", config_map("b")}}));
  EXPECT_EQ(value("a"), "(none)");
}

TEST_F(ManifestApplierTest, WhatAnotherHostsManifestsMadeIsNotOurs) {
  take(snapshot({{"a.yaml", config_map("same") + config_map("other") + config_map("theirs")}}));
  for (const char* name : {"same", "other", "theirs"}) {
    change(Kind::ConfigMap, name, [](json::object& raw) {
      raw["metadata"].as_object()["annotations"].as_object()["berth.io/source"] = "worker2/directory:/m/a.yaml";
    });
  }
  take(snapshot({{"a.yaml", config_map("same") + config_map("other", "new")}}));
  EXPECT_EQ(value("theirs"), "v") << "only worker2 knows whether its file is gone";
  EXPECT_EQ(value("other"), "v");
  EXPECT_EQ(owner(Kind::ConfigMap, "same"), "worker2/directory:/m/a.yaml") << "saying the same is no error";
  EXPECT_EQ(findings(),
            Texts{"E /m/a.yaml: ConfigMap default/other: is made by /m/a.yaml of host worker2, which keeps it"});
}

TEST_F(ManifestApplierTest, WithManyHostsAPodOfAFileIsItsHosts) {
  const auto node_of = [this](const char* name) {
    return std::string(find_string(get(Kind::Pod, name)->raw.at("spec"), {"nodeName"}));
  };
  take(snapshot({{"a.yaml", pod("alone", "sleep")}}));
  EXPECT_EQ(node_of("alone"), "");
  restart(OwnPods::Here);
  auto elsewhere = pod("elsewhere", "sleep");
  elsewhere.replace(elsewhere.find("spec: {"), 7, "spec: {nodeName: worker2, ");
  take(snapshot({{"a.yaml", pod("alone", "sleep") + pod("web", "sleep") + elsewhere + stateful_set("db", 1)}}));
  EXPECT_EQ(node_of("alone"), "") << "it may be somewhere by now";
  EXPECT_EQ(node_of("web"), "worker1");
  EXPECT_EQ(node_of("elsewhere"), "worker2");
  const auto set = get(Kind::StatefulSet, "db");
  EXPECT_EQ(find(set->raw.at("spec"), {"template", "spec", "nodeName"}), nullptr);
}

TEST_F(ManifestApplierTest, TheStatusSaysWhatIsWrongWithASourceAndSinceWhen) {
  take(snapshot({{"a.yaml", config_map("a")}, {"bad.yaml", "kind: Pod\n: {"}}));
  ASSERT_EQ(status_.size(), 1U);
  EXPECT_EQ(status_[0].name, kSource);
  EXPECT_EQ(status_[0].error, "");
  EXPECT_TRUE(status_[0].read_at);
  EXPECT_EQ(status_[0].files, 2);
  EXPECT_EQ(status_[0].objects, 1);
  ASSERT_EQ(status_[0].problems.size(), 1U);
  EXPECT_EQ(status_[0].problems[0].subject, "/m/bad.yaml");
  EXPECT_GT(status_[0].problems[0].line, 0);
  EXPECT_FALSE(status_[0].problems[0].warning);
  const auto since = status_[0].problems[0].since;
  ASSERT_TRUE(since);

  take(snapshot({}, /*complete=*/false));
  EXPECT_EQ(status_[0].error, "open /m: Permission denied");
  EXPECT_TRUE(status_[0].error_since);
  ASSERT_EQ(status_[0].problems.size(), 1U);
  EXPECT_EQ(status_[0].problems[0].since, since) << "an old problem keeps its time";

  take(snapshot({{"a.yaml", config_map("a")}, {"bad.yaml", config_map("b")}}));
  EXPECT_EQ(status_[0].error, "");
  EXPECT_TRUE(status_[0].problems.empty());
}

}  // namespace
}  // namespace berth::agent
