// tests/agent/health_parts_test.cpp - what a load balancer hears of, and what it does not.
#include "agent/health_parts.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

HealthFacts well() {
  model::SourceStatus source;
  source.name = "directory:/x";
  source.read_at = WallTime{};
  return {.containerd = Ok{}, .store = {}, .recovered = true, .sources = {source}};
}

/// The parts that are not well, and why.
std::string unwell(const HealthFacts& facts) {
  std::string out;
  for (const auto& [part, status] : health_parts(facts)) {
    if (!status) out += (out.empty() ? "" : "; ") + part + ": " + status.error().message();
  }
  return out;
}

TEST(HealthParts, AreFourInThisOrder) {
  const auto parts = health_parts(well());
  ASSERT_EQ(parts.size(), 4U);
  EXPECT_EQ(parts[0].first + parts[1].first + parts[2].first + parts[3].first, "containerdstorerecoverysources");
  EXPECT_EQ(unwell(well()), "");
}

TEST(HealthParts, EachForItself) {
  auto facts = well();
  facts.containerd = Error(ErrorCode::Unavailable, "no answer");
  EXPECT_EQ(unwell(facts), "containerd: no answer");
  facts = well();
  facts.recovered = false;
  EXPECT_EQ(unwell(facts), "recovery: what runs here is not known yet");
  facts = well();
  facts.store.push_back({.what = "berth.db", .reason = "was removed", .kind = "", .ns = "", .name = ""});
  EXPECT_EQ(unwell(facts), "store: berth.db was removed");
}

TEST(HealthParts, ARowThatCannotBeReadCostsNobodyTheHost) {
  auto facts = well();
  facts.store.push_back({.what = "Pod default/a", .reason = "no JSON", .kind = "Pod", .ns = "default", .name = "a"});
  EXPECT_EQ(unwell(facts), "");
}

TEST(HealthParts, ASourceThatWasNeverReadIsWaitedForOneThatCannotBeReadIsNot) {
  auto facts = well();
  facts.sources.emplace_back().name = "url:https://x";
  EXPECT_EQ(unwell(facts), "sources: url:https://x was not read yet");
  facts.sources.back().error = "no route";
  EXPECT_EQ(unwell(facts), "");
}

}  // namespace
}  // namespace berth::agent
