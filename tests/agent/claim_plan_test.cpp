// tests/agent/claim_plan_test.cpp - which volume a claim gets.
#include "agent/claim_plan.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

model::Quantity quantity(const char* text) { return *model::Quantity::parse(text); }

class ClaimPlanTest : public testing::Test {
 protected:
  ClaimPlanTest() { node.meta.name = "n1"; }

  model::PersistentVolumeClaim& add_claim(const std::string& name) {
    model::PersistentVolumeClaim claim;
    claim.meta.name = name;
    claim.meta.ns = "default";
    claim.meta.uid = name + "-uid";
    claim.access_modes = {"ReadWriteOnce"};
    claim.request = quantity("1Gi");
    claim.storage_class_name = "";
    claim.phase = "Pending";
    facts.claims.push_back(claim);
    return facts.claims.back();
  }
  model::PersistentVolume& add_volume(const std::string& name, const char* size) {
    model::PersistentVolume volume;
    volume.meta.name = name;
    volume.capacity = quantity(size);
    volume.access_modes = {"ReadWriteOnce"};
    volume.phase = "Available";
    volume.source = model::HostPathSource{"/srv/" + name, ""};
    facts.volumes.push_back(volume);
    return facts.volumes.back();
  }
  model::StorageClass& add_class(const std::string& name, const std::string& mode = "Immediate") {
    model::StorageClass storage_class;
    storage_class.meta.name = name;
    storage_class.provisioner = kDirectoryProvisioner;
    storage_class.volume_binding_mode = mode;
    facts.classes.push_back(storage_class);
    return facts.classes.back();
  }
  ClaimPlan plan() {
    facts.node = &node;
    return plan_claims(facts);
  }

  model::Node node;
  ClaimFacts facts;
};

TEST_F(ClaimPlanTest, TheSmallestVolumeThatFitsIsBound) {
  add_claim("data");
  add_volume("small", "500Mi");
  add_volume("large", "10Gi");
  add_volume("right", "2Gi");
  const auto made = plan();
  ASSERT_EQ(made.bind.size(), 1U);
  EXPECT_EQ(made.bind[0].volume, "right");
}

TEST_F(ClaimPlanTest, TwoClaimsNeverGetOneVolume) {
  add_claim("a");
  add_claim("b");
  add_volume("only", "1Gi");
  const auto made = plan();
  EXPECT_EQ(made.bind.size(), 1U);
  EXPECT_EQ(made.waiting.size(), 1U);
}

TEST_F(ClaimPlanTest, ModesClassAndSelectorHaveToFit) {
  add_claim("data").access_modes = {"ReadWriteMany"};
  add_volume("one", "2Gi");
  EXPECT_TRUE(plan().bind.empty());
  facts.claims[0].access_modes = {"ReadWriteOnce"};
  facts.volumes[0].storage_class_name = "fast";
  EXPECT_TRUE(plan().bind.empty());
  facts.volumes[0].storage_class_name = "";
  facts.claims[0].selector.match_labels = {{"disk", "ssd"}};
  EXPECT_TRUE(plan().bind.empty());
  facts.volumes[0].meta.labels = {{"disk", "ssd"}};
  EXPECT_EQ(plan().bind.size(), 1U);
}

TEST_F(ClaimPlanTest, TheDefaultClassProvisionsWithTheFirstConsumer) {
  add_claim("data").storage_class_name.reset();
  add_class("directory", "WaitForFirstConsumer").meta.annotations = {
      {"storageclass.kubernetes.io/is-default-class", "true"}};
  auto made = plan();
  EXPECT_TRUE(made.provision.empty());
  ASSERT_EQ(made.waiting.size(), 1U);
  EXPECT_EQ(made.waiting[0].reason, "WaitForFirstConsumer");
  facts.used.insert({"default", "data"});
  made = plan();
  ASSERT_EQ(made.provision.size(), 1U);
  EXPECT_EQ(made.provision[0].storage_class, "directory");
}

TEST_F(ClaimPlanTest, AVolumeMadeBeforeACrashIsBoundNotMadeAgain) {
  add_claim("data").storage_class_name = "directory";
  add_class("directory");
  auto& volume = add_volume("pvc-data-uid", "1Gi");
  volume.storage_class_name = "directory";
  volume.claim_ns = "default";
  volume.claim_name = "data";
  volume.claim_uid = "data-uid";
  volume.phase = "Bound";
  const auto made = plan();
  EXPECT_TRUE(made.provision.empty());
  ASSERT_EQ(made.bind.size(), 1U);
  EXPECT_EQ(made.bind[0].volume, "pvc-data-uid");
}

TEST_F(ClaimPlanTest, AnUnknownClassOrProvisionerSaysSo) {
  add_claim("data").storage_class_name = "nfs";
  auto made = plan();
  ASSERT_EQ(made.waiting.size(), 1U);
  EXPECT_NE(made.waiting[0].message.find("\"nfs\" not found"), std::string::npos);
  add_class("nfs").provisioner = "example.com/nfs";
  made = plan();
  ASSERT_EQ(made.waiting.size(), 1U);
  EXPECT_NE(made.waiting[0].message.find("example.com/nfs"), std::string::npos);
}

TEST_F(ClaimPlanTest, AReleasedVolumeWaitsForItsLastPodThenGoesByItsPolicy) {
  auto& volume = add_volume("pvc-1", "1Gi");
  volume.claim_ns = "default";
  volume.claim_name = "data";
  volume.claim_uid = "old-uid";
  volume.phase = "Bound";
  volume.reclaim_policy = "Delete";
  volume.meta.annotations = {{"pv.kubernetes.io/provisioned-by", std::string(kDirectoryProvisioner)}};
  facts.mounted.insert({"default", "data"});
  EXPECT_TRUE(plan().release.empty());
  facts.mounted.clear();
  ASSERT_EQ(plan().release.size(), 1U);
  EXPECT_TRUE(plan().release[0].reclaim);
  facts.volumes[0].reclaim_policy = "Retain";
  EXPECT_FALSE(plan().release[0].reclaim);
  facts.volumes[0].phase = "Released";
  EXPECT_TRUE(plan().release.empty()) << "kept, and said once";
}

TEST_F(ClaimPlanTest, AStaticVolumeIsNeverDeletedWithItsContent) {
  auto& volume = add_volume("disk", "1Gi");
  volume.claim_ns = "default";
  volume.claim_name = "data";
  volume.claim_uid = "old-uid";
  volume.reclaim_policy = "Delete";
  ASSERT_EQ(plan().release.size(), 1U);
  EXPECT_FALSE(plan().release[0].reclaim);
}

TEST_F(ClaimPlanTest, AClaimBeingDeletedIsProtectedWhileAPodThatWasThereBeforeHoldsIt) {
  auto& claim = add_claim("data");
  claim.phase = "Bound";
  claim.meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  claim.meta.finalizers = {"kubernetes.io/pvc-protection"};
  facts.held = {{"default", "data"}};
  EXPECT_TRUE(plan().unprotect.empty());
  facts.held.clear();
  ASSERT_EQ(plan().unprotect.size(), 1U);
  EXPECT_EQ(plan().unprotect[0].key.name, "data");

  model::Pod pod;
  pod.meta.creation_timestamp = "2026-11-21T09:00:00Z";
  EXPECT_TRUE(holds_claim(pod, claim));
  pod.meta.creation_timestamp = "2026-11-21T10:00:01Z";  // Its successor's.
  EXPECT_FALSE(holds_claim(pod, claim));
  claim.meta.deletion_timestamp.clear();
  EXPECT_TRUE(holds_claim(pod, claim));
}

TEST_F(ClaimPlanTest, AVolumeBeingDeletedIsProtectedWhileItsClaimIsThere) {
  auto& claim = add_claim("data");
  claim.phase = "Bound";
  auto& volume = add_volume("pv", "1Gi");
  volume.phase = "Bound";
  volume.claim_ns = "default";
  volume.claim_name = "data";
  volume.claim_uid = "data-uid";
  volume.meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  volume.meta.finalizers = {"kubernetes.io/pv-protection"};
  EXPECT_TRUE(plan().unprotect.empty());
  facts.claims.clear();
  facts.volumes[0].phase = "Released";
  ASSERT_EQ(plan().unprotect.size(), 1U);
  EXPECT_EQ(plan().unprotect[0].key.name, "pv");
}

TEST_F(ClaimPlanTest, AReclaimedVolumeThatAFinalizerKeepsIsNotReclaimedAgain) {
  auto& volume = add_volume("pv", "1Gi");
  volume.phase = "Released";
  volume.claim_ns = "default";
  volume.claim_name = "data";
  volume.claim_uid = "data-uid";
  volume.reclaim_policy = "Delete";
  volume.meta.annotations = {{"pv.kubernetes.io/provisioned-by", std::string(kDirectoryProvisioner)}};
  EXPECT_EQ(plan().release.size(), 1U);
  facts.volumes[0].meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  facts.volumes[0].meta.finalizers = {"x.io/hold"};
  EXPECT_TRUE(plan().release.empty());
}

}  // namespace
}  // namespace berth::agent
