// tests/runtime/usage_test.cpp - cgroups of both versions, as files.
#include "runtime/usage.hpp"
#include "tests/temp_dir.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

class UsageTest : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  std::vector<ContainerUsage> read() const {
    auto found = read_usage(root, "/berth-pods");
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return found;
  }
  TempDir temp_;
  const fs::path root = temp_.path();
};

TEST_F(UsageTest, Version2) {
  put("cgroup.controllers", "cpu memory\n");
  put("berth-pods/poduid-1/c-a-0/cpu.stat", "usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n");
  put("berth-pods/poduid-1/c-a-0/memory.current", "10000\n");
  put("berth-pods/poduid-1/c-a-0/memory.stat", "anon 1\ninactive_file_x 7\ninactive_file 4000\nactive_file 5\n");
  put("berth-pods/poduid-1/cpu.stat", "usage_usec 9\n");
  put("berth-pods/poduid-1/c-gone-0/cpu.stat", "");
  put("berth-pods/other/x/cpu.stat", "usage_usec 9\n");
  const auto found = read();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, "c-a-0");
  EXPECT_EQ(found[0].pod_uid, "uid-1");
  EXPECT_EQ(found[0].cpu_nanoseconds, 2'500'000'000U);
  EXPECT_EQ(found[0].memory_bytes, 6000U);
}

TEST_F(UsageTest, Version1) {
  for (const auto* id : {"c-a-0", "c-b-2"}) {
    put(std::string("cpuacct/berth-pods/podu/") + id + "/cpuacct.usage", "77\n");
    put(std::string("memory/berth-pods/podu/") + id + "/memory.usage_in_bytes", "500\n");
    put(std::string("memory/berth-pods/podu/") + id + "/memory.stat", "inactive_file 1\ntotal_inactive_file 600\n");
  }
  const auto found = read();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].id, "c-b-2");
  EXPECT_EQ(found[1].cpu_nanoseconds, 77U);
  EXPECT_EQ(found[1].memory_bytes, 0U) << "never below nothing";
}

TEST_F(UsageTest, NothingThereIsNothing) { EXPECT_TRUE(read().empty()); }

}  // namespace
}  // namespace berth::runtime
