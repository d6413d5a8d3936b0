// tests/logs/log_health_test.cpp - what the collector says of what it does not store is read back as it was said.
#include "runtime/log_health.hpp"

#include <gtest/gtest.h>

#include "base/atomic_file.hpp"
#include "runtime/logs/log_sink.hpp"
#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

const LogHealth kSome{
    .lines = 12,
    .bytes = 345,
    .troubles = {{.ns = "default",
                  .pod = "mongo-0",
                  .pod_uid = "u-1",
                  .container = "main",
                  .dropped = 7,
                  .error = "write /var/lib: No space left on device",
                  .since = WallTime(std::chrono::seconds(1'700'000'000))},
                 {.ns = "default", .pod = "web-0", .pod_uid = "u-2", .container = "side", .dropped = 1}}};

TEST(LogHealth, IsReadBackAsItWasWritten) {
  const TempDir dir;
  ASSERT_TRUE(write_file(log_health_path(dir.path()), encode_log_health(kSome)));
  EXPECT_EQ(read_log_health(dir.path()), kSome);
}

TEST(LogHealth, FilesThatLackLinesAreReadBackToo) {
  LogHealth health = kSome;
  health.files = {.error = "mkdir /var/log/pods: Read-only file system",
                  .missed = 7,
                  .since = std::chrono::system_clock::from_time_t(1'700'000'000)};
  EXPECT_EQ(decode_log_health(encode_log_health(health)), health);
  health.files = {.missed = 7};
  EXPECT_EQ(decode_log_health(encode_log_health(health)), health);
}

TEST(LogHealth, WithoutAFileAllIsWell) {
  const TempDir dir;
  EXPECT_EQ(read_log_health(dir.path()), LogHealth{});
}

TEST(LogHealth, WhatIsNotKnownIsSkipped) {
  EXPECT_EQ(decode_log_health("from-tomorrow\t1\t2\n" + encode_log_health(kSome) + "\n\n"), kSome);
  EXPECT_EQ(decode_log_health("stored\tx\n").lines, 0U);
  EXPECT_EQ(decode_log_health("container\tns\tpod").troubles.size(), 1U);
}

TEST(LogHealth, SeparatorsInsideOfAnErrorBecomeBlanks) {
  LogHealth odd;
  odd.troubles.push_back({.ns = "a", .pod = "b", .pod_uid = "c", .container = "d", .error = "one\ttwo\nthree"});
  const auto read = decode_log_health(encode_log_health(odd));
  ASSERT_EQ(read.troubles.size(), 1U);
  EXPECT_EQ(read.troubles[0].error, "one two three");
}

std::string next_text(LogCursor& cursor) {
  const auto line = cursor.next();
  if (!line) return "(" + line.error().message() + ")";
  return *line ? (*line)->text : "(none)";
}

std::vector<std::string> all_lines(LogReader& reader, const LogQuery& query) {
  std::vector<std::string> out;
  auto cursor = reader.open(query);
  if (!cursor) return {"(" + cursor.error().message() + ")"};
  for (auto line = (*cursor)->next(); line && *line; line = (*cursor)->next()) out.push_back((*line)->text);
  return out;
}

TEST(LogHealth, ALogThatEndsForWantOfRoomSaysSo) {
  const TempDir dir;
  const auto logs = dir.path() / "logs";
  const auto sink = make_file_sink(logs);
  const LogSource source{.ns = "default", .pod = "mongo-0", .pod_uid = "u-1", .container = "main", .container_id = "c"};
  const auto reader = make_honest_log_reader(make_file_log_reader({logs}), dir.path());
  LogQuery query;
  query.ns = "default";
  query.pod = "mongo-0";
  query.pod_uid = "u-1";
  query.container = "main";
  const std::string said =
      "berth: what this container writes now is not stored: write /var/lib: No space left on device";
  EXPECT_FALSE(reader->open(query)) << "nothing written, nothing wrong";

  ASSERT_TRUE(write_file(log_health_path(dir.path()), encode_log_health(kSome)));
  EXPECT_EQ(all_lines(*reader, query), std::vector<std::string>{said}) << "an empty log is not a silent container";

  auto following = reader->open(query);
  ASSERT_TRUE(following);
  EXPECT_EQ(next_text(**following), said);
  EXPECT_EQ(next_text(**following), "(none)") << "once";
  ASSERT_TRUE(sink->write(source, false, std::chrono::system_clock::now(), {{.text = "stored"}}));
  EXPECT_EQ(next_text(**following), "stored") << "it goes on when there is room";
  EXPECT_EQ(all_lines(*reader, query), (std::vector<std::string>{"stored", said}));

  ASSERT_TRUE(write_file(log_health_path(dir.path()), encode_log_health({})));
  EXPECT_EQ(all_lines(*reader, query), std::vector<std::string>{"stored"});
}

}  // namespace
}  // namespace berth::runtime
