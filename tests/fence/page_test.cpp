// tests/fence/page_test.cpp - what berth-fence believes of its page, whatever became of who wrote it.
#include "fence/page.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace berth::fence {
namespace {

using std::chrono::seconds;

constexpr BootTime kNow = seconds(1000);

FencedPod pod(const std::string& uid) {
  return {.uid = uid, .cgroup = "/berth-pods/burstable/pod" + uid, .admission = 7};
}
Orders orders(std::uint64_t generation, BootTime deadline) {
  return {.generation = generation, .deadline = deadline, .pods = {pod("u-1"), pod("u-2")}};
}
void write(Page& page, const Orders& what) { page.slots[slot_of(what)] = make_slot(what); }

TEST(FencePage, AnEmptyFileAndAnEmptyPageSayNothing) {
  const Page zeros{};
  for (const auto& page : {zeros, make_page()}) {
    const auto reading = read_page(page, kNow);
    EXPECT_FALSE(reading.orders);
    EXPECT_FALSE(reading.torn);
  }
}

TEST(FencePage, TheNewestOrdersCountAndComeBackAsTheyWere) {
  auto page = make_page();
  write(page, orders(4, kNow + seconds(5)));
  write(page, orders(5, kNow + seconds(10)));
  EXPECT_EQ(read_page(page, kNow).orders, orders(5, kNow + seconds(10)));
  write(page, orders(6, kNever));
  EXPECT_EQ(read_page(page, kNow).orders, orders(6, kNever));
}

/// The agent was stopped in the middle of writing, at any byte.
TEST(FencePage, OfATornSlotTheOneBeforeItCounts) {
  auto before = make_page();
  write(before, orders(4, kNow + seconds(5)));
  write(before, orders(5, kNow + seconds(10)));
  const auto next = make_slot(orders(6, kNow + seconds(15)));
  for (std::size_t written = 1; written < sizeof(Slot); written += 97) {
    auto page = before;
    std::memcpy(&page.slots[0], &next, written);
    const auto reading = read_page(page, kNow);
    if (std::memcmp(&page.slots[0], &next, sizeof next) == 0) continue;
    ASSERT_TRUE(reading.orders) << written;
    EXPECT_EQ(*reading.orders, orders(5, kNow + seconds(10))) << written;
    EXPECT_TRUE(reading.torn) << written;
  }
}

TEST(FencePage, NoSingleBitCanBeWrong) {
  auto page = make_page();
  write(page, orders(5, kNow + seconds(10)));
  for (std::size_t bit = 0; bit < 8 * sizeof(Slot); bit += bit < 8 * 600 ? 13 : 997) {
    auto bad = page;
    auto* bytes = reinterpret_cast<unsigned char*>(&bad.slots[1]);
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ (1U << (bit % 8)));
    ASSERT_FALSE(read_page(bad, kNow).orders) << "bit " << bit;
  }
}

TEST(FencePage, AnImplausibleDeadlineIsNone) {
  auto page = make_page();
  write(page, orders(4, kNow + seconds(5)));
  write(page, orders(5, kNow + kFurthest + seconds(1)));
  EXPECT_EQ(read_page(page, kNow).orders->generation, 4U) << "of another boot, say";
  write(page, orders(5, kNow - seconds(500)));
  EXPECT_EQ(read_page(page, kNow).orders->generation, 5U) << "one that is over is over";
}

TEST(FencePage, OnlyAPodsOwnCgroupMayBeKilled) {
  EXPECT_TRUE(is_plausible(pod("0b8f")));
  EXPECT_TRUE(is_plausible({.uid = "a", .cgroup = "/berth-pods.slice/poda", .admission = 0}));
  for (const auto* cgroup : {"", "/", "/poda", "/system.slice", "/berth-pods", "/berth-pods/../poda", "x/poda",
                             "/berth-pods/podb", "/berth-pods/poda/c"}) {
    EXPECT_FALSE(is_plausible({.uid = "a", .cgroup = cgroup, .admission = 0})) << cgroup;
  }
  EXPECT_FALSE(is_plausible({.uid = "", .cgroup = "/berth-pods/pod", .admission = 0}));
  EXPECT_FALSE(is_plausible({.uid = "../a", .cgroup = "/berth-pods/pod../a", .admission = 0}));
  EXPECT_FALSE(is_plausible({.uid = "a", .cgroup = "/" + std::string(300, 'x') + "/poda", .admission = 0}));
  auto page = make_page();
  auto bad = orders(5, kNow);
  bad.pods[1].cgroup = "/";
  write(page, bad);
  EXPECT_FALSE(read_page(page, kNow).orders) << "though its sum is right";
}

TEST(FencePage, AnotherVersionIsNotRead) {
  auto page = make_page();
  write(page, orders(5, kNow));
  page.version += 1;
  EXPECT_FALSE(read_page(page, kNow).orders);
  auto state = make_state(1, 2);
  EXPECT_EQ(read_state(state)->fired, 2U);
  state.acknowledged = 9;
  EXPECT_FALSE(read_state(state)) << "half of it is of another";
}

}  // namespace
}  // namespace berth::fence
