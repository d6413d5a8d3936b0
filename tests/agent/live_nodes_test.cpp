// tests/agent/live_nodes_test.cpp - who is there, and who of them plans what.
#include "agent/objects/live_nodes.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace berth::agent {
namespace {

store::Holders sessions_of(const std::vector<std::string>& nodes) {
  store::Holders all;
  for (const auto& node : nodes) all["live/" + node] = {.node = node, .version = {}, .since = {}};
  return all;
}

std::string key_of(std::size_t i) { return "Pod default/web-" + std::to_string(i); }

TEST(LiveNodesTest, OnAHostsOwnStoreItsNodeIsThere) {
  LiveNodes nodes("n1");
  EXPECT_TRUE(nodes.contains("n1"));
  EXPECT_FALSE(nodes.take({}));
  EXPECT_TRUE(nodes.is_warden_of("anything"));
}

TEST(LiveNodesTest, OnASharedStoreItIsWhileItsSessionIs) {
  LiveNodes nodes("n1", LiveNodes::Store::Shared);
  EXPECT_FALSE(nodes.contains("n1"));
  EXPECT_FALSE(nodes.is_warden_of("anything"));
  EXPECT_TRUE(nodes.take(sessions_of({"n1", "n2"})));
  EXPECT_FALSE(nodes.take(sessions_of({"n2", "n1"})));
  EXPECT_TRUE(nodes.contains("n1"));
  EXPECT_TRUE(nodes.take(sessions_of({"n2"})));
  EXPECT_FALSE(nodes.contains("n1"));
  EXPECT_FALSE(nodes.is_warden_of("anything"));
}

TEST(LiveNodesTest, EveryKeyHasOneWardenAndAllAgreeWho) {
  const std::vector<std::string> names{"n1", "n2", "n3", "n4", "n5"};
  for (std::size_t i = 0; i < 100; ++i) {
    auto wardens = 0;
    for (const auto& name : names) {
      LiveNodes nodes(name, LiveNodes::Store::Shared);
      nodes.take(sessions_of(names));
      if (nodes.is_warden_of(key_of(i))) ++wardens;
    }
    EXPECT_EQ(wardens, 1) << key_of(i);
  }
}

TEST(LiveNodesTest, KeysAreSpreadAndALostNodeMovesItsOwnOnly) {
  constexpr std::size_t kKeys = 10'000;
  LiveNodes before("n1", LiveNodes::Store::Shared);
  before.take(sessions_of({"n1", "n2", "n3", "n4"}));
  LiveNodes after("n1", LiveNodes::Store::Shared);
  after.take(sessions_of({"n1", "n2", "n4"}));
  std::map<std::string, std::size_t> each;
  for (std::size_t i = 0; i < kKeys; ++i) {
    const std::string was(before.warden_of(key_of(i)));
    ++each[was];
    if (was != "n3") {
      EXPECT_EQ(after.warden_of(key_of(i)), was) << key_of(i);
    }
  }
  ASSERT_EQ(each.size(), 4U);
  for (const auto& [node, count] : each) {
    EXPECT_GT(count, kKeys / 4 * 9 / 10) << node;
    EXPECT_LT(count, kKeys / 4 * 11 / 10) << node;
  }
}

}  // namespace
}  // namespace berth::agent
