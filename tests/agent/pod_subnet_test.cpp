// tests/agent/pod_subnet_test.cpp - no two hosts' pods have the same addresses.
#include "agent/node/pod_subnet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>
#include <string>
#include <vector>

namespace berth::agent {
namespace {

using testing::HasSubstr;

SubnetRequest any(const std::string& node, const std::string& cluster = "10.98.0.0/16") {
  return {.node = node, .cluster_cidr = cluster, .pod_cidr = {}};
}

SubnetRequest exactly(const std::string& node, const std::string& block) {
  return {.node = node, .cluster_cidr = {}, .pod_cidr = block};
}

class PodSubnetTest : public testing::Test {
 protected:
  Result<std::string> take(const SubnetRequest& request) { return take_pod_subnet(*store_, request, now_); }
  void add_node(const std::string& name) {
    ASSERT_TRUE(store::create_and_wait(
        *store_, *model::make_object({{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", name}}}})));
  }

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  WallTime now_{std::chrono::hours{1}};
};

TEST_F(PodSubnetTest, EachHostHasTheNextOneAndKeepsIt) {
  EXPECT_EQ(*take(any("n1")), "10.98.0.0/24");
  EXPECT_EQ(*take(any("n2")), "10.98.1.0/24");
  EXPECT_EQ(*take(any("n1")), "10.98.0.0/24");
  EXPECT_EQ(*take(any("n3")), "10.98.2.0/24");
}

TEST_F(PodSubnetTest, OneThatIsChosenIsRefusedWhenAnotherHostHasIt) {
  EXPECT_EQ(*take(exactly("n1", "10.98.0.0/24")), "10.98.0.0/24");
  EXPECT_EQ(*take(exactly("n1", "10.98.0.0/24")), "10.98.0.0/24");
  const auto refused = take(exactly("n2", "10.98.0.128/25"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::FailedPrecondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("pods of node n1 are in 10.98.0.128/25"));
  EXPECT_EQ(*take(any("n3")), "10.98.1.0/24");
}

TEST_F(PodSubnetTest, WhenNoneIsLeftThatOfAForgottenHostIsGiven) {
  ASSERT_TRUE(take(any("n1", "10.98.0.0/23")));
  ASSERT_TRUE(take(any("n2", "10.98.0.0/23")));
  add_node("n1");
  add_node("n2");
  const auto none = take(any("n3", "10.98.0.0/23"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::ResourceExhausted);
  ASSERT_TRUE(store::remove_and_wait(*store_, {model::Kind::Node, "", "n1"}, 0));
  EXPECT_FALSE(take(any("n3", "10.98.0.0/23"))) << "it may have begun just now, and have no Node yet";
  now_ += std::chrono::minutes{10};
  EXPECT_EQ(*take(any("n3", "10.98.0.0/23")), "10.98.0.0/24");
}

TEST_F(PodSubnetTest, ManyAtOnceHaveOneEach) {
  std::vector<std::future<Result<std::string>>> asked;
  for (int i = 0; i < 16; ++i) {
    asked.push_back(std::async(std::launch::async, [this, i] { return take(any("n" + std::to_string(i))); }));
  }
  std::set<std::string> all;
  for (auto& each : asked) {
    const auto taken = each.get();
    ASSERT_TRUE(taken) << taken.error().message();
    EXPECT_TRUE(all.insert(*taken).second) << *taken;
  }
}

}  // namespace
}  // namespace berth::agent
