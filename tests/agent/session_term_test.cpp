// tests/agent/session_term_test.cpp - until when this host may act on what it knows to be its own.
#include "agent/objects/session_term.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace berth::agent {
namespace {

using std::chrono::seconds;

constexpr BootTime kNow = seconds(1000);
constexpr BootTime kEnd = kNow + seconds(13);
constexpr auto kOurs = "live/n1";

class SessionTermTest : public testing::Test {
 protected:
  void follow() {
    term.follow([this](std::uint64_t session) { told = session; });
  }

  SessionTerm term{kOurs};
  std::optional<std::uint64_t> told;
};

TEST_F(SessionTermTest, NothingIsSureBeforeThereIsASessionAndWhatWasStoredBeforeItIsKnown) {
  follow();
  EXPECT_EQ(term.until(kNow), BootTime{});
  EXPECT_EQ(term.kept().session, 0U);
  term.on_kept(7, kEnd);
  EXPECT_EQ(term.kept().session, 7U);
  EXPECT_EQ(term.kept().until, kEnd) << "others know of it, whatever we do";
  EXPECT_EQ(term.until(kNow), BootTime{}) << "what was taken from us before it began is not known here yet";
  term.on_seen(kOurs, 7);
  EXPECT_EQ(told, 7U);
  EXPECT_EQ(term.until(kNow), BootTime{}) << "the loop lags behind";
  term.take(7);
  EXPECT_EQ(term.until(kNow), kEnd);
}

TEST_F(SessionTermTest, EndsWithoutAWordAndGoesOnWithEachAnswer) {
  term.on_kept(7, kEnd);
  term.on_seen(kOurs, 7);
  follow();
  EXPECT_EQ(term.until(kEnd - seconds(1)), kEnd) << "who follows from now on knows as much";
  EXPECT_EQ(term.until(kEnd), BootTime{});
  term.on_kept(7, kEnd + seconds(5));
  EXPECT_EQ(term.until(kEnd), kEnd + seconds(5));
  EXPECT_FALSE(told);
}

TEST_F(SessionTermTest, AnotherSessionCountsOnlyOnceItIsSeen) {
  term.on_kept(7, kEnd);
  term.on_seen(kOurs, 7);
  follow();
  term.on_kept(8, kEnd + seconds(20));
  EXPECT_EQ(term.until(kNow), BootTime{}) << "cut off in between: our mirror is of before";
  term.on_seen(kOurs, 8);
  term.take(*told);
  EXPECT_EQ(term.until(kNow), kEnd + seconds(20));
}

TEST_F(SessionTermTest, WhoWaitsIsToldTooWhenTheSessionIsSeenBeforeItIsKept) {
  follow();
  term.on_seen(kOurs, 7);
  term.take(*told);
  EXPECT_EQ(term.until(kNow), BootTime{});
  told.reset();
  term.on_kept(7, kEnd);
  EXPECT_EQ(told, 7U);
  EXPECT_EQ(term.until(kNow), kEnd);
}

TEST_F(SessionTermTest, SomebodyTakesOurNameAway) {
  term.on_kept(7, kEnd);
  term.on_seen(kOurs, 7);
  follow();
  term.on_seen("live/n2", 0);
  EXPECT_FALSE(told) << "another's";
  EXPECT_EQ(term.until(kNow), kEnd);
  term.on_seen(kOurs, 0);
  term.take(*told);
  EXPECT_EQ(term.until(kNow), BootTime{});
}

}  // namespace
}  // namespace berth::agent
