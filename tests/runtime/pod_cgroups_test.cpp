// tests/runtime/pod_cgroups_test.cpp - limits of pods, as files of cgroups of both versions.
#include "runtime/pod_cgroups.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

model::Container container(const char* request, const char* cpu, const char* memory) {
  model::Container made;
  if (*request != '\0') made.resources.requests["cpu"] = *model::Quantity::parse(request);
  if (*cpu != '\0') made.resources.limits["cpu"] = *model::Quantity::parse(cpu);
  if (*memory != '\0') made.resources.limits["memory"] = *model::Quantity::parse(memory);
  return made;
}

TEST(PodLimits, AreTheSumOfItsContainers) {
  model::PodSpec spec;
  EXPECT_EQ(pod_limits(spec).cpu_shares, 2);
  spec.containers = {container("250m", "1", "1Mi"), container("", "500m", "2Mi")};
  EXPECT_EQ(pod_limits(spec), (PodLimits{768, 150'000, 3 << 20}));  // without a request the limit is one
}

TEST(PodLimits, ALimitIsThereOnlyWhenEveryContainerHasOne) {
  model::PodSpec spec;
  spec.containers = {container("100m", "1", "1Mi"), container("", "", "1Mi")};
  EXPECT_EQ(pod_limits(spec), (PodLimits{102, 0, 2 << 20}));
  spec.init_containers = {container("", "1", "")};
  EXPECT_EQ(pod_limits(spec).memory_bytes, 0);
}

TEST(PodLimits, InitContainersRunOneByOneBesideTheSidecars) {
  model::PodSpec spec;
  spec.containers = {container("1", "1", "10Mi")};
  auto sidecar = container("500m", "500m", "5Mi");
  sidecar.restart_policy = "Always";
  spec.init_containers = {container("1200m", "1200m", "1Mi"), sidecar, container("1", "1", "30Mi")};
  EXPECT_EQ(pod_limits(spec), (PodLimits{1536, 150'000, 35 << 20}));
}

/// "cpu: 9P" overflowed, and gave the pod the least of all shares.
TEST(PodLimits, WhatNoHostHasIsAsMuchAsThereIs) {
  model::PodSpec spec;
  spec.containers = {container("9P", "9P", "9P"), container("9P", "9P", "9P")};
  EXPECT_EQ(pod_limits(spec), (PodLimits{262'144, 100'000'000'000, 18'000'000'000'000'000}));
}

TEST(Weight, IsTheKubelets) {
  EXPECT_EQ(weight_of_shares(2), 1);
  EXPECT_EQ(weight_of_shares(1024), 39);
  EXPECT_EQ(weight_of_shares(262'144), 10'000);
  EXPECT_EQ(shares_of_weight(1), 2);
  EXPECT_EQ(shares_of_weight(10'000), 262'144);
}

/// The kernel makes a cgroup's files with its directory; here the test does.
class PodCgroupsTest : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& text = "") const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  std::string text(const std::string& path) const { return read_file(root / path).value_or("?"); }
  PodCgroups cgroups() const { return {root, "/berth-pods"}; }
  TempDir temp_;
  const fs::path root = temp_.path();
};

TEST_F(PodCgroupsTest, Version1) {
  for (const auto* pod : {"berth-pods/burstable/podb", "berth-pods/burstable/podc"}) {
    for (const auto* file : {"cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us"}) {
      put(std::string("cpu/") + pod + "/" + file);
    }
    put(std::string("memory/") + pod + "/memory.limit_in_bytes");
  }
  put("cpu/berth-pods/burstable/cpu.shares", "1024");
  put("cpu/berth-pods/besteffort/cpu.shares", "1024");
  EXPECT_FALSE(cgroups().counts_swap());
  ASSERT_TRUE(cgroups().prepare("b", "Burstable", {512, 0, 1 << 20}).ok());
  ASSERT_TRUE(cgroups().prepare("c", "Burstable", {256, 50'000, 0}).ok());
  EXPECT_EQ(text("cpu/berth-pods/burstable/podb/cpu.shares"), "512");
  EXPECT_EQ(text("cpu/berth-pods/burstable/podb/cpu.cfs_quota_us"), "-1");
  EXPECT_EQ(text("memory/berth-pods/burstable/podb/memory.limit_in_bytes"), "1048576");
  EXPECT_EQ(text("cpu/berth-pods/burstable/podc/cpu.cfs_quota_us"), "50000");
  EXPECT_EQ(text("cpu/berth-pods/burstable/podc/cpu.cfs_period_us"), "100000");
  EXPECT_EQ(text("memory/berth-pods/burstable/podc/memory.limit_in_bytes"), "-1");
  EXPECT_EQ(text("cpu/berth-pods/burstable/cpu.shares").substr(0, 3), "768") << "the sum of its pods";
  EXPECT_EQ(text("cpu/berth-pods/besteffort/cpu.shares").substr(0, 1), "2");
  EXPECT_EQ(cgroups().pods(), (std::set<std::string>{"b", "c"}));
  put("memory/memory.memsw.limit_in_bytes");
  EXPECT_TRUE(cgroups().counts_swap());
}

TEST_F(PodCgroupsTest, Version2HandsItsControllersDown) {
  put("cgroup.controllers", "cpu memory");
  for (const auto* above : {"", "berth-pods/", "berth-pods/besteffort/"}) {
    put(std::string(above) + "cgroup.subtree_control");
  }
  for (const auto* file : {"cpu.weight", "cpu.max", "memory.max"}) {
    put(std::string("berth-pods/besteffort/podb/") + file);
  }
  ASSERT_TRUE(cgroups().prepare("b", "BestEffort", {}).ok());
  EXPECT_EQ(text("berth-pods/besteffort/podb/cpu.weight"), "1");
  EXPECT_EQ(text("berth-pods/besteffort/podb/cpu.max"), "max 100000");
  EXPECT_EQ(text("berth-pods/besteffort/podb/memory.max"), "max");
  EXPECT_EQ(text("berth-pods/cgroup.subtree_control"), "+memory") << "one at a time";
}

TEST_F(PodCgroupsTest, ALimitThatTheKernelRefusesIsSaid) {
  fs::create_directories(root / "cpu/berth-pods/podb/cpu.shares");  // opens for no writer
  const auto prepared = cgroups().prepare("b", "Guaranteed", {});
  ASSERT_FALSE(prepared.ok());
  EXPECT_NE(prepared.error().message().find("cpu.shares"), std::string::npos);
}

TEST_F(PodCgroupsTest, APodOfAnEarlierBerthStaysWhereItIs) {
  fs::create_directories(root / "memory/berth-pods/podb");
  EXPECT_EQ(cgroups().path("b", "Burstable"), "/berth-pods/podb");
  EXPECT_EQ(cgroups().path("c", "Burstable"), "/berth-pods/burstable/podc");
  EXPECT_EQ(cgroups().path("c", "BestEffort"), "/berth-pods/besteffort/podc");
  EXPECT_EQ(cgroups().path("c", "Guaranteed"), "/berth-pods/podc");
}

TEST_F(PodCgroupsTest, NothingOfAPodStaysAtAnyLevelOfAnyHierarchy) {
  for (const auto* path : {"cpu/berth-pods/podb", "pids/berth-pods/besteffort/podb/b-main-0/deep",
                           "memory/berth-pods/burstable/podb/b-main-0", "memory/berth-pods/burstable/podc/c-main-0"}) {
    fs::create_directories(root / path);
  }
  EXPECT_EQ(cgroups().pods(), (std::set<std::string>{"b", "c"}));
  cgroups().remove_empty("b");
  EXPECT_TRUE(fs::exists(root / "memory/berth-pods/burstable/podb/b-main-0"));
  EXPECT_FALSE(fs::exists(root / "cpu/berth-pods/podb"));
  ASSERT_TRUE(cgroups().remove("b").ok());
  ASSERT_TRUE(cgroups().remove("b").ok());
  EXPECT_EQ(cgroups().pods(), (std::set<std::string>{"c"}));
  EXPECT_FALSE(fs::exists(root / "pids/berth-pods/besteffort/podb"));
}

TEST(PodUid, IsTheBeginningOfAContainersId) {
  const std::string uid = "0c7e1a6b-1111-4222-8333-aaaaaaaaaaaa";
  EXPECT_EQ(pod_uid_of(container_id(uid, "main", 3)), uid);
  EXPECT_EQ(pod_uid_of(container_id(uid, "a--b", 0)), uid);
  for (const auto* other :
       {"", "moby", "0c7e1a6b-1111-4222-8333-aaaaaaaaaaaa", "0c7e1a6b-1111-4222-8333-aaaaaaaaaaaX-a-0",
        "4f1d2c3b4a5968778695a4b3c2d1e0f00f1e2d3c4b5a69788796a5b4c3d2e1f0"}) {
    EXPECT_EQ(pod_uid_of(other), "") << other;
  }
}

}  // namespace
}  // namespace berth::runtime
