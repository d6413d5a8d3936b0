// tests/agent/status_board_test.cpp - since when containerd is away, and what the disk says.
#include "agent/status_board.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::agent {
namespace {

class SetClock final : public Clock {
 public:
  SteadyTime now() const override { return SteadyTime(passed_); }
  WallTime wall() const override { return WallTime(passed_); }
  void advance(std::chrono::seconds by) { passed_ += by; }

 private:
  std::chrono::seconds passed_{1'795'000'000};
};

TEST(StatusBoard, AnOutageBeginsOnceWhateverItsReasons) {
  SetClock clock;
  StatusBoard board(clock, {.version = "1", .node = "n"});
  const auto start = clock.wall();
  EXPECT_EQ(board.read().started_at, start);
  EXPECT_EQ(board.read().containerd.error, "not asked yet");
  clock.advance(std::chrono::seconds(5));
  board.set_containerd("no such file", "");
  board.set_containerd("connection refused", "");
  EXPECT_EQ(board.read().containerd.since, start);
  EXPECT_EQ(board.read().containerd.error, "connection refused");
  const auto answered = clock.wall();
  board.set_containerd("", "1.7.2");
  clock.advance(std::chrono::seconds(5));
  board.set_containerd("", "1.7.2");
  EXPECT_EQ(board.read().containerd.since, answered);
  const auto lost = clock.wall();
  board.set_containerd("gone", "");
  EXPECT_EQ(board.read().containerd.since, lost);
  EXPECT_EQ(board.read().containerd.version, "1.7.2") << "the last that is known";
  EXPECT_EQ(board.read().node, "n");
}

TEST(StatusBoard, ADiskSaysWhatItHasOrWhyNot) {
  const auto root = look_at_disk("/");
  EXPECT_EQ(root.error, "");
  EXPECT_GT(root.total_bytes, 0U);
  EXPECT_LE(root.free_bytes, root.total_bytes);
  EXPECT_THAT(look_at_disk("/nowhere/at/all").error, testing::HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace berth::agent
