// tests/base/keyed_queue_test.cpp - no event is lost and no key runs twice at a time.
#include "base/keyed_queue.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

SteadyTime at(int seconds) { return SteadyTime{} + std::chrono::seconds{seconds}; }

TEST(KeyedQueue, GivesKeysInTheOrderTheyBecomeDue) {
  KeyedQueue queue;
  queue.kick("late", at(5));
  queue.kick("early", at(1));
  EXPECT_EQ(queue.next_due(), at(1));
  EXPECT_EQ(queue.take(at(0)), std::nullopt);
  EXPECT_EQ(queue.take(at(9)), "early");
  EXPECT_EQ(queue.take(at(9)), "late");
  EXPECT_EQ(queue.take(at(9)), std::nullopt);
}

TEST(KeyedQueue, KickingAgainOnlyBringsForward) {
  KeyedQueue queue;
  queue.kick("a", at(5));
  queue.kick("a", at(9));
  EXPECT_EQ(queue.next_due(), at(5));
  queue.kick("a", at(2));
  EXPECT_EQ(queue.next_due(), at(2));
  EXPECT_EQ(queue.size(), 1U);
}

TEST(KeyedQueue, AKickDuringAPassIsRememberedAndTheKeyIsNotTakenTwice) {
  KeyedQueue queue;
  queue.kick("a", at(0));
  ASSERT_EQ(queue.take(at(0)), "a");
  EXPECT_TRUE(queue.busy("a"));
  queue.kick("a", at(3));
  queue.kick("a", at(2));
  queue.kick("a", at(4));
  EXPECT_EQ(queue.take(at(9)), std::nullopt);
  EXPECT_EQ(queue.next_due(), std::nullopt);
  queue.put_back("a", at(8));
  EXPECT_FALSE(queue.busy("a"));
  EXPECT_EQ(queue.next_due(), at(2));
}

TEST(KeyedQueue, ALaterKickDoesNotDelayTheNextPass) {
  KeyedQueue queue;
  queue.kick("a", at(0));
  ASSERT_EQ(queue.take(at(0)), "a");
  queue.kick("a", at(60));
  queue.put_back("a", at(1));
  EXPECT_EQ(queue.next_due(), at(1));
}

TEST(KeyedQueue, AKeyPutBackWithoutATimeWaitsForAKick) {
  KeyedQueue queue;
  queue.kick("a", at(0));
  ASSERT_EQ(queue.take(at(0)), "a");
  queue.put_back("a", std::nullopt);
  EXPECT_EQ(queue.size(), 0U);
  queue.kick("a", at(1));
  EXPECT_EQ(queue.take(at(1)), "a");
}

TEST(KeyedQueue, AnErasedKeyIsForgottenEvenWhileBusy) {
  KeyedQueue queue;
  queue.kick("a", at(0));
  queue.kick("b", at(0));
  ASSERT_EQ(queue.take(at(0)), "a");
  queue.erase("a");
  queue.erase("b");
  queue.put_back("a", at(1));
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.take(at(9)), std::nullopt);
}

}  // namespace
}  // namespace berth
