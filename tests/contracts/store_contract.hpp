// tests/contracts/store_contract.hpp - what every backend promises; a test names its backends with
// INSTANTIATE_TEST_SUITE_P.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "store/store.hpp"
#include "tests/temp_dir.hpp"

namespace berth::store {

/// How one is opened: in a directory of the test's own, which is the same when it is opened again.
struct StoreBackend {
  std::string name;
  std::function<Result<std::unique_ptr<Store>>(const StoreLimits& limits, const std::filesystem::path& dir)> open;
};

using model::Kind;
using model::ObjectKey;

inline model::Object config_map(const std::string& name, const std::string& value = "v",
                                const std::string& ns = "default") {
  json::object raw{{"apiVersion", "v1"},
                   {"kind", "ConfigMap"},
                   {"metadata", {{"name", name}, {"namespace", ns}}},
                   {"data", {{"key", value}}}};
  auto object = model::make_object(std::move(raw));
  if (!object) std::abort();
  return *std::move(object);
}

inline ObjectKey key(const std::string& name, const std::string& ns = "default") { return {Kind::ConfigMap, ns, name}; }

/// What is stored: two reads of one object may give two that are equal.
inline std::string text(const model::ObjectPtr& object) {
  return object == nullptr ? "(none)" : json::serialize(object->raw);
}

/// Collects changes from the store's thread; `wait_for` returns once there are that many.
class Seen {
 public:
  void add(const Change& change) {
    const std::scoped_lock lock(mutex_);
    changes_.push_back(change);
    more_.notify_all();
  }
  std::vector<Change> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    more_.wait_for(lock, std::chrono::seconds{20}, [&] { return changes_.size() >= count; });
    return changes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<Change> changes_;
};

inline std::string summary(const Change& change) {
  const char* type = change.type == ChangeType::Added ? "+" : change.type == ChangeType::Modified ? "~" : "-";
  return type + change.object->meta.name;
}

inline std::vector<std::string> summaries(const std::vector<Change>& changes) {
  std::vector<std::string> all;
  for (const auto& change : changes) all.push_back(summary(change));
  return all;
}

class StoreContract : public testing::TestWithParam<StoreBackend> {
 protected:
  StoreContract() { open({}); }
  ~StoreContract() override { store_.reset(); }

  void open(const StoreLimits& limits) {
    store_.reset();
    auto opened = GetParam().open(limits, dir_);
    if (!opened) {
      ADD_FAILURE() << opened.error().message();
      std::abort();  // Every test would read it.
    }
    store_ = *std::move(opened);
  }

  model::ObjectPtr created(const std::string& name, const std::string& value = "v", const std::string& ns = "default") {
    auto object = create_and_wait(*store_, config_map(name, value, ns));
    if (!object) ADD_FAILURE() << object.error().message();
    return object ? *object : nullptr;
  }

  TempDir temp_;
  const std::filesystem::path dir_ = temp_.path();
  std::unique_ptr<Store> store_;
};

TEST_P(StoreContract, CreateFillsMetadataInTheStructAndInTheJson) {
  const auto object = created("a");
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(object->meta.uid.size(), 36U);
  EXPECT_EQ(object->meta.generation, 1);
  EXPECT_EQ(object->meta.resource_version, store_->revision());
  EXPECT_TRUE(parse_rfc3339(object->meta.creation_timestamp).ok());
  const auto decoded = model::decode_meta(object->raw.at("metadata").as_object());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->uid, object->meta.uid);
  EXPECT_EQ(decoded->resource_version, object->meta.resource_version);
  EXPECT_EQ(decoded->creation_timestamp, object->meta.creation_timestamp);
  EXPECT_EQ(decoded->generation, 1);
  EXPECT_TRUE(object->raw.at("metadata").at("resourceVersion").is_string());
  EXPECT_EQ(text(store_->get(key("a"))), text(object));
}

TEST_P(StoreContract, CreateKeepsAUidThatTheCallerChose) {
  auto object = config_map("a");
  object.meta.uid = "11111111-1111-4111-8111-111111111111";
  const auto stored = create_and_wait(*store_, std::move(object));
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ((*stored)->meta.uid, "11111111-1111-4111-8111-111111111111");
}

/// A stored number that no two have: what `number` says when it is free, else the next one.
inline Status give_number(model::Object& object, const model::Object* old, const model::Stored& stored) {
  if (object.kind != model::Kind::ConfigMap) return Ok{};
  auto& data = object.raw["data"].get_object();
  if (old != nullptr) {
    data["number"] = old->raw.at("data").at("number");
    return Ok{};
  }
  std::set<std::string> taken;
  for (const auto& other : stored.list(model::Kind::ConfigMap, {}))
    taken.insert(std::string(find_string(json::value(other->raw), {"data", "number"})));
  int number = 0;
  while (taken.contains(std::to_string(number))) ++number;
  if (number >= 20) return Error(ErrorCode::InvalidArgument, "data.number: none is left");
  data["number"] = std::to_string(number);
  return Ok{};
}

TEST_P(StoreContract, WhatIsCompletedWithinTheWriteIsUniqueHoweverManyWriteAtOnce) {
  StoreLimits limits;
  limits.complete = give_number;
  open(limits);
  constexpr int kWriters = 20;
  std::mutex mutex;
  std::condition_variable ended;
  std::set<std::string> numbers;
  int answers = 0;
  std::vector<std::thread> writers;
  writers.reserve(kWriters);
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      store_->create(config_map("m" + std::to_string(i)), Durability::Durable,
                     [&](const Result<model::ObjectPtr>& done) {
                       const std::scoped_lock lock(mutex);
                       ++answers;
                       if (done)
                         numbers.insert(std::string(find_string(json::value((*done)->raw), {"data", "number"})));
                       ended.notify_all();
                     });
    });
  }
  for (auto& writer : writers) writer.join();
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(ended.wait_for(lock, std::chrono::seconds{20}, [&] { return answers == kWriters; }));
  }
  EXPECT_EQ(numbers.size(), std::size_t{kWriters});
  EXPECT_TRUE(failed_with(create_and_wait(*store_, config_map("more")), ErrorCode::InvalidArgument));
  EXPECT_EQ(store_->get(key("more")), nullptr);
  // In one transaction the second sees the first; what is removed in it is free.
  Txn txn;
  for (const auto* name : {"m3", "m4"}) txn.writes.push_back(Write::remove(key(name)));
  for (const auto* name : {"a", "b"}) txn.writes.push_back(Write::put(config_map(name)));
  const auto done = commit_and_wait(*store_, std::move(txn));
  ASSERT_TRUE(done) << done.error().message();
  const auto number = [&](const char* name) {
    return std::string(find_string(json::value(store_->get(key(name))->raw), {"data", "number"}));
  };
  EXPECT_NE(number("a"), number("b"));
  // A write that leaves it out keeps it, and is none when nothing else differs.
  const auto before = store_->get(key("a"));
  ASSERT_TRUE(update_and_wait(*store_, config_map("a"), 0));
  EXPECT_EQ(store_->get(key("a"))->meta.resource_version, before->meta.resource_version);
}

TEST_P(StoreContract, ATakenNameIsAlreadyExistsAndChangesNothing) {
  const auto first = created("a");
  const auto revision = store_->revision();
  EXPECT_TRUE(failed_with(create_and_wait(*store_, config_map("a", "other")), ErrorCode::AlreadyExists));
  EXPECT_EQ(text(store_->get(key("a"))), text(first));
  EXPECT_EQ(store_->revision(), revision);
}

TEST_P(StoreContract, UpdateKeepsIdentityAndCountsGenerationsOfTheWish) {
  const auto first = created("a");
  auto next = config_map("a", "new");
  next.meta.creation_timestamp = "2001-01-01T00:00:00Z";
  const auto second = update_and_wait(*store_, std::move(next), first->meta.resource_version);
  ASSERT_TRUE(second.ok()) << second.error().message();
  EXPECT_EQ((*second)->meta.uid, first->meta.uid);
  EXPECT_EQ((*second)->meta.creation_timestamp, first->meta.creation_timestamp);
  EXPECT_EQ((*second)->meta.generation, 2);
  EXPECT_GT((*second)->meta.resource_version, first->meta.resource_version);

  auto status_only = **second;
  status_only.raw["status"] = {{"phase", "x"}};
  status_only.raw["metadata"].as_object()["labels"] = {{"a", "b"}};
  const auto third = update_and_wait(*store_, std::move(status_only), 0);
  ASSERT_TRUE(third.ok());
  EXPECT_EQ((*third)->meta.generation, 2);
  EXPECT_EQ(first->raw.at("data").at("key").as_string(), "v") << "what was shared is immutable";
}

TEST_P(StoreContract, AnUpdateThatChangesNothingUsesNoRevision) {
  const auto first = created("a");
  const auto again = update_and_wait(*store_, config_map("a"), 0);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->meta.resource_version, first->meta.resource_version);
  EXPECT_EQ(store_->revision(), first->meta.resource_version);
}

TEST_P(StoreContract, WhatIsNoUtf8IsStoredAsText) {
  auto quoting = config_map("a", "it says \xff");
  quoting.raw["metadata"].as_object()["annotations"] = {{"of", "cut \xc3"}};
  const auto first = create_and_wait(*store_, *model::make_object(json::object(quoting.raw)));
  ASSERT_TRUE(first.ok()) << first.error().message();
  EXPECT_EQ((*first)->raw.at("data").at("key"), "it says \xef\xbf\xbd");
  EXPECT_EQ((*first)->meta.annotations.at("of"), "cut \xef\xbf\xbd");
  // Who writes the same bytes again writes the same text.
  const auto again = update_and_wait(*store_, *model::make_object(json::object(quoting.raw)), 0);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->meta.resource_version, (*first)->meta.resource_version);
  open({});
  const auto kept = store_->get({Kind::ConfigMap, "default", "a"});
  if (kept != nullptr) EXPECT_EQ(kept->raw, (*first)->raw);  // Not every store outlives its closing.
}

TEST_P(StoreContract, AStaleWriterIsAborted) {
  const auto first = created("a");
  ASSERT_TRUE(update_and_wait(*store_, config_map("a", "two"), first->meta.resource_version).ok());
  EXPECT_TRUE(failed_with(update_and_wait(*store_, config_map("a", "three"), first->meta.resource_version),
                          ErrorCode::Aborted));
  EXPECT_TRUE(failed_with(remove_and_wait(*store_, key("a"), first->meta.resource_version), ErrorCode::Aborted));
  auto stranger = config_map("a", "three");
  stranger.meta.uid = "11111111-1111-4111-8111-111111111111";
  EXPECT_TRUE(failed_with(update_and_wait(*store_, std::move(stranger), 0), ErrorCode::Aborted));
  EXPECT_EQ(store_->get(key("a"))->raw.at("data").at("key").as_string(), "two");
}

TEST_P(StoreContract, WritesToWhatIsNotThereAreNotFound) {
  EXPECT_EQ(store_->get(key("none")), nullptr);
  EXPECT_TRUE(failed_with(update_and_wait(*store_, config_map("none"), 0), ErrorCode::NotFound));
  EXPECT_TRUE(failed_with(remove_and_wait(*store_, key("none"), 0), ErrorCode::NotFound));
}

TEST_P(StoreContract, ARemovedNameCanBeTakenByANewObject) {
  const auto first = created("a");
  ASSERT_TRUE(remove_and_wait(*store_, key("a"), first->meta.resource_version).ok());
  EXPECT_EQ(store_->get(key("a")), nullptr);
  const auto second = created("a");
  EXPECT_NE(second->meta.uid, first->meta.uid);
  EXPECT_GT(second->meta.resource_version, first->meta.resource_version + 1);
}

TEST_P(StoreContract, ListsOneKindSortedAndOneNamespaceWhenAsked) {
  for (const auto& [name, ns] : {std::pair{"b", "x"}, {"a", "x"}, {"c", "w"}, {"a", "y"}}) created(name, "v", ns);
  json::object raw{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "x"}}}};
  ASSERT_TRUE(create_and_wait(*store_, *model::make_object(raw)).ok());
  const auto names = [](const Listing& listing) {
    std::vector<std::string> all;
    for (const auto& object : listing.objects) all.push_back(object->meta.ns + "/" + object->meta.name);
    return all;
  };
  EXPECT_EQ(names(store_->list(Kind::ConfigMap)), (std::vector<std::string>{"w/c", "x/a", "x/b", "y/a"}));
  EXPECT_EQ(names(store_->list(Kind::ConfigMap, "x")), (std::vector<std::string>{"x/a", "x/b"}));
  EXPECT_EQ(names(store_->list(Kind::ConfigMap, "none")), std::vector<std::string>{});
  EXPECT_EQ(store_->list(Kind::Pod).revision, store_->revision());
}

TEST_P(StoreContract, RefusesAnObjectOverTheSizeLimit) {
  open({.object_bytes = 1000, .history = 10});
  EXPECT_TRUE(failed_with(create_and_wait(*store_, config_map("a", std::string(1000, 'x'))), ErrorCode::OutOfRange));
  EXPECT_EQ(store_->get(key("a")), nullptr);
  created("a");
  EXPECT_TRUE(failed_with(update_and_wait(*store_, config_map("a", std::string(1000, 'x')), 0), ErrorCode::OutOfRange));
  EXPECT_EQ(store_->get(key("a"))->raw.at("data").at("key").as_string(), "v");
}

/// Only one refusal may be read as "make it smaller".
TEST_P(StoreContract, RefusesWhatHasNoNameForAnotherReasonThanItsSize) {
  open({});
  const auto before = store_->revision();
  auto nameless = config_map("a");
  nameless.meta.name.clear();
  const auto made = create_and_wait(*store_, std::move(nameless));
  ASSERT_TRUE(failed_with(made, ErrorCode::InvalidArgument));
  EXPECT_NE(made.error().message().find("no name"), std::string::npos) << made.error().message();
  EXPECT_EQ(store_->revision(), before);
}

TEST_P(StoreContract, AWatchTellsEveryChangeInOrderWithWhatWasBefore) {
  Seen seen;
  const auto watch = store_->watch(Kind::ConfigMap, store_->revision(), [&](const Change& c) { seen.add(c); });
  ASSERT_TRUE(watch.ok());
  const auto first = created("a");
  const auto second = update_and_wait(*store_, config_map("a", "new"), 0);
  ASSERT_TRUE(remove_and_wait(*store_, key("a"), 0).ok());
  const auto changes = seen.wait_for(3);
  ASSERT_EQ(summaries(changes), (std::vector<std::string>{"+a", "~a", "-a"}));
  EXPECT_EQ(changes[0].previous, nullptr);
  EXPECT_EQ(text(changes[1].previous), text(first));
  EXPECT_EQ(text(changes[1].object), text(*second));
  EXPECT_EQ(changes[2].object->meta.resource_version, changes[2].revision) << "a deletion has its own revision";
  EXPECT_LT(changes[0].revision, changes[1].revision);
  EXPECT_LT(changes[1].revision, changes[2].revision);
}

TEST_P(StoreContract, AWatchResumesFromARevisionWithoutGapOrRepetition) {
  created("a");
  const auto from = store_->revision();
  created("b");
  created("c");
  Seen seen;
  const auto watch = store_->watch(std::nullopt, from, [&](const Change& c) { seen.add(c); });
  ASSERT_TRUE(watch.ok());
  created("d");
  EXPECT_EQ(summaries(seen.wait_for(3)), (std::vector<std::string>{"+b", "+c", "+d"}));
}

TEST_P(StoreContract, AWatchFromBeforeTheHistoryOrFromTheFutureIsOutOfRange) {
  open({.object_bytes = 1000, .history = 2});
  const auto from = store_->revision();
  created("a");
  created("b");
  EXPECT_TRUE(store_->watch(std::nullopt, from, [](const Change&) {}).ok());
  created("c");
  EXPECT_TRUE(failed_with(store_->watch(std::nullopt, from, [](const Change&) {}), ErrorCode::OutOfRange));
  EXPECT_TRUE(
      failed_with(store_->watch(std::nullopt, store_->revision() + 1, [](const Change&) {}), ErrorCode::OutOfRange));
}

TEST_P(StoreContract, AWatchOfOneKindHearsNothingOfOthers) {
  Seen pods;
  Seen all;
  const auto a = store_->watch(Kind::Pod, store_->revision(), [&](const Change& c) { pods.add(c); });
  const auto b = store_->watch(std::nullopt, store_->revision(), [&](const Change& c) { all.add(c); });
  created("a");
  ASSERT_EQ(all.wait_for(1).size(), 1U);
  EXPECT_TRUE(pods.wait_for(0).empty());
}

TEST_P(StoreContract, ADestroyedWatchIsSilentEvenFromItsOwnCallback) {
  std::unique_ptr<Watch> own;
  std::promise<void> called;
  int calls = 0;
  auto watch = store_->watch(std::nullopt, store_->revision(), [&](const Change&) {
    ++calls;
    own.reset();
    called.set_value();  // throws, and so fails the test, when there is a second call
  });
  ASSERT_TRUE(watch.ok());
  own = *std::move(watch);
  created("a");
  called.get_future().wait();
  created("b");
  EXPECT_EQ(calls, 1);
}

TEST_P(StoreContract, WatchersHearOfAWriteBeforeItsDone) {
  std::mutex mutex;
  std::vector<std::string> order;
  const auto note = [&](const std::string& what) {
    const std::scoped_lock lock(mutex);
    order.push_back(what);
  };
  const auto watch = store_->watch(std::nullopt, store_->revision(), [&](const Change&) { note("change"); });
  for (const auto durability : {Durability::Durable, Durability::Lazy}) {
    std::promise<void> done;
    store_->create(config_map(durability == Durability::Lazy ? "l" : "d"), durability, [&](auto) {
      note("done");
      done.set_value();
    });
    done.get_future().wait();
  }
  const std::scoped_lock lock(mutex);
  EXPECT_EQ(order, (std::vector<std::string>{"change", "done", "change", "done"}));
}

TEST_P(StoreContract, HistoryIsOfOneKindAndProgressTellsHowFarThatKindIs) {
  created("a");
  const auto from = store_->revision();
  created("b");
  const auto last = store_->revision();
  json::object raw{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "other"}}}};
  ASSERT_TRUE(create_and_wait(*store_, *model::make_object(std::move(raw))));
  const auto history = store_->history(Kind::ConfigMap, from);
  ASSERT_TRUE(history);
  EXPECT_EQ(summaries(history->changes), (std::vector<std::string>{"+b"}));
  EXPECT_EQ(history->revision, store_->revision());
  EXPECT_EQ(store_->progress(Kind::ConfigMap).of_kind, last);
  EXPECT_EQ(store_->progress(Kind::ConfigMap).revision, last + 1);
  EXPECT_EQ(store_->progress(Kind::Pod).of_kind, 0U);
  EXPECT_EQ(store_->history(Kind::ConfigMap, store_->revision() + 1).error().code(), ErrorCode::OutOfRange);
}

TEST_P(StoreContract, ManyThreadsMayWriteAndOneOfThemWinsEachRace) {
  created("shared");
  const auto expected = store_->get(key("shared"))->meta.resource_version;
  std::atomic<int> won{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        if (update_and_wait(*store_, config_map("shared", std::to_string(t)), expected).ok()) ++won;
        for (int i = 0; i < 25; ++i) {
          std::ignore = create_and_wait(*store_, config_map(std::to_string(t) + "-" + std::to_string(i)));
        }
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(store_->list(Kind::ConfigMap).objects.size(), 101U);
  EXPECT_TRUE(store_->flush().ok());
}

TEST_P(StoreContract, ATransactionHappensWholeOrNotAtAll) {
  const auto a = created("a");
  created("b");
  Seen seen;
  const auto watch = store_->watch(std::nullopt, store_->revision(), [&](const Change& c) { seen.add(c); });
  Txn txn;
  txn.conditions = {Condition::at(key("a"), a->meta.resource_version), Condition::is(key("a"), a->meta.uid),
                    Condition::is_absent(key("c")), Condition::exists(key("b"))};
  txn.writes.push_back(Write::put(config_map("a", "new")));
  txn.writes.push_back(Write::put(config_map("c")));
  txn.writes.push_back(Write::remove(key("b")));
  const auto done = commit_and_wait(*store_, txn);
  ASSERT_TRUE(done.ok()) << done.error().message();
  ASSERT_EQ(done->size(), 3U);
  EXPECT_EQ(text((*done)[0]), text(store_->get(key("a"))));
  EXPECT_EQ(text((*done)[1]), text(store_->get(key("c"))));
  EXPECT_EQ((*done)[2]->meta.name, "b");
  EXPECT_EQ(store_->get(key("b")), nullptr);
  EXPECT_EQ(summaries(seen.wait_for(3)), (std::vector<std::string>{"~a", "+c", "-b"}));

  const auto revision = store_->revision();
  EXPECT_TRUE(failed_with(commit_and_wait(*store_, txn), ErrorCode::Aborted)) << "a was changed";
  txn.conditions = {Condition::is_absent(key("c"))};
  EXPECT_TRUE(failed_with(commit_and_wait(*store_, txn), ErrorCode::AlreadyExists));
  txn.conditions = {Condition::exists(key("none"))};
  EXPECT_TRUE(failed_with(commit_and_wait(*store_, txn), ErrorCode::NotFound));
  txn.conditions = {Condition::is(key("a"), "11111111-1111-4111-8111-111111111111")};
  EXPECT_TRUE(failed_with(commit_and_wait(*store_, txn), ErrorCode::Aborted));
  txn.conditions = {};
  EXPECT_TRUE(failed_with(commit_and_wait(*store_, txn), ErrorCode::NotFound)) << "its last write removes nothing";
  EXPECT_EQ(store_->revision(), revision);
  EXPECT_EQ(text(store_->get(key("a"))), text((*done)[0]));
  EXPECT_EQ(seen.wait_for(3).size(), 3U);
}

TEST_P(StoreContract, QueuedWritesAreJudgedAgainstTheOnesBeforeThem) {
  const auto first = created("a");
  std::vector<std::future<Result<model::ObjectPtr>>> answers;
  const auto done = [&] {
    const auto promise = std::make_shared<std::promise<Result<model::ObjectPtr>>>();
    answers.push_back(promise->get_future());
    return [promise](Result<model::ObjectPtr> result) { promise->set_value(std::move(result)); };
  };
  const auto old = first->meta.resource_version;
  store_->update(config_map("a", "1"), old, Durability::Durable, done());
  store_->update(config_map("a", "2"), 0, Durability::Lazy, done());
  store_->update(config_map("a", "3"), old, Durability::Durable, done());
  store_->remove(key("a"), 0, Durability::Durable, done());
  store_->update(config_map("a", "4"), 0, Durability::Lazy, done());
  store_->create(config_map("a", "5"), Durability::Durable, done());
  std::vector<Result<model::ObjectPtr>> results;
  for (auto& answer : answers) results.push_back(answer.get());
  ASSERT_TRUE(results[0].ok() && results[1].ok());
  EXPECT_LT((*results[0])->meta.resource_version, (*results[1])->meta.resource_version);
  EXPECT_TRUE(failed_with(results[2], ErrorCode::Aborted));
  EXPECT_TRUE(results[3].ok());
  EXPECT_TRUE(failed_with(results[4], ErrorCode::NotFound));
  ASSERT_TRUE(results[5].ok());
  EXPECT_NE((*results[5])->meta.uid, first->meta.uid);
  EXPECT_EQ(text(store_->get(key("a"))), text(*results[5]));
}

TEST_P(StoreContract, AFollowerHasASnapshotAndThenEveryChange) {
  created("a");
  created("b");
  std::mutex mutex;
  std::vector<std::string> told;
  Seen seen;
  const auto watch = store_->follow({.kind = Kind::ConfigMap, .ns = "default", .node = {}},
                                    {.on_snapshot =
                                         [&](const Listing& all) {
                                           const std::scoped_lock lock(mutex);
                                           for (const auto& object : all.objects) told.push_back(object->meta.name);
                                           told.push_back("synced");
                                         },
                                     .on_change =
                                         [&](const Change& change) {
                                           {
                                             const std::scoped_lock lock(mutex);
                                             told.push_back(summary(change));
                                           }
                                           seen.add(change);
                                         },
                                     .on_lost = {}});
  created("elsewhere", "v", "other");
  created("c");
  ASSERT_TRUE(remove_and_wait(*store_, key("a"), 0).ok());
  ASSERT_EQ(seen.wait_for(2).size(), 2U);
  const std::scoped_lock lock(mutex);
  EXPECT_EQ(told, (std::vector<std::string>{"a", "b", "synced", "+c", "-a"}));
}

TEST_P(StoreContract, AVisitSeesWhatAListHasAndMayReadAndWriteMeanwhile) {
  for (const auto* ns : {"x", "y"}) {
    for (const auto* name : {"b", "a"}) created(name, ns, ns);
  }
  const auto visited = [&](std::string_view ns) {
    Listing seen;
    store_->visit(Kind::ConfigMap, ns, [&](const model::ObjectPtr& object) { seen.objects.push_back(object); });
    return seen;
  };
  for (const auto* ns : {"", "x", "y", "none"}) {
    const auto seen = visited(ns);
    const auto all = store_->list(Kind::ConfigMap, ns);
    ASSERT_EQ(seen.objects.size(), all.objects.size()) << ns;
    for (std::size_t i = 0; i < all.objects.size(); ++i) EXPECT_EQ(text(seen.objects[i]), text(all.objects[i]));
  }
  EXPECT_EQ(store_->count(Kind::ConfigMap), 4U);
  EXPECT_EQ(store_->count(Kind::Secret), 0U);
  std::vector<std::string> seen;
  store_->visit(Kind::ConfigMap, "x", [&](const model::ObjectPtr& object) {
    if (seen.empty()) {
      EXPECT_TRUE(remove_and_wait(*store_, {Kind::ConfigMap, "x", "b"}, 0).ok());
      created("c", "v", "x");
    }
    EXPECT_EQ(store_->get({Kind::ConfigMap, "x", "b"}), nullptr);
    seen.push_back(object->meta.name);
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b"})) << "as it was when the visit began";
  EXPECT_EQ(store_->count(Kind::ConfigMap), 4U) << "one went, one came";
}

TEST_P(StoreContract, AFollowerCanTakeTheObjectsOfASnapshotOneByOne) {
  created("a");
  created("b");
  created("elsewhere", "v", "other");
  std::mutex mutex;
  std::vector<std::string> told;
  Seen seen;
  const auto watch = store_->follow({.kind = Kind::ConfigMap, .ns = "default", .node = {}},
                                    {.on_snapshot =
                                         [&](const Listing& all) {
                                           const std::scoped_lock lock(mutex);
                                           told.push_back("synced " + std::to_string(all.objects.size()));
                                           EXPECT_GT(all.revision, 0U);
                                         },
                                     .on_object =
                                         [&](const model::ObjectPtr& object) {
                                           const std::scoped_lock lock(mutex);
                                           told.push_back(object->meta.name);
                                         },
                                     .on_change = [&](const Change& change) { seen.add(change); },
                                     .on_lost = {}});
  created("c");
  EXPECT_EQ(summaries(seen.wait_for(1)), (std::vector<std::string>{"+c"}));
  const std::scoped_lock lock(mutex);
  EXPECT_EQ(told, (std::vector<std::string>{"a", "b", "synced 0"}));
}

TEST_P(StoreContract, AFollowerOfANodeSeesPodsComeAndGoWithTheirBinding) {
  Seen seen;
  const auto watch =
      store_->follow({.kind = Kind::Pod, .ns = {}, .node = "here"},
                     {.on_snapshot = {}, .on_change = [&](const Change& c) { seen.add(c); }, .on_lost = {}});
  const auto pod = [](const std::string& name, const std::string& node) {
    json::object raw{{"apiVersion", "v1"},
                     {"kind", "Pod"},
                     {"metadata", {{"name", name}, {"namespace", "default"}}},
                     {"spec", json::object{}}};
    if (!node.empty()) raw["spec"].as_object()["nodeName"] = node;
    return *model::make_object(std::move(raw));
  };
  ASSERT_TRUE(create_and_wait(*store_, pod("a", "")).ok());
  ASSERT_TRUE(create_and_wait(*store_, pod("b", "there")).ok());
  ASSERT_TRUE(update_and_wait(*store_, pod("a", "here"), 0).ok());
  ASSERT_TRUE(update_and_wait(*store_, pod("a", "there"), 0).ok());
  ASSERT_TRUE(create_and_wait(*store_, pod("c", "here")).ok());
  EXPECT_EQ(summaries(seen.wait_for(3)), (std::vector<std::string>{"+a", "-a", "+c"}));
}

TEST_P(StoreContract, OneKindPushesNoOtherOutOfTheHistory) {
  open({.object_bytes = 1000, .history = 3});
  created("a");
  const auto from = store_->revision();
  created("b");
  for (int i = 0; i < 20; ++i) {
    json::object raw{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "n" + std::to_string(i)}}}};
    ASSERT_TRUE(create_and_wait(*store_, *model::make_object(std::move(raw))));
  }
  const auto history = store_->history(Kind::ConfigMap, from);
  ASSERT_TRUE(history.ok()) << history.error().message();
  EXPECT_EQ(summaries(history->changes), (std::vector<std::string>{"+b"}));
  EXPECT_TRUE(failed_with(store_->history(Kind::Namespace, from), ErrorCode::OutOfRange));
  EXPECT_TRUE(failed_with(store_->watch(std::nullopt, from, [](const Change&) {}), ErrorCode::OutOfRange));
}

TEST_P(StoreContract, ASessionsNameIsHeldByOneAtATime) {
  auto session = store_->open_session("live/here", {});
  ASSERT_TRUE(session.ok());
  EXPECT_EQ((*session)->name(), "live/here");
  EXPECT_TRUE((*session)->surely_alive(BootClock::now()));
  EXPECT_TRUE(failed_with(store_->open_session("live/here", {}), ErrorCode::AlreadyExists));
  EXPECT_TRUE(store_->open_session("live/there", {}).ok());
  session->reset();
  EXPECT_TRUE(store_->open_session("live/here", {}).ok());
}

TEST_P(StoreContract, WhoHoldsSessionsIsTold) {
  std::mutex mutex;
  std::condition_variable more;
  std::vector<std::string> told;
  auto watch = store_->follow_holders([&](const Holders& all) {
    std::string names;
    for (const auto& [name, holder] : all) names += name + " ";
    const std::scoped_lock lock(mutex);
    told.push_back(names);
    more.notify_all();
  });
  const auto is_told = [&](const std::string& names) {
    std::unique_lock lock(mutex);
    return more.wait_for(lock, std::chrono::seconds{20}, [&] { return !told.empty() && told.back() == names; });
  };
  EXPECT_TRUE(is_told("")) << "nobody, and that at once";
  auto here = store_->open_session("live/here", {});
  ASSERT_TRUE(here.ok());
  EXPECT_TRUE(is_told("live/here "));
  const auto there = store_->open_session("live/there", {});
  EXPECT_TRUE(is_told("live/here live/there "));
  here->reset();
  EXPECT_TRUE(is_told("live/there "));
  watch.reset();
  const std::scoped_lock lock(mutex);
  EXPECT_EQ(told.size(), 4U) << "nothing is told twice";
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContract);

}  // namespace berth::store
