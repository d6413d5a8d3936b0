// tests/logs/log_files_test.cpp - the file sink and the reader of what it wrote.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "runtime/logs/log_sink.hpp"
#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

class LogFilesTest : public testing::Test {
 protected:
  LogFilesTest() {
    source.ns = "default";
    source.pod = "web-0";
    source.pod_uid = "uid";
    source.container = "main";
    source.container_id = "uid-main-0";
    open(FileSinkLimits{});
  }
  void open(const FileSinkLimits& limits) { sink = make_file_sink(dir.path(), limits); }

  void write(const std::string& text, WallTime time = std::chrono::system_clock::now()) {
    ASSERT_TRUE(sink->write(source, false, time, {{.text = text, .partial = false}}));
  }
  Result<std::unique_ptr<LogCursor>> cursor(std::optional<std::uint64_t> tail = {},
                                            std::optional<WallTime> since = {}) {
    LogQuery query{.ns = source.ns,
                   .pod = source.pod,
                   .pod_uid = source.pod_uid,
                   .container = source.container,
                   .attempt = source.attempt,
                   .tail = tail,
                   .since = since};
    return make_file_log_reader({dir.path()})->open(query);
  }
  static std::vector<std::string> rest(LogCursor& cursor) {
    std::vector<std::string> lines;
    for (;;) {
      auto line = cursor.next();
      if (!line || !*line) return lines;
      lines.push_back((*line)->text);
    }
  }
  /// One line from run `number` of the container.
  void write_attempt(std::uint32_t number) {
    source.attempt = number;
    source.container_id = "uid-main-" + std::to_string(number);
    write("attempt " + std::to_string(number));
    sink->finish(source);
  }
  bool has_attempt(std::uint32_t number) {
    source.attempt = number;
    return std::filesystem::exists(log_file_path(dir.path(), source));
  }
  std::vector<std::string> all(std::optional<std::uint64_t> tail = {}) { return rest(**cursor(tail)); }

  TempDir dir;
  LogSource source;
  std::unique_ptr<LogSink> sink;
};

TEST_F(LogFilesTest, LinesComeBackInOrder) {
  write("one");
  write("");
  write("two");
  EXPECT_EQ(all(), (std::vector<std::string>{"one", "", "two"}));
}

TEST_F(LogFilesTest, TailCountsLinesAcrossRotatedFiles) {
  open({.file_bytes = 100, .rotated = 2, .total_bytes = 1 << 20, .dead_pods = std::chrono::hours(1)});
  for (int i = 0; i < 6; ++i) write("line " + std::to_string(i));  // 48 bytes each: three to a file.
  EXPECT_EQ(all(1), std::vector<std::string>{"line 5"});
  EXPECT_EQ(all(4), (std::vector<std::string>{"line 2", "line 3", "line 4", "line 5"}));
  EXPECT_EQ(all(100).size(), 6U);
  EXPECT_TRUE(all(0).empty());
}

TEST_F(LogFilesTest, TailCountsALineOnceInHoweverManyPieces) {
  const auto pieces = [&](const std::string& name, int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(sink->write(source, false, std::chrono::system_clock::now(),
                              {{.text = name + std::to_string(i), .partial = i + 1 < count}}));
    }
  };
  open({.file_bytes = 100, .rotated = 9, .total_bytes = 1 << 20, .dead_pods = std::chrono::hours(1)});
  pieces("a", 1);
  pieces("b", 7);  // over three files
  pieces("c", 1);
  pieces("d", 2);
  EXPECT_EQ(all(1), (std::vector<std::string>{"d0", "d1"}));
  EXPECT_EQ(all(2), (std::vector<std::string>{"c0", "d0", "d1"}));
  EXPECT_EQ(all(3), (std::vector<std::string>{"b0", "b1", "b2", "b3", "b4", "b5", "b6", "c0", "d0", "d1"}));
  EXPECT_EQ(all(4).front(), "a0");
  EXPECT_EQ(all(5).size(), 11U);
  // What has no newline yet, or never had one, is a line, too.
  ASSERT_TRUE(sink->write(source, false, std::chrono::system_clock::now(), {{.text = "e0", .partial = true}}));
  EXPECT_EQ(all(1), std::vector<std::string>{"e0"});
  ASSERT_TRUE(sink->write(source, false, std::chrono::system_clock::now(), {{.text = "e1", .partial = true}}));
  EXPECT_EQ(all(1), (std::vector<std::string>{"e0", "e1"}));
  EXPECT_EQ(all(2), (std::vector<std::string>{"d0", "d1", "e0", "e1"}));
  EXPECT_TRUE(all(0).empty());
}

TEST_F(LogFilesTest, TailPassesOverATornRecord) {
  write("one");
  write("two");
  sink->finish(source);
  std::ofstream(log_file_path(dir.path(), source), std::ios::app)
      << "2026-11-21T09:25:13.123456789Z stdout F " << std::string(200, 'x');
  write("three");  // It is mended by whoever opens it to write.
  EXPECT_EQ(all(2), (std::vector<std::string>{"two", "three"}));
}

TEST_F(LogFilesTest, RotationKeepsOnlyWhatTheLimitsSay) {
  open({.file_bytes = 100, .rotated = 1, .total_bytes = 1 << 20, .dead_pods = std::chrono::hours(1)});
  for (int i = 0; i < 20; ++i) write("line " + std::to_string(i));
  EXPECT_EQ(rotated_log_files(log_file_path(dir.path(), source)).size(), 1U);
  EXPECT_EQ(all(), (std::vector<std::string>{"line 15", "line 16", "line 17", "line 18", "line 19"}));
}

TEST_F(LogFilesTest, AReaderFollowsOverARotation) {
  open({.file_bytes = 100, .rotated = 2, .total_bytes = 1 << 20, .dead_pods = std::chrono::hours(1)});
  write("line 0");
  auto follower = cursor();
  ASSERT_TRUE(follower);
  EXPECT_EQ(rest(**follower).size(), 1U);
  for (int i = 1; i < 6; ++i) write("line " + std::to_string(i));
  pollfd ready{(*follower)->wait_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, 5000), 1);
  EXPECT_EQ(rest(**follower), (std::vector<std::string>{"line 1", "line 2", "line 3", "line 4", "line 5"}));
  EXPECT_TRUE(rest(**follower).empty());
  pollfd quiet{(*follower)->wait_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&quiet, 1, 0), 0) << "nothing new must not look like something new";
}

TEST_F(LogFilesTest, LinesRotatedAwayUnreadAreReported) {
  open({.file_bytes = 50, .rotated = 1, .total_bytes = 1 << 20, .dead_pods = std::chrono::hours(1)});
  write("line 0");
  write("line 1");
  auto follower = cursor();
  ASSERT_TRUE(follower);
  rest(**follower);
  for (int i = 2; i < 12; ++i) write("line " + std::to_string(i));
  EXPECT_TRUE(failed_with((*follower)->next(), ErrorCode::DataLoss));
  EXPECT_EQ(rest(**follower).back(), "line 11");
}

TEST_F(LogFilesTest, SinceLeavesOutWhatIsOlder) {
  const auto start = *parse_rfc3339("2026-11-21T10:00:00Z");
  write("old", start);
  write("new", start + std::chrono::seconds(10));
  EXPECT_EQ(rest(**cursor({}, start + std::chrono::seconds(5))), std::vector<std::string>{"new"});
}

TEST_F(LogFilesTest, ATornLastLineIsEndedBeforeTheNextIsWrittenAndPassesForNone) {
  // Was read back as a line of its own, next to the whole one that the collector stored after a kill.
  write("whole");
  const auto path = log_file_path(dir.path(), source);
  std::ofstream(path, std::ios::app) << "2026-11-21T10:00:00Z stdout F to";
  open(FileSinkLimits{});
  write("next");
  EXPECT_EQ(all(), (std::vector<std::string>{"whole", "next"}));
}

TEST_F(LogFilesTest, LogsOfGonePodsGoWhenTheyAreTooMuch) {
  open({.file_bytes = 1 << 20, .rotated = 1, .total_bytes = 10, .dead_pods = std::chrono::hours(1000)});
  write("something longer than ten bytes");
  sink->clean_up({"uid"});
  EXPECT_EQ(all().size(), 1U) << "a living pod's log stays, whatever its size";
  sink->clean_up({});
  EXPECT_TRUE(failed_with(cursor(), ErrorCode::NotFound));
}

TEST_F(LogFilesTest, ThereIsACurrentFileAfterEveryWrite) {
  // Was rotated away by the write that filled it: nothing to read until the next line.
  open({.file_bytes = 40, .rotated = 1});
  for (int i = 0; i < 5; ++i) {
    write("line " + std::to_string(i));  // Fills a file each.
    ASSERT_TRUE(std::filesystem::exists(log_file_path(dir.path(), source))) << i;
    ASSERT_EQ(all().back(), "line " + std::to_string(i));
  }
}

TEST_F(LogFilesTest, AReaderThatComesBetweenTwoFilesReadsBoth) {
  write("old");
  const auto path = log_file_path(dir.path(), source);
  std::filesystem::rename(path, path.string() + ".1");  // As the sink does before it makes the next one.
  auto follower = cursor();
  ASSERT_TRUE(follower) << follower.error().message();
  EXPECT_EQ(rest(**follower), std::vector<std::string>{"old"});
  open(FileSinkLimits{});
  write("new");
  EXPECT_EQ(rest(**follower), std::vector<std::string>{"new"});
  EXPECT_EQ(all(), (std::vector<std::string>{"old", "new"}));
}

TEST_F(LogFilesTest, FilesOfAnEarlierBerthAreReadAndRotatedAway) {
  const auto path = log_file_path(dir.path(), source).string();
  for (const auto* name : {"oldest", "older", "old"}) {
    write(name);
    sink->finish(source);
    if (std::filesystem::exists(path + ".1")) std::filesystem::rename(path + ".1", path + ".2");
    std::filesystem::rename(path, path + ".1");
  }
  std::filesystem::rename(path + ".2", path + ".3");  // a gap hides nothing
  write("now");
  EXPECT_EQ(all(), (std::vector<std::string>{"older", "old", "now"}));
  open({.file_bytes = 1, .rotated = 2});
  write("next");
  EXPECT_EQ(all(), (std::vector<std::string>{"old", "now", "next"})) << "the oldest went";
  write("last");
  EXPECT_EQ(all(), (std::vector<std::string>{"now", "next", "last"}));
}

TEST_F(LogFilesTest, WithoutRotatedFilesTheCurrentOneStaysSmall) {
  open({.file_bytes = 40, .rotated = 0});
  for (int i = 0; i < 4; ++i) write("line " + std::to_string(i));
  EXPECT_EQ(all(), std::vector<std::string>{"line 3"});
}

TEST_F(LogFilesTest, OfACrashLoopOnlyTheTwoNewestAttemptsStay) {
  for (std::uint32_t i = 0; i < 12; ++i) write_attempt(i);
  for (std::uint32_t i = 0; i < 12; ++i) EXPECT_EQ(has_attempt(i), i >= 10) << i;
}

TEST_F(LogFilesTest, OldAttemptsOfALivingPodGoWithTheirRotatedFiles) {
  open({.attempts = 100});
  for (std::uint32_t i = 0; i < 4; ++i) write_attempt(i);
  source.attempt = 0;
  const auto rotated = log_file_path(dir.path(), source).string() + ".20261121-092513";
  std::filesystem::copy_file(log_file_path(dir.path(), source), rotated);
  std::filesystem::last_write_time(rotated, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  std::filesystem::last_write_time(log_file_path(dir.path(), source),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  open(FileSinkLimits{});
  sink->clean_up({"uid"});
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(has_attempt(i), i >= 2) << i;
  EXPECT_FALSE(std::filesystem::exists(rotated));
}

TEST_F(LogFilesTest, AnAttemptThatIsBeingWrittenStaysWhateverItsNumber) {
  // Counting begins anew when the host lost its state and a pod kept its uid.
  for (const std::uint32_t i : {7U, 8U, 0U}) {
    source.attempt = i;
    source.container_id = "uid-main-" + std::to_string(i);
    write("attempt " + std::to_string(i));
    if (i != 0) {
      sink->finish(source);
      std::filesystem::last_write_time(log_file_path(dir.path(), source),
                                       std::filesystem::file_time_type::clock::now() + std::chrono::hours(i));
    }
  }
  sink->clean_up({"uid"});
  EXPECT_TRUE(has_attempt(0)) << "although the others are newer by number and by time";
  EXPECT_TRUE(has_attempt(8));
  EXPECT_FALSE(has_attempt(7));
}

TEST_F(LogFilesTest, NamesOfAnyLengthFitAndStayApart) {
  source.ns = std::string(63, 'n');
  source.pod = std::string(252, 'p') + "a";
  source.pod_uid = "0f0e0d0c-0b0a-0908-0706-050403020100";
  write("from a");
  const auto a = log_file_path(dir.path(), source);
  EXPECT_EQ(all(), std::vector<std::string>{"from a"});
  sink->clean_up({source.pod_uid});
  EXPECT_EQ(all().size(), 1U) << "it is known as living";
  source.pod.back() = 'b';
  EXPECT_NE(log_file_path(dir.path(), source), a);
  for (std::size_t length = 1; length <= 253; ++length) {
    source.pod = std::string(length, 'p');
    const auto folder = log_file_path(dir.path(), source).parent_path().parent_path().filename().string();
    ASSERT_LE(folder.size(), 255U);
    ASSERT_EQ(folder.find('~') != std::string::npos, length + 63 + 36 + 2 > 255) << "short names stay readable";
  }
  source.ns = source.pod_uid = std::string(253, 'x');
  EXPECT_LE(log_file_path(dir.path(), source).parent_path().parent_path().filename().string().size(), 255U);
}

TEST_F(LogFilesTest, WhatIsNotInTheFirstDirectoryIsReadFromTheNext) {
  write("of before");
  const TempDir other;
  LogQuery query{.ns = source.ns, .pod = source.pod, .pod_uid = source.pod_uid, .container = source.container};
  const auto reader = make_file_log_reader({other.path(), dir.path()});
  auto found = reader->open(query);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(rest(**found), std::vector<std::string>{"of before"});
  query.container = "another";
  EXPECT_TRUE(failed_with(reader->open(query), ErrorCode::NotFound));
}

TEST_F(LogFilesTest, AWriteThatFailsHalfWayLeavesWholeLinesAndSaysHowMany) {
  // Was: what fitted of the next line stayed, ended with a mark that only berth passes over.
  BatchMark mark;
  sink = make_file_sink(dir.path(), {}, {.mark = &mark});
  write("first");
  const auto path = log_file_path(dir.path(), source);
  const auto line = std::filesystem::file_size(path);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto limit = rlimit{.rlim_cur = line * 3 + 5, .rlim_max = before.rlim_max};
  ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  mark.begin("c", false, std::chrono::system_clock::now(), "x", 4);
  const auto failed = sink->write(source, false, std::chrono::system_clock::now(),
                                  {{.text = "aaaaa"}, {.text = "bbbbb"}, {.text = "ccccc"}, {.text = "ddddd"}});
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(failed);
  EXPECT_EQ(mark.stored(), 2U);
  EXPECT_EQ(std::filesystem::file_size(path), line * 3);
  write("next");
  EXPECT_EQ(all(), (std::vector<std::string>{"first", "aaaaa", "bbbbb", "next"}));
}

TEST_F(LogFilesTest, NothingWrittenIsNotFound) { EXPECT_TRUE(failed_with(cursor(), ErrorCode::NotFound)); }

}  // namespace
}  // namespace berth::runtime
