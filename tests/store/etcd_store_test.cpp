// tests/store/etcd_store_test.cpp - the etcd store on an etcd that does what it is told to: who hears what, and when.
#include "store/etcd/etcd_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "store/etcd/etcd_keeper.hpp"
#include "store/etcd/list_patience.hpp"
#include "store/problem_list.hpp"
#include "tests/fakes/fake_etcd.hpp"

namespace berth::store::etcd {
namespace {

using model::Kind;
using model::ObjectKey;
using model::ObjectPtr;
using std::chrono::milliseconds;
using std::chrono::seconds;

model::Object object_of(Kind kind, const std::string& name, const std::string& value) {
  json::object raw{{"apiVersion", model::info(kind).api_version()},
                   {"kind", model::info(kind).name},
                   {"metadata", {{"name", name}, {"namespace", "default"}}},
                   {"data", {{"key", value}}}};
  return *model::make_object(std::move(raw));
}

model::Object config_map(const std::string& name, const std::string& value = "v") {
  return object_of(Kind::ConfigMap, name, value);
}

ObjectKey key(const std::string& name) { return {Kind::ConfigMap, "default", name}; }

std::string etcd_key(const std::string& name) { return "/berth/objects/ConfigMap/default/" + name; }

std::string text_of(const std::string& name, const std::string& value) {
  auto object = config_map(name, value);
  object.raw["metadata"].as_object()["uid"] = "11111111-1111-4111-8111-111111111111";
  return json::serialize(object.raw);
}

std::string value_in(const ObjectPtr& object) {
  return object == nullptr ? "(none)" : std::string(view(object->raw.at("data").at("key").as_string()));
}

/// What callbacks say, for who waits for it.
class Log {
 public:
  void add(const std::string& what) {
    const std::scoped_lock lock(mutex_);
    lines_.push_back(what);
    more_.notify_all();
  }
  bool wait_for(const std::string& what) {
    std::unique_lock lock(mutex_);
    return more_.wait_for(lock, seconds{20},
                          [&] { return std::find(lines_.begin(), lines_.end(), what) != lines_.end(); });
  }
  std::vector<std::string> lines() const {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable more_;
  std::vector<std::string> lines_;
};

class EtcdStoreOnFake : public testing::Test {
 protected:
  EtcdStoreOnFake() {
    options_.node = "here";
    options_.retry_first = milliseconds{1};
    options_.retry_most = milliseconds{5};
    options_.lost_after = milliseconds{0};
  }

  std::unique_ptr<Store> open() {
    auto store = open_store_on(etcd_.client(), options_);
    if (!store) {
      ADD_FAILURE() << store.error().message();
      std::abort();
    }
    return *std::move(store);
  }

  /// Begins a write; its end is in the log and in the future.
  std::future<Result<ObjectPtr>> begin(Store& store, model::Object object, Revision expected = 0) {
    const auto promise = std::make_shared<std::promise<Result<ObjectPtr>>>();
    const auto done = [this, promise](Result<ObjectPtr> result) {
      log_.add(result.ok() ? "done" : "refused");
      promise->set_value(std::move(result));
    };
    if (store.get(object.key()) == nullptr) {
      store.create(std::move(object), Durability::Durable, done);
    } else {
      store.update(std::move(object), expected, Durability::Durable, done);
    }
    return promise->get_future();
  }

  std::unique_ptr<Watch> follow(Store& store) {
    return store.follow(
        {.kind = Kind::ConfigMap, .ns = {}, .node = {}},
        {.on_snapshot = [this](const Listing& all) { log_.add("snapshot of " + std::to_string(all.objects.size())); },
         .on_change =
             [this](const Change& change) {
               log_.add((change.type == ChangeType::Deleted ? "-" : "+") + change.object->meta.name);
             },
         .on_lost = [this] { log_.add("lost"); }});
  }

  Log log_;
  EtcdOptions options_;
  FakeEtcd etcd_;
};

TEST(ListPatience, AListThatMakesProgressIsNotLateAndOneThatBeginsAnewIsNoProgress) {
  const SteadyTime begun{seconds{100}};
  ListPatience patience(seconds{10}, begun);
  EXPECT_EQ(patience.until(), begun + seconds{10});
  patience.page(1, begun + seconds{9});
  patience.page(2, begun + seconds{18});
  EXPECT_EQ(patience.until(), begun + seconds{28});
  // The connection broke, and all begins again.
  patience.page(1, begun + seconds{20});
  patience.page(2, begun + seconds{24});
  EXPECT_EQ(patience.until(), begun + seconds{28});
  patience.page(3, begun + seconds{27});
  EXPECT_EQ(patience.until(), begun + seconds{37});
}

TEST_F(EtcdStoreOnFake, AListOfManyPagesIsWhole) {
  constexpr int kObjects = 450;  // of which a page has 200
  for (int i = 0; i < kObjects; ++i) {
    const auto name = "a" + std::to_string(i);
    etcd_.put(etcd_key(name), text_of(name, name));
  }
  const auto store = open();
  EXPECT_EQ(store->list(Kind::ConfigMap, "").objects.size(), std::size_t{kObjects});
  EXPECT_EQ(value_in(store->get(key("a449"))), "a449");
}

TEST_F(EtcdStoreOnFake, NothingIsDoneBeforeItIsSeen) {
  const auto store = open();
  const auto watch = follow(*store);
  ASSERT_TRUE(log_.wait_for("snapshot of 0"));
  etcd_.hold(FakeEtcd::Kind::Watches, true);
  auto done = begin(*store, config_map("a"));
  // It is made: another write is answered, and this one is not.
  while (etcd_.value(etcd_key("a")).empty()) std::this_thread::yield();
  EXPECT_EQ(store->get(key("a")), nullptr);
  EXPECT_EQ(done.wait_for(milliseconds{20}), std::future_status::timeout);
  etcd_.hold(FakeEtcd::Kind::Watches, false);
  const auto made = done.get();
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(store->get(key("a"))->raw, (*made)->raw);
  EXPECT_EQ((*made)->meta.resource_version, etcd_.revision());
  EXPECT_EQ(log_.lines(), (std::vector<std::string>{"snapshot of 0", "+a", "done"}));
}

TEST_F(EtcdStoreOnFake, AnAnswerThatComesLateIsTheObjectThatWasSeen) {
  const auto store = open();
  const auto watch = follow(*store);
  etcd_.hold(FakeEtcd::Kind::Requests, true);
  auto done = begin(*store, config_map("a"));
  ASSERT_TRUE(log_.wait_for("+a"));
  const auto seen = store->get(key("a"));
  etcd_.put(etcd_key("a"), text_of("a", "by another"));
  while (value_in(store->get(key("a"))) != "by another") std::this_thread::yield();
  etcd_.hold(FakeEtcd::Kind::Requests, false);
  const auto made = done.get();
  ASSERT_TRUE(made.ok());
  EXPECT_EQ((*made)->raw, seen->raw) << "not what is there by now";
}

TEST_F(EtcdStoreOnFake, WhoLosesARaceIsToldWhenTheOtherOneCanBeRead) {
  const auto store = open();
  etcd_.hold(FakeEtcd::Kind::Watches, true);
  etcd_.put(etcd_key("a"), text_of("a", "by another"));
  auto done = begin(*store, config_map("a"));
  EXPECT_EQ(done.wait_for(milliseconds{20}), std::future_status::timeout);
  etcd_.hold(FakeEtcd::Kind::Watches, false);
  EXPECT_TRUE(failed_with(done.get(), ErrorCode::AlreadyExists));
  EXPECT_EQ(value_in(store->get(key("a"))), "by another");
}

TEST_F(EtcdStoreOnFake, ARefusalIsJudgedByWhatEtcdHas) {
  const auto store = open();
  ASSERT_TRUE(begin(*store, config_map("a")).get().ok());
  const auto old = store->get(key("a"))->meta.resource_version;
  etcd_.hold(FakeEtcd::Kind::Watches, true);
  // Another host removes it, and we have not heard of that: the name is free, whatever we know.
  etcd_.remove(etcd_key("a"));
  std::promise<Result<ObjectPtr>> created;
  store->create(config_map("a", "new"), Durability::Durable,
                [&](auto result) { created.set_value(std::move(result)); });
  std::promise<Result<ObjectPtr>> stale;
  store->update(config_map("a", "stale"), old, Durability::Durable,
                [&](auto result) { stale.set_value(std::move(result)); });
  etcd_.hold(FakeEtcd::Kind::Watches, false);
  const auto made = created.get_future().get();
  EXPECT_TRUE(made.ok()) << made.error().message();
  EXPECT_TRUE(failed_with(stale.get_future().get(), ErrorCode::Aborted));
}

TEST_F(EtcdStoreOnFake, AnUnconditionalUpdateGoesThroughWhoeverElseWrites) {
  const auto store = open();
  ASSERT_TRUE(begin(*store, config_map("a")).get().ok());
  etcd_.before_next_write([&] { etcd_.put(etcd_key("a"), text_of("a", "between")); });
  const auto done = begin(*store, config_map("a", "mine")).get();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(value_in(store->get(key("a"))), "mine");
  EXPECT_EQ((*done)->meta.uid, "11111111-1111-4111-8111-111111111111") << "on top of what was there then";
}

TEST_F(EtcdStoreOnFake, WhoWentThroughAListIsJudgedAgainWhenItGrew) {
  options_.limits.complete = [](model::Object& object, const model::Object* old,
                                const model::Stored& stored) -> Status {
    if (old == nullptr) {
      object.raw["data"].as_object()["key"] = std::to_string(stored.list(Kind::ConfigMap, {}).size());
    }
    return Ok{};
  };
  const auto store = open();
  etcd_.before_next_write([&] { etcd_.put(etcd_key("other"), text_of("other", "0")); });
  const auto done = begin(*store, config_map("a")).get();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(value_in(*done), "1");
}

TEST_F(EtcdStoreOnFake, AnAnswerThatIsLostMayMeanEither) {
  const auto store = open();
  etcd_.fail_next_write(Error(ErrorCode::DeadlineExceeded, "fake: lost"), /*happens=*/true);
  EXPECT_TRUE(failed_with(begin(*store, config_map("a")).get(), ErrorCode::DeadlineExceeded));
  while (store->get(key("a")) == nullptr) std::this_thread::yield();
  EXPECT_TRUE(failed_with(begin(*store, config_map("a"), 1).get(), ErrorCode::Aborted)) << "who asks again finds it";
}

TEST_F(EtcdStoreOnFake, WhileEtcdIsAwayReadsGoOnAndWritesFailAtOnceAndAfterwardsAllIsAsItWas) {
  const auto store = open();
  ASSERT_TRUE(begin(*store, config_map("a")).get().ok());
  const auto watch = follow(*store);
  ASSERT_TRUE(log_.wait_for("snapshot of 1"));
  etcd_.away(true);
  ASSERT_TRUE(log_.wait_for("lost"));
  const auto refused = begin(*store, config_map("b")).get();
  EXPECT_TRUE(failed_with(refused, ErrorCode::Unavailable)) << refused.error().message();
  EXPECT_NE(store->get(key("a")), nullptr);
  EXPECT_EQ(store->problems().size(), 1U);
  etcd_.put(etcd_key("c"), text_of("c", "v"));
  etcd_.away(false);
  ASSERT_TRUE(log_.wait_for("snapshot of 2"));
  EXPECT_NE(store->get(key("c")), nullptr);
  EXPECT_TRUE(begin(*store, config_map("b")).get().ok());
  const auto lines = log_.lines();
  EXPECT_LT(std::find(lines.begin(), lines.end(), "+c"), std::find(lines.begin(), lines.end(), "snapshot of 2"))
      << "it went on from where it was";
  EXPECT_TRUE(store->problems().empty());
}

TEST_F(EtcdStoreOnFake, WhatIsCompactedIsListed) {
  const auto store = open();
  ASSERT_TRUE(begin(*store, config_map("a")).get().ok());
  const auto watch = follow(*store);
  ASSERT_TRUE(log_.wait_for("snapshot of 1"));
  etcd_.away(true);
  ASSERT_TRUE(log_.wait_for("lost"));
  etcd_.remove(etcd_key("a"));
  etcd_.put(etcd_key("b"), text_of("b", "v"));
  etcd_.put(etcd_key("c"), text_of("c", "v"));
  etcd_.compact();
  etcd_.away(false);
  ASSERT_TRUE(log_.wait_for("snapshot of 2"));
  EXPECT_EQ(store->get(key("a")), nullptr);
  const auto lines = log_.lines();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "-a"), 0) << "the snapshot says it";
  EXPECT_TRUE(begin(*store, config_map("d")).get().ok());
}

TEST_F(EtcdStoreOnFake, WhatThisVersionCannotReadIsKeptAndSaid) {
  const std::string widget = "/berth/objects/example.com.Widget/default/w";
  etcd_.put(widget, R"({"kind":"Widget"})");
  etcd_.put(etcd_key("odd"), "no JSON");
  const auto store = open();
  EXPECT_EQ(store->problems().size(), 2U);
  EXPECT_EQ(store->get(key("odd")), nullptr);
  EXPECT_TRUE(failed_with(begin(*store, config_map("odd")).get(), ErrorCode::FailedPrecondition));
  EXPECT_EQ(etcd_.value(etcd_key("odd")), "no JSON");
  EXPECT_EQ(etcd_.value(widget), R"({"kind":"Widget"})");
  // A newer host writes what we cannot read over what we could: nobody here may take it for removed.
  ASSERT_TRUE(begin(*store, config_map("a")).get().ok());
  const auto watch = follow(*store);
  ASSERT_TRUE(log_.wait_for("snapshot of 1"));
  etcd_.put(etcd_key("a"), R"({"apiVersion":"v9","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"}})");
  etcd_.put(etcd_key("b"), text_of("b", "v"));
  ASSERT_TRUE(log_.wait_for("+b"));
  EXPECT_NE(store->get(key("a")), nullptr);
  EXPECT_TRUE(failed_with(begin(*store, config_map("a", "mine")).get(), ErrorCode::FailedPrecondition));
  // It becomes readable again, and is no problem any more.
  etcd_.put(etcd_key("odd"), text_of("odd", "v"));
  ASSERT_TRUE(log_.wait_for("+odd"));
  EXPECT_EQ(store->problems().size(), 2U) << "Widget w and ConfigMap a";
}

TEST_F(EtcdStoreOnFake, AnEtcdThatIsAnotherStoreIsNotBelieved) {
  const auto store = open();
  ASSERT_TRUE(begin(*store, config_map("a")).get().ok());
  const auto watch = follow(*store);
  ASSERT_TRUE(log_.wait_for("snapshot of 1"));
  etcd_.remove("/berth/meta");
  ASSERT_TRUE(log_.wait_for("lost"));
  etcd_.remove(etcd_key("a"));
  for (int i = 0; i < 20; ++i) etcd_.put("/berth/other", "x");
  EXPECT_NE(store->get(key("a")), nullptr) << "nothing is gone because somebody wiped the store";
  ASSERT_FALSE(store->problems().empty());
}

TEST_F(EtcdStoreOnFake, ANewerFormatIsRefused) {
  etcd_.put("/berth/meta", R"({"id":"x","format":99})");
  const auto store = open_store_on(etcd_.client(), options_);
  ASSERT_TRUE(failed_with(store, ErrorCode::DataLoss));
  EXPECT_NE(store.error().message().find("format 99"), std::string::npos) << store.error().message();
}

TEST_F(EtcdStoreOnFake, EventsShareALeaseAndGetANewOneWhenItIsGone) {
  const auto store = open();
  ASSERT_TRUE(begin(*store, object_of(Kind::Event, "one", "v")).get().ok());
  ASSERT_TRUE(begin(*store, object_of(Kind::Event, "two", "v")).get().ok());
  ASSERT_TRUE(begin(*store, config_map("a")).get().ok());
  const std::string events = "/berth/objects/Event/default/";
  const auto lease = etcd_.lease_of(events + "one");
  EXPECT_NE(lease, 0);
  EXPECT_EQ(etcd_.lease_of(events + "two"), lease);
  EXPECT_EQ(etcd_.lease_of(etcd_key("a")), 0);
  etcd_.expire(lease);
  ASSERT_TRUE(begin(*store, object_of(Kind::Event, "three", "v")).get().ok());
  EXPECT_NE(etcd_.lease_of(events + "three"), lease);
  EXPECT_EQ(store->get({Kind::Event, "default", "one"}), nullptr) << "its time is over";
}

TEST_F(EtcdStoreOnFake, ASessionWhoseKeySomebodyRemovesIsLost) {
  const auto store = open();
  auto session = store->open_session("live/here", [&] { log_.add("session lost"); });
  ASSERT_TRUE(session.ok());
  EXPECT_NE(etcd_.value("/berth/live/here").find("here"), std::string::npos);
  EXPECT_NE(etcd_.lease_of("/berth/live/here"), 0);
  etcd_.remove("/berth/live/here");
  ASSERT_TRUE(log_.wait_for("session lost"));
  EXPECT_FALSE((*session)->surely_alive(BootClock::now()));
  EXPECT_TRUE(store->open_session("live/here", {}).ok());
}

TEST_F(EtcdStoreOnFake, AFollowerKnowsAllThatWasStoredBeforeASessionWhenItIsToldOfIt) {
  std::mutex mutex;
  std::string followed;
  options_.sessions.on_seen = [&](const std::string& name, std::uint64_t session) {
    const std::scoped_lock lock(mutex);
    log_.add(name + (session == 0 ? " gone, knowing " : " seen, knowing ") + followed);
  };
  const auto store = open();
  const auto watch = store->follow({}, {.on_snapshot = [](const Listing&) {},
                                        .on_change =
                                            [&](const Change& change) {
                                              const std::scoped_lock lock(mutex);
                                              followed = change.object->meta.name;
                                            },
                                        .on_lost = [] {}});
  etcd_.hold(FakeEtcd::Kind::Watches, true);
  etcd_.put(etcd_key("taken-from-us"), text_of("taken-from-us", "v"));
  const auto session = store->open_session("live/here", {});
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(log_.lines().empty()) << "we hold it, and do not know yet";
  etcd_.hold(FakeEtcd::Kind::Watches, false);
  ASSERT_TRUE(log_.wait_for("live/here seen, knowing taken-from-us"));
  etcd_.remove("/berth/live/here");
  ASSERT_TRUE(log_.wait_for("live/here gone, knowing taken-from-us"));
}

TEST_F(EtcdStoreOnFake, WhoGoesThroughManyObjectsHasOneOfThemAtATime) {
  const auto store = open();
  for (const auto* name : {"a", "b", "c"}) ASSERT_TRUE(create_and_wait(*store, config_map(name, "v")).ok());
  std::weak_ptr<const model::Object> before;
  int seen = 0;
  const auto see = [&](const ObjectPtr& object) {
    EXPECT_EQ(before.lock(), nullptr) << "the one before " << object->meta.name;
    before = object;
    ++seen;
  };
  store->visit(Kind::ConfigMap, {}, see);
  EXPECT_EQ(seen, 3);
  const auto watch =
      store->follow({.kind = Kind::ConfigMap, .ns = {}, .node = {}},
                    {.on_snapshot = [&](const Listing&) { log_.add("told " + std::to_string(seen - 3)); },
                     .on_object = see,
                     .on_change = [](const Change&) {},
                     .on_lost = {}});
  ASSERT_TRUE(log_.wait_for("told 3"));
}

TEST_F(EtcdStoreOnFake, ASessionWhoseKeyIsGoneBeforeItsHolderHasItIsLost) {
  const auto store = open();
  etcd_.hold(FakeEtcd::Kind::Requests, true);
  auto opening = std::async(std::launch::async,
                            [&] { return store->open_session("live/here", [&] { log_.add("session lost"); }); });
  while (etcd_.value("/berth/live/here").empty()) std::this_thread::yield();
  etcd_.remove("/berth/live/here");
  etcd_.put(etcd_key("a"), text_of("a", "later"));
  while (store->get(key("a")) == nullptr) std::this_thread::yield();
  etcd_.hold(FakeEtcd::Kind::Requests, false);
  const auto session = opening.get();
  ASSERT_TRUE(session.ok());
  EXPECT_FALSE((*session)->surely_alive(BootClock::now()));
  EXPECT_TRUE(log_.wait_for("session lost"));
}

TEST_F(EtcdStoreOnFake, ItIsSaidUntilWhenASessionHoldsAndOneThatMayNotBeGivenBackEndsWithItsLease) {
  std::vector<std::uint64_t> kept;
  bool may = false;
  options_.sessions.on_kept = [&](std::uint64_t session, BootClock::time_point until) {
    EXPECT_GT(until, BootClock::now() + seconds{10});
    EXPECT_LT(until, BootClock::now() + seconds{15}) << "etcd lets it live longer than that";
    kept.push_back(session);
  };
  options_.sessions.may_give_back = [&] { return may; };
  const auto store = open();
  auto session = store->open_session("live/here", {});
  ASSERT_TRUE(session.ok());
  const auto lease = etcd_.lease_of("/berth/live/here");
  EXPECT_EQ(kept, std::vector{static_cast<std::uint64_t>(lease)});
  session->reset();
  EXPECT_EQ(etcd_.lease_of("/berth/live/here"), lease) << "nobody is to have the name before its time is over";
  session = store->open_session("live/here", {});
  ASSERT_TRUE(session.ok()) << "we may take it again";
  EXPECT_EQ(kept.size(), 2U);
  EXPECT_NE(kept.front(), kept.back());
  may = true;
  session->reset();
  EXPECT_EQ(etcd_.value("/berth/live/here"), "");
}

TEST_F(EtcdStoreOnFake, ASessionMayBeGivenUpWhereItsLossIsTold) {
  const auto store = open();
  std::unique_ptr<Session> held;
  std::mutex mutex;
  auto session = store->open_session("live/here", [&] {
    {
      const std::scoped_lock lock(mutex);
      held.reset();
    }
    log_.add("given up");
  });
  ASSERT_TRUE(session.ok());
  {
    const std::scoped_lock lock(mutex);
    held = *std::move(session);
  }
  etcd_.remove("/berth/live/here");
  EXPECT_TRUE(log_.wait_for("given up"));
}

TEST_F(EtcdStoreOnFake, WhoHoldsSessionsElsewhereIsKnownAndWhen) {
  etcd_.put("/berth/live/there", R"({"holder":"x","node":"there","version":"1.2","since":"2026-11-30T00:00:00Z"})");
  etcd_.put("/berth/live/odd", "no JSON");
  const auto store = open();
  const auto watch = store->follow_holders([&](const Holders& all) {
    std::string line;
    for (const auto& [name, holder] : all) line += name + "=" + holder.node + " " + holder.version + " ";
    // Objects that came before are here.
    log_.add(line + value_in(store->get(key("a"))));
  });
  EXPECT_TRUE(log_.wait_for("live/odd=  live/there=there 1.2 (none)"));
  etcd_.put(etcd_key("a"), text_of("a", "first"));
  etcd_.remove("/berth/live/there");
  EXPECT_TRUE(log_.wait_for("live/odd=  first"));
  etcd_.hold(FakeEtcd::Kind::Watches, true);
  etcd_.remove("/berth/live/odd");
  etcd_.compact();
  etcd_.away(true);
  etcd_.hold(FakeEtcd::Kind::Watches, false);
  etcd_.away(false);
  EXPECT_TRUE(log_.wait_for("first")) << "nobody, after the whole was listed again";
}

TEST_F(EtcdStoreOnFake, OldRevisionsAreDropped) {
  options_.keep = milliseconds{1};
  const auto store = open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(begin(*store, config_map("a", std::to_string(i))).get().ok());
  const auto newest = etcd_.revision();
  while (etcd_.compacted() < newest) std::this_thread::yield();
  EXPECT_EQ(etcd_.compacted(), newest);
  EXPECT_EQ(value_in(store->get(key("a"))), "4");
  EXPECT_TRUE(store->problems().empty());
}

TEST_F(EtcdStoreOnFake, TheFirstOfThoseWhoAreThereLooksAfterEtcd) {
  const Holders both{{"live/a", {.node = "a", .version = {}, .since = {}}},
                     {"live/b", {.node = "b", .version = {}, .since = {}}}};
  EXPECT_TRUE(keeps(both, "a"));
  EXPECT_FALSE(keeps(both, "b"));
  EXPECT_TRUE(keeps({}, "b")) << "who holds no session may be alone";
}

TEST_F(EtcdStoreOnFake, AKeeperDropsWhatItsTurnIsAndAtRestAsksNothing) {
  Loop loop;
  ProblemList problems(nullptr);
  int asked = 0;
  bool ours = false;
  const auto client = etcd_.client();
  const auto poster = std::make_shared<LoopPoster>(loop);
  EtcdKeeper keeper(loop, poster, *client, problems, {milliseconds{0}, [&] {
                                                        ++asked;
                                                        return ours;
                                                      }});
  const auto run_until = [&](int count) {
    const auto limit = std::chrono::steady_clock::now() + seconds{20};
    while (asked < count && std::chrono::steady_clock::now() < limit) loop.poll();
    ASSERT_EQ(asked, count);
  };
  for (int i = 0; i < 4; ++i) etcd_.put("/berth/x", "v");
  keeper.on_seen(3);
  run_until(1);
  EXPECT_EQ(etcd_.compacted(), 0) << "another's turn";
  ours = true;
  keeper.on_seen(4);
  run_until(2);
  EXPECT_EQ(etcd_.compacted(), 4);
  keeper.on_seen(4);
  for (int i = 0; i < 1000; ++i) loop.poll();
  EXPECT_EQ(asked, 2) << "nothing was written since";
  poster->close();
}

TEST_F(EtcdStoreOnFake, WhatEtcdComplainsOfIsSaidUntilItIsMended) {
  options_.on_problem = [this](const StoreProblem& problem) { log_.add(problem.what + ": " + problem.reason); };
  const auto store = open();
  etcd_.alarm({"memberID:1 alarm:NOSPACE"});
  etcd_.fail_next_write(Error(ErrorCode::ResourceExhausted, "etcdserver: mvcc: database space exceeded"), false);
  EXPECT_TRUE(failed_with(begin(*store, config_map("a")).get(), ErrorCode::ResourceExhausted));
  EXPECT_TRUE(log_.wait_for(
      "etcd: it complains: memberID:1 alarm:NOSPACE (its file has 0 MB); writes are refused while it is full: raise "
      "--quota-backend-bytes, or `etcdctl defrag`, then `etcdctl alarm disarm`"));
  EXPECT_EQ(store->problems().size(), 1U);
  etcd_.alarm({});
  EXPECT_TRUE(begin(*store, config_map("a")).get().ok());
  while (!store->problems().empty()) std::this_thread::yield();
}

TEST_F(EtcdStoreOnFake, WhatWaitsWhenItIsClosedIsAnswered) {
  options_.seen_within = milliseconds{50};
  auto store = open();
  etcd_.hold(FakeEtcd::Kind::Watches, true);
  auto done = begin(*store, config_map("a"));
  store.reset();
  EXPECT_TRUE(failed_with(done.get(), ErrorCode::DeadlineExceeded)) << "etcd has it, and nobody here saw it";
  EXPECT_FALSE(etcd_.value(etcd_key("a")).empty());
}

TEST(EtcdEndpoints, WhatIsNoneIsSaid) {
  const auto module = etcd_module();
  ASSERT_TRUE(module.ok()) << module.error().message();
  for (const auto* text : {"ftp://a:1", "http://", "http://a:b", "http://a/b", "[::1", "http://[::1]x"}) {
    EtcdAccess access;
    access.endpoints = {text};
    const auto client = (*module)->open(std::move(access));
    ASSERT_TRUE(failed_with(client, ErrorCode::InvalidArgument)) << text;
    EXPECT_NE(client.error().message().find(text), std::string::npos) << client.error().message();
  }
  EXPECT_TRUE(failed_with((*module)->open({}), ErrorCode::InvalidArgument));
}

}  // namespace
}  // namespace berth::store::etcd
