// tests/logs/log_line_test.cpp - lines out of bytes, and the CRI format.
#include "runtime/logs/log_line.hpp"

#include <gtest/gtest.h>

#include "runtime/logs/log_source.hpp"

namespace berth::runtime {
namespace {

/// The texts of all lines, fed `chunk` bytes at a time as a FIFO would show them: what is not consumed comes again.
std::vector<std::string> feed(std::string_view bytes, std::size_t chunk) {
  std::vector<std::string> lines;
  std::string head;
  std::string joined;
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    head.append(bytes.substr(at, chunk));
    const auto split = split_lines(head, at + chunk >= bytes.size());
    for (const auto& line : split.lines) {
      joined.append(line.text);
      if (!line.partial) {
        lines.push_back(joined);
        joined.clear();
      }
    }
    head.erase(0, split.consumed);
  }
  EXPECT_TRUE(head.empty());
  if (!joined.empty()) lines.push_back(joined);  // A piece that no newline ended.
  return lines;
}

TEST(SplitLinesTest, EveryChunkingGivesTheSameLines) {
  const std::string text = "one\n\ntwo\n" + std::string(kMaxLine * 2 + 5, 'x') + "\nlast without newline";
  const auto whole = feed(text, text.size());
  ASSERT_EQ(whole.size(), 5U);
  EXPECT_EQ(whole[3].size(), kMaxLine * 2 + 5);
  for (const std::size_t chunk : {1UL, 2UL, 3UL, 7UL, 1000UL, 4096UL, 16384UL, 16385UL}) {
    EXPECT_EQ(feed(text, chunk), whole) << chunk;
  }
}

TEST(SplitLinesTest, AnUnfinishedLineStaysUntilItIsTooLong) {
  EXPECT_EQ(split_lines(std::string(kMaxLine, 'x'), false).consumed, 0U);
  const auto split = split_lines(std::string(kMaxLine + 1, 'x'), false);
  ASSERT_EQ(split.lines.size(), 1U);
  EXPECT_TRUE(split.lines[0].partial);
  EXPECT_EQ(split.consumed, kMaxLine);
}

TEST(SplitLinesTest, ALineOfExactlyTheLimitIsWhole) {
  std::string line(kMaxLine, 'x');
  line += '\n';
  const auto split = split_lines(line, false);
  ASSERT_EQ(split.lines.size(), 1U);
  EXPECT_FALSE(split.lines[0].partial);
}

TEST(CriLineTest, WhatIsWrittenIsReadBack) {
  const WallTime time = *parse_rfc3339("2026-11-21T09:25:13Z") + std::chrono::nanoseconds(123456789);
  const std::string binary("a\0\xff b", 5);
  std::string text;
  append_cri_line(text, cri_head(time, true), {.text = binary, .partial = true});
  EXPECT_EQ(text, "2026-11-21T09:25:13.123456789Z stderr P " + binary + "\n");
  text.pop_back();
  const auto line = parse_cri_line(text);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text, binary);
  EXPECT_TRUE(line->is_stderr);
  EXPECT_TRUE(line->partial);
}

TEST(CriLineTest, AnythingElseIsNoLine) {
  for (const auto* text :
       {"", " ", "x", "2026-11-21T09:25:13Z", "2026-11-21T09:25:13Z stdout", "2026-11-21T09:25:13Z stdout F",
        "2026-11-21T09:25:13Z stdin F x", "now stdout F x", "2026-11-21T09:25:13Z stdout X x"}) {
    EXPECT_FALSE(parse_cri_line(text)) << text;
  }
  EXPECT_TRUE(parse_cri_line("2026-11-21T09:25:13Z stdout F ")) << "an empty line is a line";
}

TEST(LogSourceTest, ReadsMetaAndRefusesNamesThatAreNoNames) {
  const std::string meta =
      "BERTH_NAMESPACE=default\nBERTH_POD=web-0\nBERTH_POD_UID=u\nBERTH_CONTAINER=main\nCONTAINER_ID=u-main-2\nATTEMPT="
      "2\n";
  const auto source = parse_log_source(meta);
  ASSERT_TRUE(source) << source.error().message();
  EXPECT_EQ(source->pod, "web-0");
  EXPECT_EQ(source->attempt, 2U);
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"web-0", "../x"},
                                 {"web-0", ""},
                                 {"=2", "=two"},
                                 {"BERTH_POD_UID", "X"},
                                 {"=main", "=.."}}) {
    auto bad = meta;
    bad.replace(bad.find(from), from.size(), to);
    EXPECT_TRUE(failed_with(parse_log_source(bad), ErrorCode::InvalidArgument)) << bad;
  }
}

}  // namespace
}  // namespace berth::runtime
