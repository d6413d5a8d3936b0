// tests/base/lane_test.cpp - jobs run elsewhere, in order of queueing, and are dropped at the end.
#include "base/lane.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <csignal>
#include <future>
#include <latch>
#include <thread>
#include <vector>

namespace berth {
namespace {

TEST(Lane, OneThreadRunsJobsInOrderAndElsewhere) {
  std::vector<int> order;
  std::promise<std::thread::id> last;
  auto lane = make_thread_lane("test", 1);
  for (int i = 0; i < 100; ++i) lane->run([&order, i] { order.push_back(i); });
  lane->run([&] { last.set_value(std::this_thread::get_id()); });
  EXPECT_NE(last.get_future().get(), std::this_thread::get_id());
  EXPECT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Lane, ThreadsRunJobsAtTheSameTime) {
  const auto lane = make_thread_lane("test", 3);
  std::latch all_here(3);  // opens only when three jobs run at once
  std::latch done(3);
  for (int i = 0; i < 3; ++i) {
    lane->run([&] {
      all_here.arrive_and_wait();
      done.count_down();
    });
  }
  done.wait();
}

TEST(Lane, NamesItsThreadsWithinTheKernelsLimit) {
  std::promise<std::string> name;
  const auto lane = make_thread_lane("a-very-long-lane-name", 1);
  std::latch named(1);
  lane->run([&] {
    named.wait();
    std::array<char, 16> buffer{};
    pthread_getname_np(pthread_self(), buffer.data(), buffer.size());
    name.set_value(buffer.data());
  });
  named.count_down();
  EXPECT_EQ(name.get_future().get(), "a-very-long-l-0");
}

TEST(Lane, BlocksSignalsInItsThreads) {
  std::promise<bool> blocked;
  const auto lane = make_thread_lane("test", 1);
  lane->run([&] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked.set_value(sigismember(&mask, SIGTERM) == 1);
  });
  EXPECT_TRUE(blocked.get_future().get());
}

TEST(Lane, TheDestructorFinishesTheRunningJobAndDropsTheQueued) {
  std::atomic<int> finished{0};
  std::latch started(1);
  std::latch release(1);
  auto held = std::make_shared<int>(0);
  auto lane = make_thread_lane("test", 1);
  lane->run([&] {
    started.count_down();
    release.wait();
    ++finished;
  });
  lane->run([&, held] { finished += 100; });
  started.wait();
  std::jthread ender([&] { lane.reset(); });
  // The queued job is freed before the destructor waits for the running one.
  while (held.use_count() > 1) std::this_thread::yield();
  release.count_down();
  ender.join();
  EXPECT_EQ(finished, 1);
}

TEST(Lane, TellsHowLongTheOldestJobIsUnfinished) {
  const auto lane = make_thread_lane("test", 1);
  EXPECT_EQ(lane->oldest().count(), 0);
  std::latch started(1);
  std::latch release(1);
  std::promise<void> after;
  lane->run([&] {
    started.count_down();
    release.wait();
  });
  started.wait();
  while (lane->oldest().count() < 2) std::this_thread::yield();
  release.count_down();
  lane->run([&] { after.set_value(); });
  after.get_future().wait();
  while (lane->oldest().count() != 0) std::this_thread::yield();
}

TEST(Lane, AnInlineLaneRunsAtOnce) {
  const auto lane = make_inline_lane();
  bool ran = false;
  lane->run([&] { ran = true; });
  EXPECT_TRUE(ran);
  EXPECT_EQ(lane->oldest().count(), 0);
}

}  // namespace
}  // namespace berth
