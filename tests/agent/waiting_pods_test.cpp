// tests/agent/waiting_pods_test.cpp - pods without a node: who is more important, and who was refused.
#include "agent/placing/waiting_pods.hpp"

#include <gmock/gmock.h>

namespace berth::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Name kA{"default", "a"};
const Name kB{"default", "b"};
const Name kC{"other", "c"};

TEST(WaitingPods, ThoseAboveAPriorityTheLeastOfThemFirst) {
  WaitingPods waiting;
  waiting.put(kA, 100);
  waiting.put(kB, 0);
  waiting.put(kC, 7);
  EXPECT_THAT(waiting.above(0), ElementsAre(kC, kA));
  EXPECT_THAT(waiting.above(-1), ElementsAre(kB, kC, kA));
  EXPECT_THAT(waiting.above(100), IsEmpty());
}

TEST(WaitingPods, AnotherPriorityTakesThePlaceOfTheOneBefore) {
  WaitingPods waiting;
  waiting.put(kA, 5);
  waiting.put(kA, 1);
  EXPECT_THAT(waiting.above(1), IsEmpty());
  EXPECT_THAT(waiting.above(0), ElementsAre(kA));
  waiting.drop(kA);
  EXPECT_THAT(waiting.above(0), IsEmpty());
}

TEST(WaitingPods, OneThatWasRefusedIsUntilItIsDropped) {
  WaitingPods waiting;
  waiting.put(kA, 0);
  waiting.put(kB, 0);
  waiting.refuse(kA);
  EXPECT_THAT(waiting.refused(), ElementsAre(kA));
  waiting.put(kA, 3);
  EXPECT_THAT(waiting.refused(), ElementsAre(kA));
  waiting.drop(kA);
  EXPECT_THAT(waiting.refused(), IsEmpty());
  waiting.refuse(kB);
  waiting.clear();
  EXPECT_THAT(waiting.refused(), IsEmpty());
  EXPECT_THAT(waiting.above(-1), IsEmpty());
}

}  // namespace
}  // namespace berth::agent
