// tests/base/log_test.cpp - one event stays one readable line.
#include "base/log.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(Log, WritesKeyValuePairsAndQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(format_log_line("pod is running", {{"pod", "default/web-0"}, {"error", "no such image"}, {"node", ""}}),
            R"(pod is running pod=default/web-0 error="no such image" node="")");
}

TEST(Log, EscapesWhatWouldBreakOrForgeALine) {
  EXPECT_EQ(format_log_line("a\nb", {{"k", "x\n<0>panic \"y\" \\ \x1b[31m"}}),
            R"(a\nb k="x\n<0>panic \"y\" \\ \x1b[31m")");
}

TEST(Log, QuotesAnEqualsSignSoThatPairsStayApart) { EXPECT_EQ(format_log_line("m", {{"k", "a=b"}}), R"(m k="a=b")"); }

TEST(Log, WritesOneLineAndDropsLevelsBelowTheSetOne) {
  testing::internal::CaptureStderr();
  log(LogLevel::Warning, "disk is filling", {{"used", "91%"}});
  log(LogLevel::Debug, "not shown");
  set_log_level(LogLevel::Error);
  log(LogLevel::Warning, "not shown either");
  set_log_level(LogLevel::Info);
  const auto text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(text.ends_with(" warning disk is filling used=91%\n") || text == "<4>disk is filling used=91%\n") << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

}  // namespace
}  // namespace berth
