// tests/runtime/pod_traces_test.cpp - of which pods something may be left, and that the others cost no look.
#include "runtime/pod_traces.hpp"

#include <gtest/gtest.h>

namespace berth::runtime {
namespace {

TEST(PodTraces, BeforeTheFirstLookAnythingMayBeLeftOfAnybody) {
  PodTraces traces;
  EXPECT_TRUE(traces.possible("u-1"));
  traces.found({});
  EXPECT_FALSE(traces.possible("u-1"));
}

TEST(PodTraces, WhatWasHereBeforeUsIsLookedForUntilItIsCleared) {
  PodTraces traces;
  traces.found({"u-1"});
  EXPECT_TRUE(traces.possible("u-1"));
  EXPECT_FALSE(traces.possible("u-2"));
  traces.cleared("u-1");
  EXPECT_FALSE(traces.possible("u-1"));
}

TEST(PodTraces, AContainerIsOneUntilItIsRemoved) {
  PodTraces traces;
  traces.found({});
  traces.begun("u-1-main-0");
  traces.begun("u-1-main-1");
  EXPECT_TRUE(traces.possible("u-1"));
  EXPECT_FALSE(traces.possible("u-10"));
  traces.removed("u-1-main-0");
  EXPECT_TRUE(traces.possible("u-1"));
  traces.removed("u-1-main-1");
  EXPECT_FALSE(traces.possible("u-1"));
  traces.begun("u-2-main-0");
  traces.cleared("u-2");
  EXPECT_FALSE(traces.possible("u-2"));
}

TEST(PodTraces, ADoubtStaysWhateverIsRemoved) {
  PodTraces traces;
  traces.found({"u-2"});
  EXPECT_FALSE(traces.doubtful("u-2")) << "found, and well";
  traces.begun("u-1-main-0");
  traces.doubt("u-1");
  traces.removed("u-1-main-0");
  EXPECT_TRUE(traces.possible("u-1"));
  EXPECT_TRUE(traces.doubtful("u-1"));
  traces.cleared("u-1");
  EXPECT_FALSE(traces.possible("u-1"));
  EXPECT_FALSE(traces.doubtful("u-1"));
}

}  // namespace
}  // namespace berth::runtime
