// tests/agent/claim_use_test.cpp - who uses a claim, and who may.
#include "agent/claims/claim_use.hpp"

#include <gmock/gmock.h>

namespace berth::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

model::Pod pod(const std::string& name, const std::string& claim, const std::string& created = "2026-11-21T10:00:00Z") {
  model::Pod made;
  made.meta.name = name;
  made.meta.ns = "default";
  made.meta.uid = name + "-uid";
  made.meta.creation_timestamp = created;
  if (!claim.empty()) made.spec.volumes.push_back({"v", model::ClaimSource{claim, false}});
  return made;
}

TEST(HoldsClaim, APodThatWasThereBeforeTheClaimsDeletionHoldsItAndALaterOneDoesNot) {
  model::PersistentVolumeClaim claim;
  claim.meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  EXPECT_TRUE(holds_claim(pod("a", "data", "2026-11-21T09:00:00Z"), claim));
  EXPECT_FALSE(holds_claim(pod("a", "data", "2026-11-21T10:00:01Z"), claim)) << "its successor's";
  claim.meta.deletion_timestamp.clear();
  EXPECT_TRUE(holds_claim(pod("a", "data", "2026-11-21T10:00:01Z"), claim));
}

TEST(GoesBefore, TheOneThatBeganThenTheOlderThenTheName) {
  const auto old = pod("b", "data", "2026-11-21T09:00:00Z");
  auto young = pod("a", "data", "2026-11-21T10:00:00Z");
  EXPECT_TRUE(goes_before(old, young));
  EXPECT_FALSE(goes_before(young, old));
  EXPECT_FALSE(goes_before(old, old)) << "nobody is in its own way";
  young.status.pod_ip = "10.0.0.1";
  EXPECT_TRUE(goes_before(young, old));
  young.status.phase = "Succeeded";
  EXPECT_FALSE(goes_before(young, old)) << "it has ended";
  EXPECT_TRUE(goes_before(pod("a", "data"), pod("b", "data")));
}

}  // namespace
}  // namespace berth::agent
