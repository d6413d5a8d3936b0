// tests/agent/cluster_sources_test.cpp - copies of one source on several hosts over one store: who applies which, and
// what nobody may take back.
#include "agent/sources/cluster_sources.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using model::Kind;

constexpr const char* kSource = "cluster:shop";
using Files = std::map<std::string, std::string>;
using Texts = std::vector<std::string>;

std::string config_map(const std::string& name, const std::string& value = "v") {
  return "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {key: " + value + "}\n";
}

std::shared_ptr<SourceFile> source_file(const std::string& name, const std::string& text) {
  auto file = std::make_shared<SourceFile>();
  file->id = std::string(kSource) + "/" + name;
  file->hash = content_hash(text);
  file->manifest = model::read_manifest(text, "/m/" + name);
  hash_objects(*file);
  return file;
}

SourceSnapshot snapshot(const Files& files) {
  SourceSnapshot result;
  result.name = kSource;
  result.complete = true;
  for (const auto& [name, text] : files) result.files.push_back(source_file(name, text));
  return result;
}

SourceSnapshot unreadable() {
  SourceSnapshot result;
  result.name = kSource;
  result.error = "open /m: Permission denied";
  return result;
}

/// One agent's part of it.
struct Host {
  Host(Loop& loop, store::Store& store, const Clock& clock, const std::string& own)
      : nodes(own, LiveNodes::Store::Shared),
        writer(loop, store, clock),
        applier(loop, store, clock, own, OwnPods::Here,
                [this](const Finding& finding) { findings.push_back(finding.problem.text()); }),
        sources({.loop = loop,
                 .store = store,
                 .writer = writer,
                 .nodes = nodes,
                 .applier = applier,
                 .patience = std::chrono::milliseconds(0)},
                {kSource}) {}

  LiveNodes nodes;
  StoreWriter writer;
  Texts findings;
  ManifestApplier applier;
  ClusterSources sources;
};

class ClusterSourcesTest : public testing::Test {
 protected:
  ClusterSourcesTest() {
    for (const auto* name : {"n1", "n2", "n3"}) {
      put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}"}}}})", name));
      start(name);
    }
    alive({"n1", "n2", "n3"});
  }

  void start(const std::string& name) {
    hosts_.erase(name);
    hosts_.emplace(name, std::make_unique<Host>(loop_, *store_, clock_, name));
  }
  Host& host(const std::string& name) { return *hosts_.at(name); }

  /// They hold sessions, and all know it.
  void alive(const std::set<std::string>& names) {
    store::Holders holders;
    for (const auto& name : names) holders["live/" + name] = {.node = name, .version = {}, .since = {}};
    for (auto& [name, host] : hosts_) {
      host->nodes.take(holders);
      host->sources.look();
    }
    settle();
  }
  void all_take(const Files& files) {
    for (auto& [name, host] : hosts_) host->sources.take(snapshot(files));
    settle();
  }
  void take(const std::string& name, SourceSnapshot snapshot) {
    host(name).sources.take(std::move(snapshot));
    settle();
  }

  void settle() {
    for (int quiet = 0; quiet < 3;) {
      std::ignore = store::remove_and_wait(*store_, {Kind::ConfigMap, "none", "none"}, 0);
      quiet = loop_.poll() == 0 ? quiet + 1 : 0;
    }
  }

  void put(const std::string& text) {
    ASSERT_TRUE(store::create_and_wait(*store_, *model::make_object(json::parse(text).as_object())).ok());
  }
  std::string value(const std::string& name) const {
    const auto object = store_->get({Kind::ConfigMap, "default", name});
    return object == nullptr ? "(none)" : std::string(view(object->raw.at("data").at("key").as_string()));
  }
  std::optional<AppliedCopy> applied() const { return applied_copy(store_->get(applied_key("shop")).get()); }
  bool noted(const std::string& node) const { return notes_source(store_->get({Kind::Node, "", node})->meta, "shop"); }
  /// The host that reads it now, and the others.
  std::string reader() const { return applied()->host; }
  Texts others() const {
    Texts out;
    for (const auto& [name, host] : hosts_) {
      if (name != reader()) out.push_back(name);
    }
    return out;
  }
  std::set<std::string> without(const std::string& gone) const {
    std::set<std::string> left{"n1", "n2", "n3"};
    left.erase(gone);
    return left;
  }

  Loop loop_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::map<std::string, std::unique_ptr<Host>> hosts_;
};

TEST_F(ClusterSourcesTest, ManyCopiesMakeOneSetOfObjects) {
  all_take({{"a.yaml", config_map("a") + config_map("b")}});
  EXPECT_EQ(value("a"), "v");
  EXPECT_EQ(store_->get({Kind::ConfigMap, "default", "a"})->meta.annotations.at("berth.io/source"),
            "cluster:shop/a.yaml");
  for (const auto& [name, host] : hosts_) {
    EXPECT_TRUE(noted(name)) << name;
    EXPECT_EQ(host->findings, Texts{}) << name;
  }
  const auto revision = store_->revision();
  all_take({{"a.yaml", config_map("a") + config_map("b")}});
  alive({"n1", "n2", "n3"});
  EXPECT_EQ(store_->revision(), revision) << "nothing to write any more";
}

TEST_F(ClusterSourcesTest, WhoeverReadsItGoesAndAnotherGoesOnWithoutTouchingWhatBothHave) {
  all_take({{"a.yaml", config_map("a")}, {"b.yaml", config_map("b")}});
  const auto first = reader();
  const auto uid = store_->get({Kind::ConfigMap, "default", "a"})->meta.uid;
  hosts_.erase(first);
  alive(without(first));
  EXPECT_EQ(store_->get({Kind::ConfigMap, "default", "a"})->meta.uid, uid);
  all_take({{"a.yaml", config_map("a", "new")}});
  EXPECT_NE(reader(), first);
  EXPECT_EQ(value("a"), "new");
  EXPECT_EQ(store_->get({Kind::ConfigMap, "default", "a"})->meta.uid, uid);
  EXPECT_EQ(value("b"), "(none)") << "no copy has it any more";
}

TEST_F(ClusterSourcesTest, AnOlderCopyTakesNothingBack) {
  all_take({{"a.yaml", config_map("a")}});
  const auto first = reader();
  take(first, snapshot({{"a.yaml", config_map("a", "new")}, {"b.yaml", config_map("b")}}));
  EXPECT_EQ(value("b"), "v");
  const auto rest = others();
  for (const auto& name : rest) {
    EXPECT_FALSE(noted(name)) << "its copy must not be chosen";
    ASSERT_EQ(host(name).findings.size(), 1U);
    EXPECT_EQ(host(name).findings[0], kSource + (": this copy is older than the one of host " + first) +
                                          ", or was changed while no agent ran here: it is not applied until it is the "
                                          "same, or is changed");
  }
  hosts_.erase(first);
  alive(without(first));
  EXPECT_EQ(value("a"), "new");
  EXPECT_EQ(value("b"), "v") << "nobody said that it should go";
  // As soon as one of them is what was applied it goes on; what is changed after that counts again.
  take(rest[0], snapshot({{"a.yaml", config_map("a", "new")}, {"b.yaml", config_map("b")}}));
  EXPECT_TRUE(noted(rest[0]));
  take(rest[0], snapshot({{"a.yaml", config_map("a", "newer")}}));
  EXPECT_EQ(value("a"), "newer");
  EXPECT_EQ(value("b"), "(none)");
}

TEST_F(ClusterSourcesTest, ACopyThatIsChangedByHandIsAppliedWhateverTheLostHostHad) {
  all_take({{"a.yaml", config_map("a")}});
  const auto first = reader();
  take(first, snapshot({{"a.yaml", config_map("a", "lost")}}));
  const auto rest = others();
  hosts_.erase(first);
  alive(without(first));
  take(rest[0], snapshot({{"a.yaml", config_map("a", "again")}}));
  EXPECT_EQ(value("a"), "again");
  EXPECT_EQ(reader(), rest[0]);
}

TEST_F(ClusterSourcesTest, AHostThatComesWithAnotherCopyDoesNotEvenBecomeTheReader) {
  hosts_.erase("n3");
  alive({"n1", "n2"});
  all_take({{"a.yaml", config_map("a")}});
  start("n3");
  alive({"n1", "n2", "n3"});
  take("n3", snapshot({{"old.yaml", config_map("old")}}));
  EXPECT_FALSE(noted("n3"));
  EXPECT_EQ(value("a"), "v");
  EXPECT_EQ(value("old"), "(none)");
  for (const auto* name : {"n1", "n2"}) take(name, snapshot({{"a.yaml", config_map("a", "newer")}}));
  EXPECT_EQ(value("a"), "newer") << "the others go on meanwhile";
}

TEST_F(ClusterSourcesTest, WhoAppliedLastAppliesWhatWasChangedWhileItWasAway) {
  hosts_.erase("n2");
  hosts_.erase("n3");
  alive({"n1"});
  take("n1", snapshot({{"a.yaml", config_map("a")}}));
  start("n1");
  alive({"n1"});
  EXPECT_EQ(value("a"), "v") << "nothing before it was read";
  take("n1", snapshot({{"b.yaml", config_map("b")}}));
  EXPECT_EQ(value("a"), "(none)");
  EXPECT_EQ(value("b"), "v");
}

TEST_F(ClusterSourcesTest, ACopyThatCannotBeReadIsLeftToAnother) {
  all_take({{"a.yaml", config_map("a")}});
  const auto first = reader();
  take(first, unreadable());
  EXPECT_FALSE(noted(first));
  EXPECT_EQ(value("a"), "v");
  for (const auto& name : others()) take(name, snapshot({{"a.yaml", config_map("a", "new")}}));
  EXPECT_EQ(value("a"), "new");

  auto partial = snapshot({{"a.yaml", config_map("a", "new")}});
  auto file = std::make_shared<SourceFile>();
  file->id = std::string(kSource) + "/b.yaml";
  partial.files.push_back(std::move(file));
  const auto second = reader();
  host(second).findings.clear();
  take(second, std::move(partial));
  EXPECT_FALSE(noted(second));
  EXPECT_EQ(host(second).findings, Texts{"cluster:shop: not all of this copy can be read: it is not applied"});
}

TEST_F(ClusterSourcesTest, AFileThatIsBeingWrittenChangesNothingYet) {
  all_take({{"a.yaml", config_map("a")}});
  const auto first = reader();
  const auto content = applied()->content;
  auto half = snapshot({{"a.yaml", config_map("a", "new")}});
  auto file = source_file("b.yaml", "kind: Conf");
  file->settling = true;
  half.files.push_back(std::move(file));
  take(first, std::move(half));
  EXPECT_EQ(applied()->content, content);
  EXPECT_EQ(value("a"), "v");
  EXPECT_TRUE(noted(first));
}

TEST_F(ClusterSourcesTest, HostsThatDoNotHaveTheSourceLeaveItsObjectsAlone) {
  all_take({{"a.yaml", config_map("a")}});
  ManifestApplier elsewhere(loop_, *store_, clock_, "n4", OwnPods::Here, [](const Finding&) {});
  SourceSnapshot own;
  own.name = "directory:/m";
  own.complete = true;
  elsewhere.take(std::move(own));
  settle();
  EXPECT_EQ(value("a"), "v");
}

TEST_F(ClusterSourcesTest, ADirectoryThatWasEachHostsBecomesTheClusters) {
  ManifestApplier before(loop_, *store_, clock_, "n9", OwnPods::Here, [](const Finding&) {});
  auto own = snapshot({{"a.yaml", config_map("a")}});
  own.name = "directory:/m";
  auto file = std::make_shared<SourceFile>(*own.files[0]);
  file->id = "directory:/m/a.yaml";
  own.files = {file};
  before.take(own);
  settle();
  const auto uid = store_->get({Kind::ConfigMap, "default", "a"})->meta.uid;
  all_take({{"a.yaml", config_map("a")}});
  const auto object = store_->get({Kind::ConfigMap, "default", "a"});
  EXPECT_EQ(object->meta.annotations.at("berth.io/source"), "cluster:shop/a.yaml");
  EXPECT_EQ(object->meta.uid, uid);
  own.files.clear();
  before.take(own);  // the host's own file goes, later
  settle();
  EXPECT_EQ(value("a"), "v");
}

TEST_F(ClusterSourcesTest, APodOfTheClusterIsPlacedAndNotBoundToWhoReadsIt) {
  all_take({{"a.yaml",
             "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: busybox}]}\n"}});
  const auto pod = store_->get({Kind::Pod, "default", "web"});
  ASSERT_NE(pod, nullptr);
  EXPECT_EQ(find_string(pod->raw.at("spec"), {"nodeName"}), "");
}

TEST_F(ClusterSourcesTest, WithoutASessionNobodyReads) {
  for (auto& [name, host] : hosts_) host->nodes.take({});
  all_take({{"a.yaml", config_map("a")}});
  EXPECT_EQ(value("a"), "(none)");
  EXPECT_FALSE(applied());
}

TEST_F(ClusterSourcesTest, AHostThatHasNoSourceAnyMoreSaysSo) {
  all_take({{"a.yaml", config_map("a")}});
  ASSERT_TRUE(noted("n1"));
  hosts_.erase("n1");
  StoreWriter writer(loop_, *store_, clock_);
  LiveNodes nodes("n1", LiveNodes::Store::Shared);
  ManifestApplier applier(loop_, *store_, clock_, "n1", OwnPods::Here, [](const Finding&) {});
  const ClusterSources none({.loop = loop_, .store = *store_, .writer = writer, .nodes = nodes, .applier = applier},
                            {});
  settle();
  EXPECT_FALSE(noted("n1"));
  EXPECT_EQ(value("a"), "v");
}

TEST(SourceCopyTest, StandsAsTheTableSays) {
  const AppliedCopy theirs{"new", "other"};
  const AppliedCopy ours{"new", "own"};
  struct Case {
    SourceCopy copy;
    std::optional<AppliedCopy> applied;
    Standing standing;
  };
  const Case cases[] = {
      {{"", ""}, std::nullopt, Standing::Unread},   {{"", "old"}, theirs, Standing::Unread},
      {{"any", ""}, std::nullopt, Standing::Newer}, {{"new", ""}, theirs, Standing::Same},
      {{"new", ""}, ours, Standing::Same},          {{"old", "old"}, theirs, Standing::Older},
      {{"old", ""}, theirs, Standing::Older},       {{"newer", "new"}, theirs, Standing::Newer},
      {{"newer", "old"}, theirs, Standing::Newer},  {{"newer", ""}, ours, Standing::Newer},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(standing_of(each.copy, each.applied, "own"), each.standing)
        << each.copy.content << " agreed " << each.copy.agreed;
  }
}

TEST(SourceCopyTest, ANoteIsReadNameByName) {
  model::ObjectMeta node;
  EXPECT_FALSE(notes_source(node, "shop"));
  node.annotations[kSourcesNote] = "shop,web";
  EXPECT_TRUE(notes_source(node, "shop"));
  EXPECT_TRUE(notes_source(node, "web"));
  for (const auto* other : {"sho", "shop,web", "op", ""}) EXPECT_FALSE(notes_source(node, other)) << other;
  node.annotations[kSourcesNote] = ",,";
  EXPECT_FALSE(notes_source(node, "shop"));
}

TEST(SourceCopyTest, ContentIsThatOfAllFilesAndTheirNames) {
  const auto one = content_of(snapshot({{"a.yaml", config_map("a")}}));
  EXPECT_EQ(one, content_of(snapshot({{"a.yaml", config_map("a")}})));
  EXPECT_NE(one, content_of(snapshot({{"b.yaml", config_map("a")}})));
  EXPECT_NE(one, content_of(snapshot({{"a.yaml", config_map("a", "w")}})));
  EXPECT_NE(content_of(snapshot({})), "") << "an empty directory, believed, says something";
  EXPECT_EQ(content_of(unreadable()), "");
}

}  // namespace
}  // namespace berth::agent
