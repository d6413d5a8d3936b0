// tests/cli/lost_node_test.cpp - of which node a person may say that it is lost, and what is written then.
#include "cli/lost_node.hpp"

#include <gtest/gtest.h>

namespace berth::cli {
namespace {

json::value node(const std::string& ready, const std::string& taints = "[]") {
  return *parse_json(R"({"metadata":{"name":"ship-3"},"spec":{"taints":)" + taints +
                     R"(},"status":{"conditions":[{"type":"Ready","status":")" + ready + "\"}]}}");
}

TEST(LostNode, OnlyOneOfWhichNothingIsHeardMayBeLost) {
  EXPECT_TRUE(may_be_lost(node("Unknown")));
  for (const auto* ready : {"True", "False"}) {
    const auto may = may_be_lost(node(ready));
    ASSERT_FALSE(may);
    EXPECT_EQ(may.error().code(), ErrorCode::FailedPrecondition);
    EXPECT_NE(may.error().message().find("node \"ship-3\" is heard of"), std::string::npos);
  }
  EXPECT_FALSE(may_be_lost(*parse_json(R"({"metadata":{"name":"new"}})")));
}

TEST(LostNode, TheTaintIsWrittenOnceBesideOthersAndTakenAway) {
  const auto silent = node("Unknown", R"([{"key":"node.kubernetes.io/unreachable","effect":"NoExecute"}])");
  const auto lost = with_lost_taint(silent);
  ASSERT_TRUE(lost);
  EXPECT_EQ(json::serialize(*lost),
            R"([{"key":"node.kubernetes.io/unreachable","effect":"NoExecute"},)"
            R"({"key":"node.kubernetes.io/out-of-service","value":"nodeshutdown","effect":"NoExecute"}])");
  EXPECT_FALSE(without_lost_taint(silent)) << "it was not lost";
  const auto twice = node("Unknown", json::serialize(*lost));
  EXPECT_FALSE(with_lost_taint(twice));
  ASSERT_TRUE(without_lost_taint(twice));
  EXPECT_EQ(json::serialize(*without_lost_taint(twice)),
            R"([{"key":"node.kubernetes.io/unreachable","effect":"NoExecute"}])");
}

}  // namespace
}  // namespace berth::cli
