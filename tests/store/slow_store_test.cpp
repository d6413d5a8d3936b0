// tests/store/slow_store_test.cpp - the fake is as bad as it says, and the same each time.
#include "tests/fakes/slow_store.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace berth::store {
namespace {

using model::Kind;
using model::ObjectKey;

model::Object config_map(const std::string& name, const std::string& value = "v") {
  json::object raw{{"apiVersion", "v1"},
                   {"kind", "ConfigMap"},
                   {"metadata", {{"name", name}, {"namespace", "default"}}},
                   {"data", {{"key", value}}}};
  return *model::make_object(std::move(raw));
}

ObjectKey key(const std::string& name) { return {Kind::ConfigMap, "default", name}; }

TEST(SlowStore, AWriteIsTrueThenSeenThenAnswered) {
  SlowStore store;
  std::string order;
  store.on_truth([&](const Change&) { order += "true "; });
  const auto watch = store.follow({}, {.on_snapshot = [&](const Listing&) { order += "synced "; },
                                       .on_change = [&](const Change&) { order += "seen "; },
                                       .on_lost = {}});
  store.create(config_map("a"), Durability::Durable, [&](const auto& result) {
    EXPECT_TRUE(result.ok());
    EXPECT_NE(store.get(key("a")), nullptr);
    order += "answered";
  });
  EXPECT_EQ(store.get(key("a")), nullptr) << "nothing happens by itself";
  EXPECT_TRUE(store.settle());
  EXPECT_EQ(order, "synced true seen answered");
  EXPECT_GT(store.now().count(), 0);
}

TEST(SlowStore, AFollowerThatWasLostHasTheWholeAgain) {
  SlowStore store;
  std::vector<std::string> heard;
  const auto watch = store.follow(
      {}, {.on_snapshot = [&](const Listing& all) { heard.push_back("all:" + std::to_string(all.objects.size())); },
           .on_change = [&](const Change& change) { heard.push_back(change.object->meta.name); },
           .on_lost = [&] { heard.emplace_back("lost"); }});
  store.create(config_map("a"), Durability::Durable, {});
  EXPECT_TRUE(store.settle());
  const auto from = store.revision();
  store.lose_watches();
  Txn txn;
  txn.writes.push_back(Write::put(config_map("b")));
  txn.writes.push_back(Write::remove(key("a")));
  ASSERT_TRUE(store.elsewhere(std::move(txn)).ok());
  EXPECT_NE(store.get(key("a")), nullptr) << "the copy is old";
  EXPECT_TRUE(store.settle());
  EXPECT_EQ(heard, (std::vector<std::string>{"all:0", "a", "lost", "all:1"}));
  EXPECT_EQ(store.get(key("a")), nullptr);
  EXPECT_NE(store.get(key("b")), nullptr);
  EXPECT_TRUE(failed_with(store.watch(std::nullopt, from, [](const Change&) {}), ErrorCode::OutOfRange));
}

/// What a hundred writes with every fault come to.
std::string run(std::uint64_t seed) {
  SlowStoreOptions options;
  options.seed = seed;
  options.aborted = options.refused = options.unavailable = options.lost_answer = options.no_answer = 0.1;
  options.lost_watch = 0.1;
  SlowStore store(options);
  std::string log;
  const auto watch = store.follow({}, {.on_snapshot = [&](const Listing& all) { log += std::to_string(all.revision); },
                                       .on_change = [&](const Change& change) { log += change.object->meta.name; },
                                       .on_lost = [&] { log += "!"; }});
  for (int i = 0; i < 100; ++i) {
    store.create(config_map("c" + std::to_string(i)), Durability::Durable,
                 [&](const auto& result) { log += result.ok() ? "+" : to_string(result.error().code()); });
    store.step();
  }
  EXPECT_TRUE(store.settle());
  EXPECT_EQ(store.list(Kind::ConfigMap, {}).objects.size(), store.truth(Kind::ConfigMap).size())
      << "at rest the copy is the truth";
  return log;
}

TEST(SlowStore, TheSameSeedGivesTheSameRunAndAnotherSeedAnother) {
  const auto first = run(7);
  EXPECT_EQ(first, run(7));
  EXPECT_NE(first, run(8));
  for (const auto* word : {"Aborted", "ResourceExhausted", "Unavailable", "DeadlineExceeded", "!", "+"}) {
    EXPECT_NE(first.find(word), std::string::npos) << word;
  }
}

TEST(SlowStore, ALostSessionIsNotAliveAndSaysSo) {
  SlowStore store;
  bool lost = false;
  const auto session = store.open_session("live/here", [&] { lost = true; });
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE((*session)->surely_alive(BootClock::now()));
  store.lose_sessions();
  EXPECT_FALSE((*session)->surely_alive(BootClock::now()));
  EXPECT_TRUE(store.settle());
  EXPECT_TRUE(lost);
  EXPECT_TRUE(store.open_session("live/here", {}).ok()) << "another may have it now";
}

}  // namespace
}  // namespace berth::store
