// tests/base/edit_distance_test.cpp - "did you mean".
#include "base/edit_distance.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(edit_distance("fsType", "fsType"), 0U);
  EXPECT_EQ(edit_distance("fstype", "fsType"), 1U);
  EXPECT_EQ(edit_distance("fType", "fsType"), 1U);
  EXPECT_EQ(edit_distance("fsTypes", "fsType"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(EditDistance, OfNothingIsTheOthersLength) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "get"), 3U);
  EXPECT_EQ(edit_distance("get", ""), 3U);
}

}  // namespace
}  // namespace berth
