// tests/runtime/shim_silence_test.cpp - a shim is silent when it was asked again after minutes, and not when it was
// slow.
#include "runtime/shim_silence.hpp"

#include <gtest/gtest.h>

namespace berth::runtime {
namespace {

using std::chrono::seconds;

const std::string kUid = "0a1b2c3d-0000-4000-8000-000000000001";

struct ShimSilenceTest : testing::Test {
  ShimSilence shims;
  const SteadyTime begin{std::chrono::hours(1)};
  const WallTime wall{std::chrono::hours(2)};

  /// A call of ten seconds that ends `at` seconds after the beginning.
  void ask(int at, bool is_answered, const std::string& container = "main") {
    const auto end = seconds(at);
    shims.asked(kUid + "-" + container + "-0", begin + end - seconds(10), begin + end, wall + end, is_answered);
  }
};

TEST_F(ShimSilenceTest, AShimThatWasAskedInVainForThreeMinutesIsSilentSinceTheFirstCall) {
  for (int at = 10; at < 180; at += 10) ask(at, false);
  EXPECT_TRUE(shims.silent().empty());
  ask(180, false);
  EXPECT_EQ(shims.silent(), (std::vector<SilentShim>{{kUid, wall}}));
}

TEST_F(ShimSilenceTest, OneCallThatNobodyRepeatsSaysNothing) {
  ask(10, false);
  EXPECT_TRUE(shims.silent().empty());
}

TEST_F(ShimSilenceTest, AnAnswerOfAnyContainerOfThePodEndsIt) {
  ask(10, false);
  ask(300, false, "side");
  EXPECT_EQ(shims.silent().size(), 1U) << "they share a shim";
  ask(310, true, "side");
  EXPECT_TRUE(shims.silent().empty());
  ask(320, false);
  EXPECT_TRUE(shims.silent().empty()) << "it begins anew";
}

TEST_F(ShimSilenceTest, WhatAContainerdThatHungDidNotAnswerIsNoShimsSilence) {
  ask(10, false);
  shims.forget_all();
  ask(200, false);
  EXPECT_TRUE(shims.silent().empty());
}

TEST_F(ShimSilenceTest, ARemovedContainerIsForgottenAndOnesOfOthersAreNotCounted) {
  ask(10, false);
  ask(300, false);
  shims.forget(kUid + "-main-0");
  EXPECT_TRUE(shims.silent().empty());
  shims.asked("somebody-elses", begin, begin + seconds(600), wall, false);
  shims.asked("somebody-elses", begin, begin + seconds(900), wall, false);
  EXPECT_TRUE(shims.silent().empty());
}

}  // namespace
}  // namespace berth::runtime
