// tests/agent/cache_feed_test.cpp - a store that loses its followers: what went meanwhile does not live on in the
// cache, and nothing is missed.
#include "agent/objects/cache_feed.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <random>

#include "agent/control/controller_runner.hpp"
#include "agent/objects/store_writer.hpp"
#include "base/log.hpp"
#include "tests/fakes/manual_clock.hpp"
#include "tests/fakes/slow_store.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using model::ObjectKey;
using testing::ElementsAre;
using testing::IsEmpty;

class CacheFeedTest : public testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::Error); }
  void TearDown() override { set_log_level(LogLevel::Info); }

  void put(std::string_view text) {
    auto raw = parse_json(text);
    ASSERT_TRUE(raw) << text;
    store::Txn txn;
    txn.writes.push_back(store::Write::put(*model::make_object(raw->get_object())));
    ASSERT_TRUE(store.elsewhere(std::move(txn)));
  }
  void pod(const std::string& name, const std::string& uid, const std::string& labels = "",
           const std::string& spec = R"({"nodeName":"n1","containers":[{"name":"c","image":"x"}]})") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default","uid":"{}",
        "labels":{{{}}}}},"spec":{}}})",
                    name, uid, labels, spec));
  }
  void remove(Kind kind, const std::string& name, const std::string& ns = "default") {
    store::Txn txn;
    txn.writes.push_back(store::Write::remove({kind, ns, name}));
    ASSERT_TRUE(store.elsewhere(std::move(txn)));
  }
  void settle() {
    while (loop.poll() + store.step() != 0) {
    }
  }
  void begin() {
    // Remembers at which revision it planned each pod last.
    runner.add({.name = "looks",
                .wakes =
                    [](const store::Change& change, const Waker& wake) {
                      if (change.object->kind == Kind::Pod) wake(change.object->key());
                    },
                .all =
                    [this](const Waker& wake) {
                      for (const auto& [name, found] : cache.pods()) wake({Kind::Pod, name.first, name.second});
                    },
                .plan =
                    [this](const ObjectKey& key) {
                      const auto found = cache.pod({key.ns, key.name});
                      planned[key.name] = found ? found->meta.resource_version : 0;
                      return Work{};
                    }});
    feed.begin();
    settle();
  }
  std::vector<std::string> pods() const {
    std::vector<std::string> names;
    for (const auto& [name, found] : cache.pods()) names.push_back(name.second + " " + found->meta.uid);
    return names;
  }

  store::SlowStore store;
  Loop loop;
  ManualClock clock;
  ObjectCache cache;
  StoreWriter writer{loop, store, clock};
  ControllerRunner runner{{.loop = loop, .clock = clock, .writer = writer, .events = [](auto&&...) {}}};
  std::map<std::string, std::uint64_t> planned;
  std::vector<std::string> gone;
  int snapshots = 0;
  CacheFeed feed{loop,
                 store,
                 cache,
                 {.on_snapshot =
                      [this](const std::vector<PodPtr>& pods) {
                        ++snapshots;
                        for (const auto& each : pods) gone.push_back(each->meta.uid);
                        runner.wake_all();
                      },
                  .on_change = [this](const store::Change& change) { runner.on_change(change); }}};
};

TEST_F(CacheFeedTest, WhatWentWhileTheStoreWasOutOfSightIsForgottenAndWhatCameIsSeen) {
  pod("stays", "1");
  pod("goes", "2", R"("app":"web")");
  pod("again", "3");
  put(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"default"}})");
  put(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"default"},
      "spec":{"selector":{"app":"web"}}})");
  put(R"({"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"byhand","namespace":"default"},
      "subsets":[{"addresses":[{"ip":"10.0.0.9"}]}]})");
  begin();
  EXPECT_EQ(snapshots, 1);
  EXPECT_THAT(gone, IsEmpty());
  EXPECT_THAT(pods(), ElementsAre("again 3", "goes 2", "stays 1"));
  ASSERT_EQ(cache.pods_selected("default", {{"app", "web"}}).size(), 1U);
  ASSERT_EQ(cache.manual_endpoints().size(), 1U);

  store.lose_watches();
  remove(Kind::Pod, "goes");
  remove(Kind::Pod, "again");
  pod("again", "4");
  pod("stays", "1", R"("app":"new")");
  pod("new", "5");
  remove(Kind::ConfigMap, "settings");
  remove(Kind::Service, "web");
  remove(Kind::Endpoints, "byhand");
  settle();

  EXPECT_EQ(snapshots, 2);
  EXPECT_THAT(gone, testing::UnorderedElementsAre("2", "3")) << "the driver ends exactly these";
  EXPECT_THAT(pods(), ElementsAre("again 4", "new 5", "stays 1"));
  EXPECT_THAT(cache.config_maps(), IsEmpty());
  EXPECT_THAT(cache.services(), IsEmpty());
  EXPECT_THAT(cache.services_selecting("default", {{"app", "web"}}), IsEmpty());
  EXPECT_THAT(cache.manual_endpoints(), IsEmpty());
  EXPECT_THAT(cache.pods_selected("default", {{"app", "web"}}), IsEmpty()) << "the indexes forget, too";
  EXPECT_EQ(cache.pods_selected("default", {{"app", "new"}}).size(), 1U);
  EXPECT_EQ(cache.pods_of_node("n1").size(), 3U);
  for (const auto* name : {"stays", "again", "new"}) {
    EXPECT_EQ(planned[name], store.truth(ObjectKey{Kind::Pod, "default", name})->meta.resource_version) << name;
  }
}

/// One that cannot be read is there all the same; but it is no other pod's heir.
TEST_F(CacheFeedTest, APodThatDoesNotDecodeAnyMoreIsNotGoneUnlessItIsAnother) {
  pod("odd", "1");
  pod("other", "2");
  begin();
  store.lose_watches();
  const std::string broken = R"("no spec at all")";
  pod("odd", "1", "", broken);
  remove(Kind::Pod, "other");
  pod("other", "3", "", broken);
  settle();
  EXPECT_THAT(gone, ElementsAre("2"));
  EXPECT_THAT(pods(), ElementsAre("odd 1")) << "as it was last read";
}

TEST_F(CacheFeedTest, OfAnotherNodesPodsTheCacheHasAnOutline) {
  const auto spec = [](const std::string& node) {
    return R"({"nodeName":")" + node + R"(","containers":[{"name":"c","image":"x","command":["run"],
        "ports":[{"containerPort":80}]}],"volumes":[{"name":"s","configMap":{"name":"settings"}},
        {"name":"d","persistentVolumeClaim":{"claimName":"data"}}]})";
  };
  pod("own", "1", "", spec("n1"));
  pod("far", "2", "", spec("n2"));
  pod("waits", "3", "", spec(""));
  ObjectCache outlines;
  std::vector<std::string> told;
  CacheFeed of_many{
      loop,
      store,
      outlines,
      {.on_snapshot = [](const std::vector<PodPtr>&) {},
       .on_change =
           [&](const store::Change& change) { told.push_back(json::serialize(change.object->raw.at("spec"))); }},
      "n1"};
  of_many.begin();
  settle();
  const auto command = [&](const std::string& name) {
    return outlines.pod({"default", name})->spec.containers.front().command;
  };
  const auto users = [&](Kind kind, const std::string& used) {
    std::vector<std::string> names;
    for (const auto& [ns, name] : outlines.pods_using({kind, "default", used})) names.push_back(name);
    return names;
  };
  EXPECT_THAT(command("own"), ElementsAre("run"));
  EXPECT_THAT(command("waits"), ElementsAre("run"));
  EXPECT_THAT(command("far"), IsEmpty());
  EXPECT_EQ(outlines.pod({"default", "far"})->spec.containers.front().ports.front().container_port, 80);
  EXPECT_THAT(users(Kind::ConfigMap, "settings"), ElementsAre("own", "waits"));
  EXPECT_THAT(users(Kind::PersistentVolumeClaim, "data"), ElementsAre("far", "own", "waits"));

  // Who follows is told all of it; and what a pod used is forgotten with it, also when it was bound meanwhile.
  told.clear();
  pod("waits", "3", "", spec("n2"));
  settle();
  EXPECT_THAT(command("waits"), IsEmpty());
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told.front(), testing::HasSubstr("run"));
  EXPECT_THAT(users(Kind::ConfigMap, "settings"), ElementsAre("own"));
  remove(Kind::Pod, "waits");
  settle();
  EXPECT_THAT(users(Kind::ConfigMap, "settings"), ElementsAre("own"));
  EXPECT_THAT(users(Kind::PersistentVolumeClaim, "data"), ElementsAre("far", "own"));
}

TEST_F(CacheFeedTest, EndsWithNothingToldAnyMore) {
  begin();
  pod("late", "1");
  store.lose_watches();
  feed.end();
  settle();
  EXPECT_EQ(snapshots, 1);
  EXPECT_THAT(pods(), IsEmpty());
}

/// At any moment, in any order: when all is told, the cache is what the store has, and each pod was planned as it is.
TEST_F(CacheFeedTest, WheneverItIsLostTheCacheEndsUpAsTheStoreIs) {
  begin();
  std::mt19937 random(7);
  const auto below = [&](unsigned bound) { return random() % bound; };
  for (unsigned i = 0; i < 3000; ++i) {
    const auto name = fmt::format("p{}", below(12));
    const auto there = store.truth(ObjectKey{Kind::Pod, "default", name}) != nullptr;
    if (there && below(3) == 0) {
      remove(Kind::Pod, name);
    } else if (!there) {
      pod(name, fmt::format("{}-{}", name, i));
    } else {
      pod(name, store.truth(ObjectKey{Kind::Pod, "default", name})->meta.uid, fmt::format(R"("app":"a{}")", below(3)));
    }
    if (below(40) == 0) store.lose_watches();
    for (auto steps = below(4); steps > 0; --steps) {
      store.step();
      loop.poll();
    }
    if (i % 100 != 99) continue;
    settle();
    const auto truth = store.truth(Kind::Pod);
    ASSERT_EQ(cache.pods().size(), truth.size());
    for (const auto& object : truth) {
      const auto known = cache.pod({object->meta.ns, object->meta.name});
      ASSERT_TRUE(known) << object->meta.name;
      ASSERT_EQ(known->meta.resource_version, object->meta.resource_version);
      ASSERT_EQ(planned[object->meta.name], object->meta.resource_version) << object->meta.name << " was missed";
    }
    for (const auto* value : {"a0", "a1", "a2"}) {
      const auto labelled = std::count_if(truth.begin(), truth.end(), [&](const auto& object) {
        const auto label = object->meta.labels.find("app");
        return label != object->meta.labels.end() && label->second == value;
      });
      ASSERT_EQ(cache.pods_selected("default", {{"app", value}}).size(), static_cast<std::size_t>(labelled));
    }
  }
  EXPECT_GT(snapshots, 20);
}

}  // namespace
}  // namespace berth::agent
