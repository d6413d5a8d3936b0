// tests/network/address_pool_test.cpp - leases over restarts, damage and many threads.
#include "network/address_pool.hpp"
#include "tests/temp_dir.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace berth::network {
namespace {

class AddressPoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<AddressPool> open(std::string_view block = "10.98.0.0/24") {
    const auto cidr = Cidr::parse(block);
    EXPECT_TRUE(cidr.ok());
    auto pool = AddressPool::open(*cidr, leases());
    EXPECT_TRUE(pool.ok()) << pool.error().message();
    return std::move(*pool);
  }
  std::filesystem::path leases() const { return dir_ / "leases"; }
  static std::string take(AddressPool& pool, const std::string& uid) {
    const auto lease = pool.acquire(uid, "default/" + uid);
    return lease ? lease->address.text() : lease.error().message();
  }
  void write(const std::string& uid, std::string_view text) { std::ofstream(leases() / uid) << text; }

  TempDir temp_;
  const std::filesystem::path dir_ = temp_.path();
};

TEST_F(AddressPoolTest, TheFirstAddressIsTheGatewaysAndPodsComeAfter) {
  auto pool = open();
  EXPECT_EQ(pool->gateway().text(), "10.98.0.1");
  EXPECT_EQ(take(*pool, "a"), "10.98.0.2");
  EXPECT_EQ(take(*pool, "b"), "10.98.0.3");
  EXPECT_EQ(pool->capacity(), 253U);
}

TEST_F(AddressPoolTest, AskingAgainGivesTheSame) {
  auto pool = open();
  const auto first = pool->acquire("a", "default/a");
  const auto second = pool->acquire("a", "default/a");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->address, second->address);
  EXPECT_TRUE(first->fresh);
  EXPECT_FALSE(second->fresh);
}

TEST_F(AddressPoolTest, LeasesSurviveARestart) {
  auto pool = open();
  take(*pool, "a");
  const auto b = take(*pool, "b");
  pool = open();
  EXPECT_EQ(take(*pool, "c"), "10.98.0.4");
  EXPECT_EQ(take(*pool, "b"), b);
  EXPECT_EQ(pool->holders(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(AddressPoolTest, AFreedAddressIsGivenLast) {
  auto pool = open("10.98.0.0/29");  // .2 to .6
  take(*pool, "a");
  take(*pool, "b");
  ASSERT_TRUE(pool->release("a").ok());
  ASSERT_TRUE(pool->release("b").ok());
  EXPECT_EQ(take(*pool, "c"), "10.98.0.4");
  pool = open("10.98.0.0/29");  // The order survives a restart.
  EXPECT_EQ(take(*pool, "d"), "10.98.0.5");
  EXPECT_EQ(take(*pool, "e"), "10.98.0.6");
  EXPECT_EQ(take(*pool, "f"), "10.98.0.2");
  EXPECT_EQ(take(*pool, "g"), "10.98.0.3");
}

TEST_F(AddressPoolTest, AFullPoolSaysSoAndServesAgainAfterARelease) {
  auto pool = open("10.98.0.0/30");
  EXPECT_EQ(take(*pool, "a"), "10.98.0.2");
  const auto full = pool->acquire("b", "default/b");
  ASSERT_TRUE(failed_with(full, ErrorCode::ResourceExhausted));
  EXPECT_NE(full.error().message().find("10.98.0.0/30"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(leases() / "b"));
  ASSERT_TRUE(pool->release("a").ok());
  EXPECT_EQ(take(*pool, "b"), "10.98.0.2");
}

TEST_F(AddressPoolTest, ReleasingWhatIsNotLeasedSucceeds) {
  auto pool = open();
  EXPECT_TRUE(pool->release("nobody").ok());
  take(*pool, "a");
  EXPECT_TRUE(pool->release("a").ok());
  EXPECT_TRUE(pool->release("a").ok());
  EXPECT_FALSE(pool->find("a").has_value());
  EXPECT_FALSE(std::filesystem::exists(leases() / "a"));
}

TEST_F(AddressPoolTest, DamagedLeasesAreReportedKeptAndReplacedWhenTheirPodAsks) {
  take(*open(), "good");
  write("empty", "");
  write("half", "10.98.0.2");
  write("rubbish", "\x01\x02\n");
  write("outside", "10.99.0.2 default/x\n");
  write("gateway", "10.98.0.1 default/x\n");
  write("broadcast", "10.98.0.255 default/x\n");
  write("twice", "10.98.0.2 default/x\n");
  auto pool = open();
  EXPECT_EQ(pool->problems().size(), 7U);
  EXPECT_EQ(pool->holders().size(), 8U);
  EXPECT_EQ(take(*pool, "good"), "10.98.0.2");
  EXPECT_FALSE(pool->find("half").has_value());
  EXPECT_TRUE(std::filesystem::exists(leases() / "half"));
  EXPECT_EQ(take(*pool, "half"), "10.98.0.3");
  pool = open();
  EXPECT_EQ(take(*pool, "half"), "10.98.0.3");
  EXPECT_EQ(pool->problems().size(), 6U);
}

TEST_F(AddressPoolTest, AnAddressInUseWhoseLeaseWasLostIsAdopted) {
  auto pool = open();
  const auto used = IpAddress::parse("10.98.0.2");
  ASSERT_TRUE(pool->adopt("a", "default/a", *used).ok());
  EXPECT_EQ(take(*pool, "b"), "10.98.0.3");
  EXPECT_TRUE(pool->adopt("a", "default/a", *used).ok());
  EXPECT_TRUE(failed_with(pool->adopt("c", "default/c", *used), ErrorCode::AlreadyExists));
  EXPECT_TRUE(failed_with(pool->adopt("c", "default/c", *IpAddress::parse("10.99.0.2")), ErrorCode::InvalidArgument));
  EXPECT_EQ(take(*open(), "a"), "10.98.0.2");
}

TEST_F(AddressPoolTest, AUidThatIsNoFileNameIsRefused) {
  auto pool = open();
  for (const auto* uid : {"", ".", "..", ".released", "a/b", "../x", "a b"}) {
    EXPECT_TRUE(failed_with(pool->acquire(uid, "x"), ErrorCode::InvalidArgument)) << uid;
    EXPECT_TRUE(failed_with(pool->release(uid), ErrorCode::InvalidArgument)) << uid;
  }
}

TEST_F(AddressPoolTest, AnOwnerCannotForgeALine) {
  auto pool = open();
  ASSERT_TRUE(pool->acquire("a", "default/x\n10.98.0.9 y").ok());
  EXPECT_EQ(take(*open(), "a"), "10.98.0.2");
}

TEST_F(AddressPoolTest, BlocksThatAreTooLargeOrTooSmallAreRefused) {
  for (const auto* block : {"10.98.0.0/31", "10.98.0.1/32", "0.0.0.0/0", "fd00::/64"}) {
    EXPECT_TRUE(failed_with(AddressPool::open(*Cidr::parse(block), leases()), ErrorCode::InvalidArgument)) << block;
  }
}

TEST_F(AddressPoolTest, ManyThreadsNeverGetOneAddressTwice) {
  auto pool = open();
  std::vector<std::vector<std::string>> got(8);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < got.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const auto uid = "t" + std::to_string(t) + "-" + std::to_string(i);
        got[t].push_back(take(*pool, uid));
        if (i % 5 == 4) {
          EXPECT_TRUE(pool->release(uid).ok());
          got[t].pop_back();
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& list : got) all.insert(list.begin(), list.end());
  EXPECT_EQ(all.size(), 8U * 16U);
  EXPECT_EQ(pool->holders().size(), 8U * 16U);
}

}  // namespace
}  // namespace berth::network
