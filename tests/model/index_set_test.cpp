// tests/model/index_set_test.cpp - "1,3-5": read, kept, written.
#include "model/index_set.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace berth::model {
namespace {

TEST(IndexSet, WritesWhatItWasGivenAsKubernetesDoes) {
  IndexSet set;
  EXPECT_EQ(set.text(), "");
  for (const auto index : {7, 3, 5, 1, 4}) set.add(index);
  EXPECT_EQ(set.text(), "1,3-5,7");
  set.add(8);
  EXPECT_EQ(set.text(), "1,3-5,7,8");
  set.add(6);
  set.add(6);
  EXPECT_EQ(set.text(), "1,3-8");
  EXPECT_EQ(set.size(), 7);
  EXPECT_EQ(IndexSet::parse(set.text(), 10)->text(), set.text());
}

TEST(IndexSet, RefusesWhatIsNoSet) {
  for (const auto* text : {"a", "1,", ",1", "3-1", "1,1", "2,1", "-1", "1-", "10", "8-10", "1,,2", "99999999999"}) {
    EXPECT_FALSE(IndexSet::parse(text, 10)) << text;
  }
  EXPECT_EQ(IndexSet::parse("0-9", 10)->size(), 10);
  EXPECT_EQ(IndexSet::parse("1,2,3", 10)->text(), "1-3");
  EXPECT_EQ(IndexSet::read("0-3,8,x,12", 9).text(), "0-3,8");
}

TEST(IndexSet, IsASetWhateverTheOrder) {
  std::mt19937 random(7);
  for (int run = 0; run < 200; ++run) {
    IndexSet set;
    IndexSet other;
    std::set<int> truth;
    std::set<int> other_truth;
    for (int i = 0; i < 40; ++i) {
      const auto index = static_cast<int>(random() % 30);
      (i % 2 == 0 ? set : other).add(index);
      (i % 2 == 0 ? truth : other_truth).insert(index);
    }
    int common = 0;
    for (int i = 0; i < 32; ++i) {
      EXPECT_EQ(set.contains(i), truth.contains(i)) << i << " in " << set.text();
      common += truth.contains(i) && other_truth.contains(i) ? 1 : 0;
    }
    EXPECT_EQ(set.size(), static_cast<int>(truth.size()));
    EXPECT_EQ(set.common(other), common) << set.text() << " and " << other.text();
    EXPECT_EQ(IndexSet::read(set.text(), 30), set) << set.text();
  }
}

}  // namespace
}  // namespace berth::model
