// tests/logs/log_health_test.cpp - what the collector says of what it does not store is read back as it was said.
#include "runtime/log_health.hpp"

#include <gtest/gtest.h>

#include "base/atomic_file.hpp"
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

}  // namespace
}  // namespace berth::runtime
