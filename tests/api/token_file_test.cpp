// tests/api/token_file_test.cpp - the token file: its format, and that it is followed.
#include "api/access/token_file.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/atomic_file.hpp"
#include "base/sha256.hpp"
#include "tests/temp_dir.hpp"

namespace berth::api {
namespace {

struct ManualClock final : Clock {
  SteadyTime now() const override { return steady; }
  WallTime wall() const override { return {}; }
  SteadyTime steady{std::chrono::hours(1)};
};

TEST(ParseTokenFile, TakesTheFormatOfKubernetes) {
  const auto entries = parse_token_file(
      "# tokens\n\nsecret-1,jane,1001,\"system:masters,dev\"\r\n secret-2 , bob , 7 \n"
      "\"a\"\"b,c\",ann,8,view\n");
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_EQ(entries->size(), 3U);
  EXPECT_EQ((*entries)[0].digest, sha256_hex("secret-1"));
  EXPECT_EQ((*entries)[0].user.name, "jane");
  EXPECT_EQ((*entries)[0].user.uid, "1001");
  EXPECT_EQ((*entries)[0].user.groups, (std::vector<std::string>{"system:masters", "dev", "system:authenticated"}));
  EXPECT_EQ((*entries)[0].user.role, Role::Admin);
  EXPECT_EQ((*entries)[1].digest, sha256_hex("secret-2"));
  EXPECT_EQ((*entries)[1].user.role, Role::None);
  EXPECT_EQ((*entries)[2].digest, sha256_hex("a\"b,c"));
  EXPECT_EQ((*entries)[2].user.role, Role::Viewer);
}

TEST(ParseTokenFile, SaysWhichLineIsWrongWithoutItsToken) {
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"a,b,c\nhunter2,bob\n", "line 2: must be token,user,uid[,\"group1,group2\"]"},
           {"hunter2,a,b,c,d\n", "line 1: must be token,user,uid[,\"group1,group2\"]"},
           {"hunter2,a,b,\"c\n", "line 1: a quote is not closed, or text follows it"},
           {"hunter2,a,b,\"c\"d\n", "line 1: a quote is not closed, or text follows it"},
           {",a,b\n", "line 1: the token is empty"},
           {"hunter2,,b\n", "line 1: the user is empty"},
           {"hunter2,a,b\nhunter2,c,d\n", "line 2: the token was given before"},
       }) {
    const auto entries = parse_token_file(text);
    ASSERT_FALSE(entries) << text;
    EXPECT_EQ(entries.error().message(), why);
  }
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "t" + std::to_string(i) + ",u,1\n";
  EXPECT_FALSE(parse_token_file(many));
}

class FollowedTokenFile : public testing::Test {
 protected:
  void SetUp() override {
    tokens_.emplace(directory_ / "tokens", clock_);
    write("one,jane,1\n");
    ASSERT_TRUE(tokens_->load());
  }

  void write(std::string_view text) { ASSERT_TRUE(write_file(directory_ / "tokens", text, 0600)); }
  void later() { clock_.steady += std::chrono::seconds(2); }

  TempDir temp_;
  const std::filesystem::path directory_ = temp_.path();
  ManualClock clock_;
  std::optional<TokenFile> tokens_;
};

TEST_F(FollowedTokenFile, ANewTokenWorksAndAnOldOneDoesNotAnyMore) {
  ASSERT_TRUE(tokens_->find("one"));
  EXPECT_EQ(tokens_->find("one")->name, "jane");
  for (const auto* wrong : {"", "on", "onee", "One", "two"}) EXPECT_FALSE(tokens_->find(wrong)) << wrong;
  write("two,joe,2\n");
  later();
  EXPECT_FALSE(tokens_->find("one"));
  ASSERT_TRUE(tokens_->find("two"));
  EXPECT_EQ(tokens_->take_complaint(), "");
}

TEST_F(FollowedTokenFile, ItIsLookedAtOnceASecondAtMost) {
  ASSERT_TRUE(tokens_->find("one"));
  write("two,joe,2\n");
  EXPECT_TRUE(tokens_->find("one"));
  later();
  EXPECT_FALSE(tokens_->find("one"));
}

TEST_F(FollowedTokenFile, ABrokenFileChangesNothingAndIsToldOnce) {
  write("one\n");
  later();
  EXPECT_TRUE(tokens_->find("one"));
  EXPECT_NE(tokens_->take_complaint().find("tokens: line 1: must be"), std::string::npos);
  later();
  EXPECT_TRUE(tokens_->find("one"));
  EXPECT_EQ(tokens_->take_complaint(), "");
}

TEST_F(FollowedTokenFile, AFileTakenAwayTakesAllTokensWithIt) {
  std::filesystem::remove(directory_ / "tokens");
  later();
  EXPECT_FALSE(tokens_->find("one"));
  EXPECT_NE(tokens_->take_complaint(), "");
  write("three,ann,3\n");
  later();
  EXPECT_TRUE(tokens_->find("three"));
}

}  // namespace
}  // namespace berth::api
