// tests/agent/log_watch_test.cpp - what is said of a pod whose lines are not stored, and when.
#include "agent/log_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using runtime::LogHealth;
using runtime::LogTrouble;

LogTrouble waiting(const std::string& pod, const std::string& error) {
  return {.ns = "default", .pod = pod, .pod_uid = pod + "-uid", .container = "main", .error = error};
}

LogHealth health(std::vector<LogTrouble> troubles) { return {.troubles = std::move(troubles)}; }

std::vector<std::string> reasons(const LogHealth& before, const LogHealth& now) {
  std::vector<std::string> out;
  for (const auto& each : log_news(before, now)) out.push_back(each.pod.name + " " + std::string(each.reason));
  return out;
}

TEST(LogWatch, AFullDiskIsAWarningOnceAndAnotherWordWhenItEnds) {
  const auto full = health({waiting("mongo-0", "write x: No space left on device")});
  const auto begun = log_news({}, full);
  ASSERT_EQ(begun.size(), 1U);
  EXPECT_EQ(begun[0].pod, (model::ObjectKey{model::Kind::Pod, "default", "mongo-0"}));
  EXPECT_EQ(begun[0].uid, "mongo-0-uid");
  EXPECT_EQ(begun[0].type, "Warning");
  EXPECT_EQ(begun[0].reason, "LogNotStored");
  EXPECT_THAT(begun[0].message, testing::HasSubstr("No space left on device"));
  EXPECT_TRUE(log_news(full, full).empty());
  const auto worded_otherwise = health({waiting("mongo-0", "mkdir y: No space left on device")});
  EXPECT_TRUE(log_news(full, worded_otherwise).empty());
  const auto ended = log_news(full, {});
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].type, "Normal");
  EXPECT_EQ(ended[0].reason, "LogStored");
}

TEST(LogWatch, TheStatusHasWhatWaitsNow) {
  auto dropping = waiting("b", "");
  dropping.dropped = 3;
  const auto problems = log_problems(health({waiting("a", "write x: No space left on device"), dropping}));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].subject, "default/a");
  EXPECT_EQ(problems[0].message, "what container main writes waits, unread: write x: No space left on device");
  EXPECT_FALSE(problems[0].warning);
}

TEST(LogWatch, TheStatusHasFilesThatLackLines) {
  LogHealth lacking;
  lacking.files = {.error = "mkdir /var/log/pods: Read-only file system", .missed = 3};
  const auto problems = log_problems(lacking);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].subject, "log files");
  EXPECT_EQ(problems[0].message,
            "log shippers miss lines, which the journal has: mkdir /var/log/pods: Read-only file system");
  EXPECT_TRUE(problems[0].warning) << "no pod is hurt by it";
  lacking.files.error.clear();
  EXPECT_TRUE(log_problems(lacking).empty()) << "what is missing stays missing; no more is";
}

TEST(LogWatch, EachPodIsItsOwn) {
  EXPECT_THAT(reasons(health({waiting("a", "full")}), health({waiting("b", "full")})),
              testing::UnorderedElementsAre("b LogNotStored", "a LogStored"));
}

TEST(LogWatch, DroppedLinesAreSaidOnce) {
  auto few = waiting("a", "");
  few.dropped = 1;
  auto more = few;
  more.dropped = 2;
  EXPECT_THAT(reasons({}, health({few})), testing::ElementsAre("a LogLinesDropped"));
  EXPECT_TRUE(reasons(health({few}), health({more})).empty());
  auto full = more;
  full.error = "full";
  EXPECT_THAT(reasons(health({more}), health({full})), testing::ElementsAre("a LogNotStored"));
  EXPECT_THAT(reasons(health({full}), health({more})), testing::ElementsAre("a LogStored"));
}

}  // namespace
}  // namespace berth::agent
