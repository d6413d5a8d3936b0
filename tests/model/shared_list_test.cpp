// tests/model/shared_list_test.cpp - copies share until one changes; an empty box is empty.
#include "model/shared_list.hpp"

#include <gtest/gtest.h>

#include <string>

#include "model/boxed.hpp"

namespace berth::model {
namespace {

using Words = SharedList<std::string>;

TEST(SharedList, ACopyHasTheSameItemsUntilOneOfThemChanges) {
  Words first{"a", "b"};
  Words second = first;
  EXPECT_EQ(&first.items(), &second.items());

  second.push_back("c");
  EXPECT_EQ(first, (Words{"a", "b"}));
  EXPECT_EQ(second, (Words{"a", "b", "c"}));

  Words third = first;
  first[0] = "z";
  EXPECT_EQ(third.items().front(), "a");
  EXPECT_EQ(first.items().front(), "z");

  const auto* alone = &first.items();
  first.back() = "y";
  EXPECT_EQ(&first.items(), alone) << "who has them alone changes them where they are";
}

TEST(SharedList, ReadingSharesOn) {
  const Words first{"a", "b"};
  const Words second = first;
  for (const auto& word : second) EXPECT_FALSE(word.empty());
  EXPECT_EQ(second[1], "b");
  EXPECT_EQ(&first.items(), &second.items());
}

TEST(SharedList, EqualOnesAreMadeOne) {
  const Words known{"a", "b"};
  Words equal{"a", "b"};
  Words other{"a"};
  EXPECT_TRUE(equal.share(known));
  EXPECT_EQ(&equal.items(), &known.items());
  EXPECT_FALSE(other.share(known));
  EXPECT_EQ(other, Words{"a"});
}

TEST(SharedList, NothingIsNothing) {
  const Words none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_EQ(none, Words(std::vector<std::string>{}));
  Words some = none;
  some.push_back("a");
  EXPECT_TRUE(none.empty());
  some.clear();
  EXPECT_EQ(some, none);
}

TEST(Boxed, IsAnOptionalWhoseCopiesAreTheirOwn) {
  Boxed<std::string> none;
  EXPECT_FALSE(none);
  Boxed<std::string> word(std::string("a"));
  auto copy = word;
  *copy = "b";
  EXPECT_EQ(*word, "a");
  EXPECT_NE(word, copy);
  *copy = "a";
  EXPECT_EQ(word, copy);
  EXPECT_NE(word, none);
  copy = none;
  EXPECT_EQ(copy, none);
  auto& self = word;
  word = self;
  EXPECT_EQ(*word, "a");
}

}  // namespace
}  // namespace berth::model
