// tests/base/log_test.cpp - one event stays one readable line.
#include "base/log.hpp"

#include <gtest/gtest.h>

#include "base/journal_entry.hpp"
#include "base/message_ids.hpp"

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

TEST(Log, AMessageOfTheJournalHasItsNumberAndItsFields) {
  const std::vector<LogField> fields{{"pod", "default/web-0"}, {"odd-key", "two\nlines"}};
  const auto entry = format_journal_entry(LogLevel::Info, "pod ready", fields, format_log_line("pod ready", fields));
  EXPECT_NE(entry.find("PRIORITY=6\n"), std::string::npos) << entry;
  EXPECT_NE(entry.find("MESSAGE=pod ready pod=default/web-0 odd-key=\"two\\nlines\"\n"), std::string::npos) << entry;
  EXPECT_NE(entry.find("\nDETAIL_POD=default/web-0\n"), std::string::npos) << entry;
  EXPECT_NE(entry.find("\nDETAIL_ODD_KEY=two\\nlines\n"), std::string::npos) << entry;
  ASSERT_EQ(message_id("pod ready").size(), 32U);
  EXPECT_NE(entry.find("\nMESSAGE_ID=" + std::string(message_id("pod ready")) + "\n"), std::string::npos) << entry;
  EXPECT_EQ(message_id("pod"), "") << "the whole message counts";
}

}  // namespace
}  // namespace berth
