// tests/logs/copying_sink_test.cpp - the files beside the journal: the same lines, and nobody waits for them.
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/atomic_file.hpp"
#include "runtime/logs/log_sink.hpp"
#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

/// The journal: takes so many lines, then fails.
class FirstSink final : public LogSink {
 public:
  explicit FirstSink(BatchMark& mark) : mark_(mark) {}
  Status write(const LogSource&, bool, WallTime, const std::vector<LinePiece>& pieces) override {
    std::size_t stored = 0;
    for (const auto& piece : pieces) {
      if (room == 0) return Error(ErrorCode::Unavailable, "journald is away");
      --room;
      lines.emplace_back(piece.text);
      mark_.set_stored(++stored);
    }
    return Ok{};
  }
  void finish(const LogSource&) override {}
  void clean_up(const std::vector<std::string>&) override {}

  std::size_t room = 1000;
  std::vector<std::string> lines;

 private:
  BatchMark& mark_;
};

class CopyingSinkTest : public testing::Test {
 protected:
  CopyingSinkTest() {
    auto journal = std::make_unique<FirstSink>(mark);
    first = journal.get();
    sink = make_copying_sink(std::move(journal), make_file_sink(pods, {}, {.beside = true, .mark = &mark}),
                             {.retry = std::chrono::milliseconds(0), .mark = &mark});
  }
  Status write(const std::vector<std::string>& texts) {
    std::vector<LinePiece> pieces;
    for (const auto& text : texts) pieces.push_back({.text = text});
    mark.begin("c", false, std::chrono::system_clock::now(), "x", pieces.size());
    return sink->write(source, false, std::chrono::system_clock::now(), pieces);
  }
  /// Without their times.
  std::vector<std::string> copied() const {
    std::vector<std::string> lines;
    std::ifstream file(log_file_path(pods, source));
    for (std::string line; std::getline(file, line);) lines.push_back(line.substr(line.find(' ') + 1));
    return lines;
  }

  TempDir dir;
  fs::path pods = dir.path() / "pods";
  LogSource source{.ns = "default", .pod = "web", .pod_uid = "u", .container = "main", .container_id = "u-main-0"};
  BatchMark mark;
  FirstSink* first = nullptr;
  std::unique_ptr<CopyingSink> sink;
};

TEST_F(CopyingSinkTest, BothHaveTheSameLines) {
  ASSERT_TRUE(write({"one", "two"}));
  EXPECT_EQ(first->lines, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(copied(), (std::vector<std::string>{"stdout F one", "stdout F two"}));
}

TEST_F(CopyingSinkTest, WhatTheJournalTookBeforeItFailedIsCopiedAndNoMore) {
  first->room = 1;
  EXPECT_FALSE(write({"one", "two"}));
  EXPECT_EQ(mark.stored(), 1U) << "so much leaves the FIFO";
  EXPECT_EQ(copied(), std::vector<std::string>{"stdout F one"});
}

TEST_F(CopyingSinkTest, ACopyThatCannotBeMadeFailsNothingIsSaidOnceAndSaysWhatIsMissing) {
  std::ofstream(pods) << "no directory";
  ASSERT_TRUE(write({"one", "two"}));
  const auto changes = sink->trouble_changes();
  EXPECT_EQ(changes, 1U);
  EXPECT_NE(sink->trouble().error.find(pods.string()), std::string::npos) << sink->trouble().error;
  ASSERT_TRUE(write({"three"}));
  EXPECT_EQ(sink->trouble().missed, 3U);
  EXPECT_EQ(sink->trouble_changes(), changes) << "it is the same trouble";
  fs::remove(pods);
  ASSERT_TRUE(write({"four"}));
  EXPECT_EQ(first->lines, (std::vector<std::string>{"one", "two", "three", "four"}));
  const auto lines = copied();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].starts_with("stderr F berth: 3 lines of this container are missing here: ")) << lines[0];
  EXPECT_EQ(lines[1], "stdout F four");
  EXPECT_EQ(sink->trouble_changes(), changes + 1);
  EXPECT_EQ(sink->trouble(), (LogFilesTrouble{.missed = 3}));
}

TEST_F(CopyingSinkTest, AContainerThatEndsIsNoProofThatAllIsWell) {
  std::ofstream(pods) << "no directory";
  ASSERT_TRUE(write({"one"}));
  sink->finish(source);
  EXPECT_FALSE(sink->trouble().error.empty());
  fs::remove(pods);
  source.container_id = "u-main-1";
  ASSERT_TRUE(write({"two"}));
  EXPECT_EQ(sink->trouble(), (LogFilesTrouble{.missed = 1}));
}

}  // namespace
}  // namespace berth::runtime
