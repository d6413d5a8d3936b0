// tests/agent/node_session_test.cpp - a node is one machine's at a time.
#include "agent/node_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>

#include "store/etcd/etcd_store.hpp"
#include "tests/fakes/fake_etcd.hpp"
#include "tests/fakes/slow_store.hpp"
#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

NodeSession::Options worker1(milliseconds patience = milliseconds(0)) {
  return {.node = "worker1", .patience = patience, .again = milliseconds(1)};
}

TEST(NodeSessionTest, WhoComesSecondUnderTheSameNameIsTold) {
  store::SlowStore store;
  const auto first = NodeSession::take(store, worker1());
  ASSERT_TRUE(first) << first.error().message();
  const auto second = NodeSession::take(store, worker1(milliseconds(5)));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::AlreadyExists);
  EXPECT_THAT(second.error().message(), HasSubstr("another machine's agent is node worker1 in this store"));
}

TEST(NodeSessionTest, AnotherNodeHasItsOwn) {
  store::SlowStore store;
  const auto first = NodeSession::take(store, worker1());
  ASSERT_TRUE(first) << first.error().message();
  auto other = worker1();
  other.node = "worker2";
  EXPECT_TRUE(NodeSession::take(store, other));
}

TEST(NodeSessionTest, TheOneOfBeforeIsWaitedFor) {
  store::SlowStore store;
  auto before = NodeSession::take(store, worker1());
  ASSERT_TRUE(before);
  auto anew = std::async(std::launch::async, [&] { return NodeSession::take(store, worker1(milliseconds(60'000))); });
  before->reset();
  EXPECT_TRUE(anew.get());
}

TEST(NodeSessionTest, OneAgentOfAHostAtATime) {
  store::SlowStore store;
  const TempDir dir;
  auto locked = worker1();
  locked.lock = dir.path() / "node.lock";
  auto first = NodeSession::take(store, locked);
  ASSERT_TRUE(first) << first.error().message();
  const auto second = NodeSession::take(store, locked);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("another berthd of this host has"));
  first->reset();
  EXPECT_TRUE(NodeSession::take(store, locked));
}

TEST(NodeSessionTest, ItIsGivenBackAtTheEnd) {
  store::SlowStore store;
  ASSERT_TRUE(NodeSession::take(store, worker1()));
  EXPECT_TRUE(NodeSession::take(store, worker1()));
}

TEST(NodeSessionTest, AStoreThatIsAwayIsAnErrorOnlyWhereItMayNotBeLater) {
  store::etcd::FakeEtcd etcd;
  store::EtcdOptions options;
  options.node = "worker1";
  options.retry_first = milliseconds(1);
  auto store = store::etcd::open_store_on(etcd.client(), options);
  ASSERT_TRUE(store) << store.error().message();
  etcd.away(true);
  EXPECT_EQ(NodeSession::take(**store, worker1()).error().code(), ErrorCode::Unavailable);
  auto later = worker1();
  later.may_be_later = true;
  auto session = NodeSession::take(**store, later);
  ASSERT_TRUE(session) << session.error().message();
  std::promise<void> held;
  std::atomic<bool> told{false};
  const auto watch = (*store)->follow_holders([&](const store::Holders& all) {
    if (all.contains("live/worker1") && !told.exchange(true)) held.set_value();
  });
  (*session)->keep([](const Error&) {});
  etcd.away(false);
  EXPECT_EQ(held.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(NodeSessionTest, WhoLostItToAnotherIsToldToEnd) {
  store::SlowStore store;
  auto session = NodeSession::take(store, worker1());
  ASSERT_TRUE(session);
  std::promise<ErrorCode> taken;
  auto told = taken.get_future();
  (*session)->keep([&](const Error& error) { taken.set_value(error.code()); });
  store.lose_sessions();
  const auto other = store.open_session("live/worker1", {});
  ASSERT_TRUE(other) << other.error().message();
  store.settle();
  ASSERT_EQ(told.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_EQ(told.get(), ErrorCode::AlreadyExists);
}

}  // namespace
}  // namespace berth::agent
