// tests/base/loop_test.cpp - posts, timers, descriptors and signals on one thread.
#include "base/loop.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <array>
#include <csignal>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"

namespace berth {
namespace {

using std::chrono::milliseconds;

TEST(Loop, RunsPostsInOrder) {
  Loop loop;
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) loop.post([&order, i] { order.push_back(i); });
  EXPECT_EQ(loop.poll(), 3U);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(loop.poll(), 0U);
}

TEST(Loop, TakesPostsAndStopFromOtherThreads) {
  Loop loop;
  int count = 0;  // touched on the loop thread only
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        loop.post([&] {
          EXPECT_TRUE(loop.is_loop_thread());
          if (++count == 4000) loop.stop();
        });
      }
    });
  }
  loop.run();
  EXPECT_EQ(count, 4000);
}

TEST(Loop, KnowsItsThread) {
  Loop loop;
  EXPECT_TRUE(loop.is_loop_thread());
  bool elsewhere = true;
  loop.post([&] {
    std::jthread([&] { elsewhere = loop.is_loop_thread(); }).join();
    loop.stop();
  });
  loop.run();
  EXPECT_FALSE(elsewhere);
  EXPECT_TRUE(loop.is_loop_thread());
}

TEST(Loop, AStopBeforeRunIsNotLost) {
  Loop loop;
  loop.stop();
  loop.run();
  int runs = 0;
  loop.post([&] {
    ++runs;
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(runs, 1);
}

TEST(Loop, FiresTimersInOrderOfTime) {
  Loop loop;
  std::vector<int> order;
  const auto now = std::chrono::steady_clock::now();
  const auto second = loop.at(now + milliseconds{2}, [&] {
    order.push_back(2);
    loop.stop();
  });
  const auto first = loop.at(now + milliseconds{1}, [&] { order.push_back(1); });
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(Loop, ADestroyedTimerDoesNotFireEvenWhenItWasDue) {
  Loop loop;
  bool fired = false;
  std::unique_ptr<LoopHandle> victim;
  const auto past = std::chrono::steady_clock::now() - milliseconds{10};
  const auto killer = loop.at(past - milliseconds{1}, [&] { victim.reset(); });
  victim = loop.at(past, [&] { fired = true; });
  EXPECT_EQ(loop.poll(), 1U);
  EXPECT_EQ(loop.poll(), 0U);
  EXPECT_FALSE(fired);
}

TEST(Loop, ATimerMayReplaceItself) {
  Loop loop;
  std::unique_ptr<LoopHandle> timer;
  int count = 0;
  std::function<void()> tick = [&] {
    if (++count == 3) return loop.stop();
    timer = loop.after(milliseconds{0}, tick);
  };
  timer = loop.after(milliseconds{0}, tick);
  loop.run();
  EXPECT_EQ(count, 3);
}

TEST(Loop, CallsWheneverADescriptorIsReadable) {
  Loop loop;
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  int reads = 0;
  auto handle = loop.on_readable(event.get(), [&] {
    eventfd_t value = 0;
    ::eventfd_read(event.get(), &value);
    ++reads;
  });
  EXPECT_EQ(loop.poll(), 0U);
  for (int i = 1; i <= 2; ++i) {
    ::eventfd_write(event.get(), 1);
    loop.poll();
    EXPECT_EQ(reads, i);
  }
  handle.reset();
  ::eventfd_write(event.get(), 1);
  EXPECT_EQ(loop.poll(), 0U);
  EXPECT_EQ(reads, 2);
}

TEST(Loop, AReaderMayDestroyItsOwnHandle) {
  Loop loop;
  const UniqueFd event(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  std::unique_ptr<LoopHandle> handle;
  int calls = 0;
  handle = loop.on_readable(event.get(), [&] {
    ++calls;
    handle.reset();
  });
  loop.poll();
  loop.poll();
  EXPECT_EQ(calls, 1);
}

TEST(Loop, TwoReadersOfOneDescriptorAreBothCalled) {
  Loop loop;
  const UniqueFd event(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  int first = 0;
  int second = 0;
  std::unique_ptr<LoopHandle> a;
  std::unique_ptr<LoopHandle> b;
  a = loop.on_readable(event.get(), [&] {
    ++first;
    a.reset();
  });
  b = loop.on_readable(event.get(), [&] {
    ++second;
    b.reset();
  });
  loop.poll();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST(Loop, HandlesMayOutliveTheLoop) {
  const UniqueFd event(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  std::unique_ptr<LoopHandle> timer;
  std::unique_ptr<LoopHandle> reader;
  {
    Loop loop;
    timer = loop.after(milliseconds{0}, [] { FAIL(); });
    reader = loop.on_readable(event.get(), [] { FAIL(); });
    loop.post([] { FAIL(); });
  }
}

TEST(Loop, DeliversSignalsOnTheLoopThread) {
  Loop loop;
  std::vector<int> seen;
  const std::array signals{SIGUSR1, SIGUSR2};
  loop.on_signals(signals, [&](int signal) {
    EXPECT_TRUE(loop.is_loop_thread());
    seen.push_back(signal);
    if (seen.size() == 2) return loop.stop();
    ::raise(SIGUSR2);
  });
  ::raise(SIGUSR1);
  loop.run();
  EXPECT_EQ(seen, (std::vector<int>{SIGUSR1, SIGUSR2}));
}

}  // namespace
}  // namespace berth
