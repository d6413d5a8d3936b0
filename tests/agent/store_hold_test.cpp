// tests/agent/store_hold_test.cpp - one agent at a time plans on a store that many reach.
#include "agent/store_hold.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "tests/fakes/slow_store.hpp"

namespace berth::agent {
namespace {

using testing::HasSubstr;

// What the store names after hosts; no host has this name.
constexpr const char* kName = "live/_agent";

TEST(StoreHoldTest, WhoComesSecondIsTold) {
  store::SlowStore store;
  const auto first = StoreHold::take(store);
  ASSERT_TRUE(first) << first.error().message();
  const auto second = StoreHold::take(store);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::AlreadyExists);
  EXPECT_THAT(second.error().message(), HasSubstr("another host's agent is at work on this store"));
}

TEST(StoreHoldTest, ItIsGivenBackAtTheEnd) {
  store::SlowStore store;
  ASSERT_TRUE(StoreHold::take(store));
  EXPECT_TRUE(StoreHold::take(store));
}

TEST(StoreHoldTest, WhoLostItToAnotherIsToldToEnd) {
  store::SlowStore store;
  auto hold = StoreHold::take(store);
  ASSERT_TRUE(hold);
  std::promise<ErrorCode> taken;
  auto told = taken.get_future();
  (*hold)->keep([&](const Error& error) { taken.set_value(error.code()); });
  store.lose_sessions();
  const auto other = store.open_session(kName, {});
  ASSERT_TRUE(other) << other.error().message();
  store.settle();
  ASSERT_EQ(told.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_EQ(told.get(), ErrorCode::AlreadyExists);
}

}  // namespace
}  // namespace berth::agent
