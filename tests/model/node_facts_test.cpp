// tests/model/node_facts_test.cpp - what a Node says of its host.
#include "model/node_facts.hpp"

#include <gtest/gtest.h>

namespace berth::model {
namespace {

json::object node(std::string_view status) { return parse_json(status)->get_object(); }

TEST(NodeFacts, TheFirstAddressOfAType) {
  const auto full = node(R"({"status":{"addresses":[1,{"type":"Hostname","address":"a"},
      {"type":"InternalIP","address":"10.0.0.1"},{"type":"InternalIP","address":"10.0.0.2"}]}})");
  EXPECT_EQ(node_address(full, "InternalIP"), "10.0.0.1");
  EXPECT_EQ(node_address(full, "ExternalIP"), "");
  for (const auto* odd : {"{}", R"({"status":1})", R"({"status":{"addresses":{}}})"}) {
    EXPECT_EQ(node_address(node(odd), "InternalIP"), "") << odd;
  }
}

TEST(NodeFacts, UnheardOfIsSaidByReady) {
  EXPECT_TRUE(is_unheard_of(node(R"({"status":{"conditions":[{"type":"DiskPressure","status":"False"},
      {"type":"Ready","status":"Unknown"}]}})")));
  EXPECT_FALSE(is_unheard_of(node(R"({"status":{"conditions":[{"type":"DiskPressure","status":"Unknown"},
      {"type":"Ready","status":"True"}]}})")));
  EXPECT_FALSE(is_unheard_of({}));
}

}  // namespace
}  // namespace berth::model
