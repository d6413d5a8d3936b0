// tests/model/deletion_test.cpp - marking for deletion: the grace that a pod gets, which only shrinks.
#include "model/deletion.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace berth::model {
namespace {

const WallTime kNow = *parse_rfc3339("2026-11-21T10:00:00Z");

json::object pod(std::int64_t grace) {
  return {{"metadata", {{"name", "web-0"}}}, {"spec", {{"terminationGracePeriodSeconds", grace}}}};
}

std::string end_of(const json::object& raw) {
  return std::string(find_string(json::value(raw), {"metadata", "deletionTimestamp"}));
}

TEST(MarkDeletedTest, ThePodHasItsGraceOrTheOneAskedFor) {
  auto raw = pod(30);
  EXPECT_TRUE(mark_deleted(Kind::Pod, raw, std::nullopt, kNow));
  EXPECT_EQ(end_of(raw), "2026-11-21T10:00:30Z");
  EXPECT_FALSE(mark_deleted(Kind::Pod, raw, 60, kNow)) << "it only shrinks";
  EXPECT_TRUE(mark_deleted(Kind::Pod, raw, 5, kNow));
  EXPECT_EQ(end_of(raw), "2026-11-21T10:00:05Z");
  EXPECT_EQ(raw.at("metadata").at("deletionGracePeriodSeconds").as_int64(), 5);
}

TEST(MarkDeletedTest, AGraceBeyondAllTimeEndsLaterNotBefore) {
  for (const auto grace : {std::int64_t{9'999'999'999}, std::numeric_limits<std::int64_t>::max()}) {
    auto raw = pod(grace);
    EXPECT_TRUE(mark_deleted(Kind::Pod, raw, std::nullopt, kNow));
    EXPECT_GT(*parse_rfc3339(end_of(raw)), kNow + std::chrono::hours(24 * 365)) << end_of(raw);
    EXPECT_EQ(raw.at("metadata").at("deletionGracePeriodSeconds").as_int64(), grace);
  }
}

TEST(MarkDisruptedTest, IsOneConditionBesideTheOthersAndSaysWhatCameFirst) {
  auto raw = pod(30);
  raw["status"] = {{"conditions", json::array{{{"type", "Ready"}, {"status", "True"}}}}};
  mark_disrupted(raw, "EvictionByEvictionAPI", "Eviction API: evicting", kNow);
  mark_disrupted(raw, "PreemptionByScheduler", "later", kNow + std::chrono::seconds(1));
  const auto& conditions = raw.at("status").at("conditions").as_array();
  ASSERT_EQ(conditions.size(), 2U);
  EXPECT_EQ(json::serialize(conditions[1]),
            R"({"type":"DisruptionTarget","status":"True","lastProbeTime":null,)"
            R"("lastTransitionTime":"2026-11-21T10:00:00Z","reason":"EvictionByEvictionAPI",)"
            R"("message":"Eviction API: evicting"})");
}

}  // namespace
}  // namespace berth::model
