// tests/agent/placement_test.cpp - pods without a node are bound here when they fit, and told why not when they do not.
#include "agent/placement.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using testing::Contains;
using testing::IsEmpty;

class PlacementTest : public ControllerFixture {
 protected:
  PlacementTest() {
    put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}})");
    begin({placement.row()});
  }
  void make(const std::string& name, const std::string& spec = "", const std::string& meta = "") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"{}}},
        "spec":{{"containers":[{{"name":"c","image":"x"}}]{}}}}})",
                    name, meta, spec));
    settle();
  }
  std::string node_of(const std::string& name) const {
    return std::string(find_string(get(Kind::Pod, name)->raw.at("spec"), {"nodeName"}));
  }

  std::vector<std::string> reasons;
  Placement placement{clock, cache,
                      [this](const model::ObjectKey&, const std::string&, std::string_view, std::string_view reason,
                             const std::string&) { events.emplace_back(reason); },
                      [this](const model::Pod&, const model::PodStatus& status) {
                        reasons.push_back(status.condition("PodScheduled")->message);
                      },
                      "n1"};
};

TEST_F(PlacementTest, APodThatFitsIsBoundAndSaidToBe) {
  make("a");
  EXPECT_EQ(node_of("a"), "n1");
  EXPECT_THAT(events, Contains("Scheduled: Successfully assigned default/a to n1"));
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(PlacementTest, APodThatDoesNotFitWaitsForTheNodeToChange) {
  make("a", R"(,"nodeSelector":{"disk":"fast"})");
  EXPECT_EQ(node_of("a"), "");
  ASSERT_EQ(reasons.size(), 1U);
  edit({Kind::Node, "", "n1"}, [](json::object& raw) { raw["status"] = {{"beat", 1}}; });
  settle();
  EXPECT_EQ(reasons.size(), 1U) << "a heartbeat changes nothing";
  edit({Kind::Node, "", "n1"}, [](json::object& raw) { raw["metadata"].get_object()["labels"] = {{"disk", "fast"}}; });
  settle();
  EXPECT_EQ(node_of("a"), "n1");
}

TEST_F(PlacementTest, ADeletedPodThatWasNeverBoundIsRemoved) {
  make("a", R"(,"nodeSelector":{"disk":"fast"})", R"(,"deletionTimestamp":"2026-11-21T10:00:00Z")");
  EXPECT_FALSE(exists(Kind::Pod, "a"));
  EXPECT_THAT(reasons, IsEmpty());
}

TEST_F(PlacementTest, CordoningIsSaidOnce) {
  const auto cordon = [&](bool is) {
    edit({Kind::Node, "", "n1"}, [&](json::object& raw) { raw["spec"] = {{"unschedulable", is}}; });
    settle();
  };
  cordon(true);
  cordon(false);
  EXPECT_THAT(events, testing::ElementsAre("NodeNotSchedulable", "NodeSchedulable"));
}

}  // namespace
}  // namespace berth::agent
