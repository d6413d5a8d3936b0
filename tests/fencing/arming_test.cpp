// tests/fencing/arming_test.cpp - when others may count on our fence, and when no more.
#include "agent/fencing/arming.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

ArmingFacts armed() {
  return {.wanted = true,
          .fence_answers = true,
          .holds = true,
          .session = 7,
          .armed_for = 7,
          .node_is_known = true,
          .node_says_armed = true};
}

TEST(Arming, WhatIsArmedStaysSo) { EXPECT_EQ(next_step(armed()), ArmingStep::Nothing); }

TEST(Arming, EachSessionArmsAnewThoughTheNodeSaysSo) {
  auto facts = armed();
  facts.session = 8;
  EXPECT_EQ(next_step(facts), ArmingStep::Arm);
  facts.armed_for = 0;  // The agent was started anew.
  EXPECT_EQ(next_step(facts), ArmingStep::Arm);
}

TEST(Arming, ANodeThatWasMadeAnewIsArmedAgain) {
  auto facts = armed();
  facts.node_says_armed = false;
  EXPECT_EQ(next_step(facts), ArmingStep::Arm);
  facts.node_is_known = false;
  EXPECT_EQ(next_step(facts), ArmingStep::Nothing) << "there is nothing to write to";
}

TEST(Arming, WithoutASessionNothingIsSaid) {
  auto facts = armed();
  facts.holds = false;
  facts.session = 8;
  EXPECT_EQ(next_step(facts), ArmingStep::Nothing);
}

TEST(Arming, WithoutAFenceOrAWishNobodyMayCountOnIt) {
  for (const bool wanted : {true, false}) {
    auto facts = armed();
    facts.wanted = wanted;
    facts.fence_answers = !wanted;
    EXPECT_EQ(next_step(facts), ArmingStep::Disarm);
    facts.holds = false;
    EXPECT_EQ(next_step(facts), ArmingStep::Disarm);
    facts.node_says_armed = false;
    EXPECT_EQ(next_step(facts), ArmingStep::Nothing) << "it is said already";
  }
}

}  // namespace
}  // namespace berth::agent
