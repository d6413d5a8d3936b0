// tests/api/list_pages_test.cpp - lists in pieces: one moment in all of them, and never too many kept.
#include "api/reads/list_pages.hpp"

#include <gtest/gtest.h>

namespace berth::api {
namespace {

using model::Kind;

store::Listing listing(std::size_t count) {
  store::Listing out;
  out.revision = 77;
  for (std::size_t i = 0; i < count; ++i) {
    auto object = std::make_shared<model::Object>();
    object->meta.ns = "a";
    object->meta.name = fmt::format("p{:02}", i);
    out.objects.push_back(std::move(object));
  }
  return out;
}

std::string names(const ListPage& page) {
  std::string out;
  for (const auto& object : page.listing.objects) out += (out.empty() ? "" : " ") + object->meta.name;
  return out;
}

class Pages : public testing::Test {
 protected:
  ListPage first(std::size_t count, std::size_t limit, const std::string& owner = "root") {
    return pages_.first(owner, Kind::Pod, "a", listing(count), limit, now_);
  }
  ApiResult<ListPage> next(const std::string& token, std::size_t limit) {
    return pages_.next(Kind::Pod, "a", token, limit, now_);
  }

  ListPages pages_;
  SteadyTime now_ = SteadyTime() + std::chrono::hours(1);
};

TEST_F(Pages, GoOnWhereTheLastOneEndedAndTellHowMuchIsLeft) {
  const auto one = first(5, 2);
  EXPECT_EQ(names(one), "p00 p01");
  EXPECT_EQ(one.left, 3U);
  const auto two = next(one.next, 2);
  ASSERT_TRUE(two);
  EXPECT_EQ(names(*two), "p02 p03");
  EXPECT_EQ(two->left, 1U);
  EXPECT_EQ(two->listing.revision, 77U);
  const auto three = next(two->next, 2);
  ASSERT_TRUE(three);
  EXPECT_EQ(names(*three), "p04");
  EXPECT_EQ(three->next, "");
  EXPECT_EQ(three->left, std::nullopt);
}

TEST_F(Pages, APageWhoseAnswerWasLostCanBeAskedForAgain) {
  const auto one = first(5, 2);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(names(*next(one.next, 2)), "p02 p03");
  const auto rest = next(one.next, 0);
  EXPECT_EQ(names(*rest), "p02 p03 p04") << "without a limit: everything that is left";
  EXPECT_EQ(names(*next(one.next, 2)), "p02 p03");
}

TEST_F(Pages, AListThatFitsKeepsNothing) {
  EXPECT_EQ(first(2, 2).next, "");
  EXPECT_EQ(pages_.size(), 0U);
}

TEST_F(Pages, AreDroppedWhenNobodyAskedForFiveMinutes) {
  const auto one = first(5, 2);
  now_ += std::chrono::minutes(4);
  ASSERT_TRUE(next(one.next, 2));
  EXPECT_EQ(pages_.expire(now_), now_ + ListPages::kUnused);
  now_ += std::chrono::minutes(4);
  ASSERT_TRUE(next(one.next, 2)) << "asking counts as use";
  now_ += ListPages::kUnused;
  const auto late = next(one.next, 2);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, 410U);
  EXPECT_EQ(late.error().reason, "Expired");
  EXPECT_EQ(pages_.size(), 0U);
  EXPECT_EQ(pages_.expire(now_), std::nullopt);

  const auto status = encode_expired_page(late.error(), one.next);
  const auto token = std::string(find_string(json::value(status), {"metadata", "continue"}));
  EXPECT_EQ(ListPages::inconsistent_key(token), std::pair(std::string("a"), std::string("p01")));
  EXPECT_EQ(ListPages::inconsistent_key(one.next), std::nullopt);
}

TEST_F(Pages, TheOneUnusedForLongestGoesWhenThereAreTooMany) {
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < ListPages::kMaxSnapshots; ++i) {
    tokens.push_back(first(3, 1).next);
    now_ += std::chrono::milliseconds(1);
  }
  ASSERT_TRUE(next(tokens[0], 1));
  first(3, 1);
  EXPECT_EQ(pages_.size(), ListPages::kMaxSnapshots);
  EXPECT_TRUE(next(tokens[0], 1));
  EXPECT_FALSE(next(tokens[1], 1));
}

TEST_F(Pages, WhoBeginsManyListsLosesTheirOwnAndNobodyElses) {
  const auto admins = first(3, 1, "root").next;
  const auto others = first(3, 1, "jane").next;
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < 3 * ListPages::kMaxSnapshots; ++i) {
    now_ += std::chrono::milliseconds(1);
    tokens.push_back(first(3, 1, "eve").next);
  }
  EXPECT_EQ(pages_.size(), ListPages::kMaxSnapshots);
  EXPECT_TRUE(next(admins, 1)) << "the oldest of all, and not hers";
  EXPECT_TRUE(next(others, 1));
  EXPECT_FALSE(next(tokens.front(), 1));
  EXPECT_TRUE(next(tokens.back(), 1));
  now_ += std::chrono::milliseconds(1);
  const auto newest = first(3, 1, "root").next;
  EXPECT_TRUE(next(newest, 1)) << "room comes from who has the most";
  EXPECT_TRUE(next(admins, 1));
}

TEST_F(Pages, ATokenOfAnotherListOrOfNobodyIsRefused) {
  const auto token = first(5, 2).next;
  EXPECT_EQ(pages_.next(Kind::Pod, "b", token, 2, now_).error().code, 400U);
  EXPECT_EQ(pages_.next(Kind::Secret, "a", token, 2, now_).error().code, 400U);
  const std::vector<std::string> not_ours{
      "x", "1", token.substr(0, 32), token.substr(0, 34), token.substr(0, 33) + "noslash", "Z" + token.substr(1)};
  for (const auto& wrong : not_ours) {
    EXPECT_EQ(next(wrong, 2).error().code, 400U) << wrong;
  }
}

}  // namespace
}  // namespace berth::api
