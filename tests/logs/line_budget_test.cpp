// tests/logs/line_budget_test.cpp - how much of one container is stored.
#include "runtime/logs/line_budget.hpp"

#include <gtest/gtest.h>

namespace berth::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const LineBudget::Time kBegin{std::chrono::hours(1)};

std::uint64_t taken(LineBudget& budget, LineBudget::Time now, std::uint64_t wanted) {
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i < wanted; ++i) count += budget.take(now, 1) ? 1 : 0;
  return count;
}

TEST(LineBudget, LetsThroughTheLimitAtOnceAndAsMuchAgainInEachPeriod) {
  LineBudget budget({.lines = 100, .period = seconds(30)});
  EXPECT_EQ(taken(budget, kBegin, 250), 100U);
  EXPECT_EQ(taken(budget, kBegin + seconds(15), 250), 50U);
  EXPECT_EQ(taken(budget, kBegin + seconds(45), 250), 100U);
  EXPECT_EQ(taken(budget, kBegin + seconds(1000), 250), 100U) << "never more than a full bucket";
}

TEST(LineBudget, AContainerBelowTheLimitLosesNothing) {
  LineBudget budget({.lines = 300, .period = seconds(30)});
  for (auto i = 0; i < 3000; ++i) EXPECT_TRUE(budget.take(kBegin + milliseconds(100) * i, 1)) << i;
}

TEST(LineBudget, HolesAreLongAndFew) {
  LineBudget budget({.lines = 100, .period = seconds(10)});
  auto changes = 0;
  auto before = true;
  for (auto i = 0; i < 10000; ++i) {  // ten times the limit
    const auto now = budget.take(kBegin + milliseconds(10) * i, 1);
    changes += now != before ? 1 : 0;
    before = now;
  }
  EXPECT_GT(changes, 10);
  EXPECT_LE(changes, 200) << "stretches of ten lines at least";
}

TEST(LineBudget, LongLinesCostMore) {
  EXPECT_EQ(LineBudget::cost(0), 1U);
  EXPECT_EQ(LineBudget::cost(1024), 1U);
  EXPECT_EQ(LineBudget::cost(1025), 2U);
  EXPECT_EQ(LineBudget::cost(16384), 16U);
  LineBudget small({.lines = 4, .period = seconds(30)});
  EXPECT_TRUE(small.take(kBegin, 16)) << "one that can never be paid for goes with a full bucket";
  EXPECT_FALSE(small.take(kBegin, 1));
}

TEST(LineBudget, WhatWasNotUsedIsGivenBack) {
  LineBudget budget({.lines = 2, .period = seconds(30)});
  EXPECT_TRUE(budget.take(kBegin, 2));
  budget.give_back(2);
  EXPECT_TRUE(budget.take(kBegin, 2));
  EXPECT_FALSE(budget.take(kBegin, 1));
}

TEST(LineBudget, ZeroIsNoLimit) {
  LineBudget budget(LineLimit{});
  EXPECT_EQ(taken(budget, kBegin, 100000), 100000U);
}

}  // namespace
}  // namespace berth::runtime
