// tests/api/host_dials_test.cpp - a silent host has its share of what is dialled, and no more.
#include "api/streams/host_dials.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <utility>
#include <vector>

namespace berth::api {
namespace {

using testing::ElementsAre;

class HostDialsTest : public testing::Test {
 protected:
  using Done = std::function<void(Result<UniqueFd>)>;

  void dial(const std::string& host, const std::string& name) {
    dialer_({host, 6550}, [this, name](const Result<UniqueFd>& made) {
      said_.push_back(name + ": " + (made ? "made" : made.error().message()));
    });
  }
  void answer(std::size_t number, Result<UniqueFd> made) {
    std::exchange(dialled_.at(number).second, nullptr)(std::move(made));
  }
  static UniqueFd connection() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

  std::vector<std::pair<std::string, Done>> dialled_;
  std::vector<std::string> said_;
  HostDialer dialer_ =
      shared_fairly([this](const TcpAddress& to, Done done) { dialled_.emplace_back(to.host, std::move(done)); },
                    /*most=*/2);
};

TEST_F(HostDialsTest, WhatIsTooMuchForOneHostWaitsAndOthersAreDialled) {
  for (const auto* name : {"a", "b", "c", "d"}) dial("10.0.0.2", name);
  EXPECT_EQ(dialled_.size(), 2U);
  dial("10.0.0.3", "e");
  ASSERT_EQ(dialled_.size(), 3U);
  EXPECT_EQ(dialled_[2].first, "10.0.0.3");
  answer(0, connection());
  ASSERT_EQ(dialled_.size(), 4U);
  EXPECT_EQ(dialled_[3].first, "10.0.0.2");
  answer(1, connection());
  answer(3, connection());
  answer(4, connection());
  EXPECT_THAT(said_, ElementsAre("a: made", "b: made", "c: made", "d: made"));
}

TEST_F(HostDialsTest, WhenOneFailsThoseThatWaitAreToldTheSameAndLaterOnesAreTriedAnew) {
  for (const auto* name : {"a", "b", "c", "d"}) dial("10.0.0.2", name);
  answer(0, Error(ErrorCode::DeadlineExceeded, "silent"));
  EXPECT_THAT(said_, ElementsAre("a: silent", "c: silent", "d: silent"));
  EXPECT_EQ(dialled_.size(), 2U);
  answer(1, Error(ErrorCode::DeadlineExceeded, "silent"));
  dial("10.0.0.2", "later");
  ASSERT_EQ(dialled_.size(), 3U);
  said_.clear();
  answer(2, connection());
  EXPECT_THAT(said_, ElementsAre("later: made"));
}

// A hundred at once were too much for a busy host, whose first late answer ended all that waited.
TEST_F(HostDialsTest, ALateAnswerOfAHostThatAnswersOthersIsNoSilence) {
  for (const auto* name : {"a", "b", "c", "d"}) dial("10.0.0.2", name);
  answer(0, connection());
  answer(1, Error(ErrorCode::DeadlineExceeded, "late"));
  EXPECT_THAT(said_, ElementsAre("a: made", "b: late"));
  ASSERT_EQ(dialled_.size(), 4U) << "d has the place of b";
  answer(2, Error(ErrorCode::DeadlineExceeded, "silent"));
  dial("10.0.0.2", "e");
  dial("10.0.0.2", "f");
  answer(3, Error(ErrorCode::DeadlineExceeded, "silent"));
  EXPECT_THAT(said_, ElementsAre("a: made", "b: late", "c: silent", "d: silent", "f: silent")) << "none was made since";
}

}  // namespace
}  // namespace berth::api
