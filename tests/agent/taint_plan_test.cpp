// tests/agent/taint_plan_test.cpp - a node that is there gets a taint NoExecute: who goes, when, and who stays.
#include "agent/node/taint_plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/node/silence_controller.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class TaintPlanTest : public testing::Test {
 protected:
  void pod(const std::string& name, std::vector<model::Toleration> tolerations = {}) {
    auto out = std::make_shared<model::Pod>();
    out->meta.name = name;
    out->spec.tolerations = std::move(tolerations);
    pods.push_back(out);
  }
  static model::Toleration to(const std::string& key, std::optional<std::int64_t> lasts = {}) {
    return {.key = key, .op = "Exists", .value = {}, .effect = "NoExecute", .toleration_seconds = lasts};
  }
  TaintPlan plan(const std::string& taints) const {
    return plan_taints(parse_json(fmt::format(R"({{"spec":{{"taints":[{}]}}}})", taints))->get_object(), pods, now);
  }
  static std::vector<std::string> names(const std::vector<PodPtr>& pods) {
    std::vector<std::string> out;
    for (const auto& each : pods) out.push_back(each->meta.name);
    return out;
  }

  std::vector<PodPtr> pods;
  const WallTime now = *parse_rfc3339("2026-11-30T12:00:00Z");
};

constexpr const char* kSince = R"({"key":"flood","effect":"NoExecute","timeAdded":"2026-11-30T11:59:00Z"})";

TEST_F(TaintPlanTest, WhoDoesNotTolerateGoesAtOnceAndOthersWhenTheirTimeIsOver) {
  pod("none");
  pod("other", {to("fire")});
  pod("forever", {to("flood")});
  pod("shorter", {to("flood", 90), to("", 61)});
  pod("over", {to("flood", 60)});
  pod("never", {to("flood", -5)});
  const auto all = plan(kSince);
  EXPECT_THAT(names(all.evict), ElementsAre("none", "other", "over", "never"));
  EXPECT_EQ(all.look_again, seconds(1)) << "the shortest of its tolerations counts";
  EXPECT_FALSE(all.stamp);
}

TEST_F(TaintPlanTest, EachOfSeveralTaintsHasToBeTolerated) {
  pod("one", {to("flood")});
  pod("both", {to("flood"), to("fire", 10)});
  const auto all =
      plan(std::string(kSince) + R"(,{"key":"fire","effect":"NoExecute","timeAdded":"2026-11-30T12:00:00Z"})");
  EXPECT_THAT(names(all.evict), ElementsAre("one"));
  EXPECT_EQ(all.look_again, seconds(10));
}

TEST_F(TaintPlanTest, ATaintThatDoesNotSaySinceWhenCountsFromNow) {
  pod("awhile", {to("flood", 10)});
  const std::string undated = R"({"key":"flood","effect":"NoExecute"})";
  EXPECT_TRUE(plan(undated).stamp);
  EXPECT_THAT(plan(undated).evict, IsEmpty());
  json::object node = parse_json(R"({"spec":{"taints":[{"key":"flood","effect":"NoExecute"},
      {"key":"x","effect":"NoSchedule"}]}})")
                          ->get_object();
  EXPECT_TRUE(stamp_taints(node, now));
  EXPECT_FALSE(stamp_taints(node, now + seconds(5)));
  EXPECT_FALSE(plan_taints(node, pods, now).stamp);
  EXPECT_THAT(names(plan_taints(node, pods, now + seconds(10)).evict), ElementsAre("awhile"));
}

TEST_F(TaintPlanTest, WhatOnlyKeepsPodsFromComingAndWhatIsOfTheNodeItselfStays) {
  pod("web");
  EXPECT_THAT(plan(R"({"key":"flood","effect":"NoSchedule"})").evict, IsEmpty());
  auto file = std::make_shared<model::Pod>();
  file->meta.annotations["berth.io/source"] = "dir";
  auto over = std::make_shared<model::Pod>();
  over->status.phase = "Succeeded";
  pods = {file, over};
  EXPECT_THAT(plan(kSince).evict, IsEmpty());
}

class TaintEvictionTest : public ControllerFixture {
 protected:
  TaintEvictionTest() {
    put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}})");
    for (const auto* seconds : {"", R"(,"tolerationSeconds":30)"}) {
      put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"}},"spec":{{
          "nodeName":"n1","containers":[{{"name":"c","image":"x"}}],"tolerations":[
          {{"key":"flood","operator":"Exists"{}}}]}}}})",
                      *seconds == 0 ? "stays" : "awhile", seconds));
    }
    put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"goes","namespace":"default"},
        "spec":{"nodeName":"n1","containers":[{"name":"c","image":"x"}]}})");
    begin({silence.row()});
  }
  void taint(const std::string& taints) {
    edit({Kind::Node, "", "n1"}, [&](json::object& raw) { raw["spec"] = {{"taints", *parse_json(taints)}}; });
    settle();
  }
  bool leaving(const std::string& name) const { return get(Kind::Pod, name)->meta.deleting(); }

  LiveNodes nodes{"n1"};
  SilenceController silence{clock, cache, *store, nodes, /*shared=*/false};
};

TEST_F(TaintEvictionTest, PodsLeaveANodeThatIsThereAsTheyTolerateItsTaints) {
  taint(R"([{"key":"flood","effect":"NoExecute"}])");
  EXPECT_TRUE(leaving("goes"));
  EXPECT_THAT(events, Contains("TaintManagerEviction: Marking for deletion Pod default/goes"));
  EXPECT_FALSE(leaving("awhile"));
  pass(seconds(25));
  EXPECT_FALSE(leaving("awhile"));
  pass(seconds(6));
  EXPECT_TRUE(leaving("awhile"));
  EXPECT_FALSE(leaving("stays"));
  const auto conditions = get(Kind::Pod, "goes")->raw.at("status").at("conditions").as_array();
  EXPECT_EQ(find_string(conditions.at(0), {"reason"}), "DeletionByTaintManager");
}

TEST_F(TaintEvictionTest, ATaintThatIsTakenAwayInTimeEvictsNobody) {
  taint(R"([{"key":"flood","effect":"NoExecute"}])");
  pass(seconds(25));
  taint("[]");
  pass(seconds(60));
  EXPECT_FALSE(leaving("awhile"));
  taint(R"([{"key":"flood","effect":"NoExecute"}])");
  pass(seconds(25));
  EXPECT_FALSE(leaving("awhile")) << "counted anew";
}

TEST_F(TaintEvictionTest, APodThatComesToSuchANodeGoes) {
  taint(R"([{"key":"flood","effect":"NoExecute"}])");
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"late","namespace":"default"},
      "spec":{"nodeName":"n1","containers":[{"name":"c","image":"x"}]}})");
  settle();
  EXPECT_TRUE(leaving("late"));
}

}  // namespace
}  // namespace berth::agent
