// tests/fencing/fence_page_test.cpp - what berth-fence is told when, also by an agent that was killed in between.
#include "agent/fencing/fence_page.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fencing/fake_fence.hpp"
#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

using std::chrono::seconds;

class FencePageTest : public testing::Test {
 protected:
  std::unique_ptr<FencePage> open(bool arm = true) {
    auto page = FencePage::open(dir.path(), arm, dir.path() / "cgroup");
    EXPECT_TRUE(page) << page.error().message();
    // The file is as large as a page in any case: berth-fence makes it so.
    std::filesystem::resize_file(fence::orders_file(dir.path()), sizeof(fence::Page));
    return *std::move(page);
  }
  static std::string cgroup(const std::string& uid) { return "/berth-pods/burstable/pod" + uid; }

  TempDir dir;
  const BootTime now = boot_time();
};

TEST_F(FencePageTest, TheDeadlineIsBeforeTheSessionsEndAndNeverGoesBack) {
  const auto page = open();
  const FakeFence fence(dir.path());
  page->on_kept(now + seconds(13));
  EXPECT_EQ(fence.orders().deadline, now + seconds(10));
  page->on_kept(now + seconds(11));
  EXPECT_EQ(fence.orders().deadline, now + seconds(10));
}

TEST_F(FencePageTest, PodsComeAndGoAndAnAdmissionIsNewEachTime) {
  const auto page = open();
  const FakeFence fence(dir.path());
  const auto first = page->admit("a", cgroup("a"));
  ASSERT_TRUE(first);
  EXPECT_EQ(page->admission("a"), *first);
  const auto again = page->admit("a", cgroup("a"));
  EXPECT_GT(*again, *first);
  ASSERT_TRUE(page->admit("b", cgroup("b")));
  ASSERT_EQ(fence.orders().pods.size(), 2U);
  EXPECT_EQ(fence.orders().pods[0], (fence::FencedPod{.uid = "a", .cgroup = cgroup("a"), .admission = *again}));
  page->drop("a");
  page->drop("never");
  ASSERT_EQ(fence.orders().pods.size(), 1U);
  EXPECT_EQ(page->admission("a"), std::nullopt);
}

TEST_F(FencePageTest, TheTableHasALimitAndTakesOnlyPods) {
  const auto page = open();
  for (std::size_t i = 0; i < fence::kMaxPods; ++i) {
    ASSERT_TRUE(page->admit(std::to_string(i), cgroup(std::to_string(i))));
  }
  EXPECT_TRUE(failed_with(page->admit("one", cgroup("one")), ErrorCode::ResourceExhausted));
  page->drop("5");
  EXPECT_TRUE(page->admit("one", cgroup("one")));
  EXPECT_TRUE(failed_with(page->admit("x", "/system.slice"), ErrorCode::InvalidArgument));
}

/// kill -9 and a new agent: what runs is still to be killed at the old deadline, until the new one has a session.
TEST_F(FencePageTest, WhatAnAgentBeforeUsOrderedStaysInForce) {
  std::filesystem::create_directories(dir.path() / "cgroup/memory" / cgroup("a").substr(1));
  std::uint64_t admission = 0;
  {
    const auto page = open();
    page->on_kept(now + seconds(13));
    admission = *page->admit("a", cgroup("a"));
    ASSERT_TRUE(page->admit("gone", cgroup("gone")));
  }
  const FakeFence fence(dir.path());
  const auto page = open();
  EXPECT_TRUE(page->is_armed());
  EXPECT_EQ(page->admission("a"), admission);
  EXPECT_EQ(page->admission("gone"), std::nullopt) << "no cgroup is left of it";
  EXPECT_EQ(fence.orders().deadline, now + seconds(10));
  page->on_kept(now + seconds(20));
  EXPECT_EQ(fence.orders().pods.size(), 1U);
  EXPECT_EQ(fence.orders().deadline, now + seconds(17));
}

TEST_F(FencePageTest, WithoutTheWishOnlyWhatIsArmedAlreadyGoesOn) {
  {
    const auto page = open(/*arm=*/false);
    const FakeFence fence(dir.path());
    page->on_kept(now + seconds(13));
    EXPECT_FALSE(page->is_armed());
    EXPECT_EQ(fence.orders().deadline, fence::kNever);
    open()->on_kept(now + seconds(13));
  }
  const auto page = open(/*arm=*/false);
  const FakeFence fence(dir.path());
  EXPECT_TRUE(page->is_armed()) << "its pods die with the old deadline, unless we go on";
  page->on_kept(now + seconds(18));
  EXPECT_EQ(fence.orders().deadline, now + seconds(15));
  page->disarm();
  page->on_kept(now + seconds(23));
  EXPECT_EQ(fence.orders().deadline, fence::kNever);
}

TEST_F(FencePageTest, ItIsSeenWhetherAFenceLivesAndReads) {
  const auto page = open();
  EXPECT_FALSE(page->answer(now).is_there);
  FakeFence fence(dir.path());
  page->on_kept(now + seconds(13));
  auto answer = page->answer(boot_time());
  EXPECT_TRUE(answer.is_there);
  EXPECT_FALSE(answer.is_late);
  EXPECT_TRUE(page->answer(boot_time() + FencePage::kSlow + seconds(1)).is_late);
  fence.acknowledge(/*fired=*/1);
  answer = page->answer(boot_time() + FencePage::kSlow + seconds(1));
  EXPECT_FALSE(answer.is_late);
  EXPECT_EQ(answer.acknowledged, fence.orders().generation);
  EXPECT_EQ(answer.fired, 1U);
  fence.die();
  EXPECT_FALSE(page->answer(now).is_there) << "the kernel has given its lock back";
}

TEST_F(FencePageTest, GarbageIsBegunAnew) {
  std::ofstream(fence::orders_file(dir.path())) << std::string(100'000, 'x');
  const auto page = open();
  const FakeFence fence(dir.path());
  ASSERT_TRUE(page->admit("a", cgroup("a")));
  EXPECT_EQ(fence.orders().pods.size(), 1U);
}

}  // namespace
}  // namespace berth::agent
