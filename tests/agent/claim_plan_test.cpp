// tests/agent/claim_plan_test.cpp - which volume a claim gets, how it grows, what becomes of volumes without claim.
#include "agent/claims/claim_plan.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "agent/claims/volume_fate.hpp"

namespace berth::agent {
namespace {

model::Quantity quantity(const char* text) { return *model::Quantity::parse(text); }

class ClaimPlanTest : public testing::Test {
 protected:
  ClaimPlanTest() {
    node.meta.name = "n1";
    node.meta.labels = {{"kubernetes.io/hostname", "n1"}};
  }

  model::PersistentVolumeClaim& add_claim(const std::string& name) {
    auto claim = std::make_shared<model::PersistentVolumeClaim>();
    claim->meta.name = name;
    claim->meta.ns = "default";
    claim->meta.uid = name + "-uid";
    claim->access_modes = {"ReadWriteOnce"};
    claim->request = quantity("1Gi");
    claim->storage_class_name = "";
    claim->phase = "Pending";
    claims[{"default", name}] = claim;
    return *claim;
  }
  model::PersistentVolume& add_volume(const std::string& name, const char* size) {
    auto volume = std::make_shared<model::PersistentVolume>();
    volume->meta.name = name;
    volume->capacity = quantity(size);
    volume->access_modes = {"ReadWriteOnce"};
    volume->phase = "Available";
    volume->source = model::HostPathSource{"/srv/" + name, ""};
    volumes[{"", name}] = volume;
    return *volume;
  }
  /// One that we made for the claim `data`, which is gone unless the test adds it.
  model::PersistentVolume& add_provisioned(const std::string& name, std::string_view provisioner) {
    auto& volume = add_volume(name, "1Gi");
    volume.claim_ns = "default";
    volume.claim_name = "data";
    volume.claim_uid = "data-uid";
    volume.phase = "Bound";
    volume.reclaim_policy = "Delete";
    volume.meta.annotations = {{std::string(kProvisionedBy), std::string(provisioner)},
                               {std::string(kParameters), R"({"vg":"data"})"}};
    return volume;
  }
  model::StorageClass& add_class(const std::string& name, const std::string& mode = "Immediate",
                                 std::string_view provisioner = kDirectoryProvisioner) {
    auto storage_class = std::make_shared<model::StorageClass>();
    storage_class->meta.name = name;
    storage_class->provisioner = provisioner;
    storage_class->volume_binding_mode = mode;
    classes[{"", name}] = storage_class;
    return *storage_class;
  }
  /// The plans of all names that there are, as the controller makes them: one after the other, none gets what another
  /// was given.
  ClaimPlan plan() {
    VolumeIndex index;
    std::set<Name> names;
    ClaimPlan all;
    for (const auto& [name, claim] : claims) names.insert(name);
    for (const auto& [name, volume] : volumes) {
      index.put(volume);
      if (volume->claim_name.empty()) {
        add(all, plan_unclaimed_volume(*volume));
      } else {
        names.insert({volume->claim_ns, volume->claim_name});
      }
    }
    for (const auto& name : names) {
      add(all, plan_claim({.claims = &claims, .volumes = &index, .classes = &classes, .node = &node, .use = uses[name]},
                          name));
      for (const auto& given : all.bind) index.give(given.volume);
    }
    return all;
  }
  static void add(ClaimPlan& all, const ClaimPlan& one) {
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(all.bind, one.bind);
    append(all.provision, one.provision);
    append(all.classes, one.classes);
    append(all.delegate, one.delegate);
    append(all.expand, one.expand);
    append(all.resized, one.resized);
    append(all.release, one.release);
    append(all.lost, one.lost);
    append(all.waiting, one.waiting);
    append(all.unprotect, one.unprotect);
    all.steps += one.steps;
  }
  WaitingClaim only_waiting() {
    const auto made = plan();
    EXPECT_EQ(made.waiting.size(), 1U);
    EXPECT_TRUE(made.bind.empty());
    EXPECT_TRUE(made.provision.empty());
    return made.waiting.empty() ? WaitingClaim{} : made.waiting.front();
  }

  // The same objects as the cache holds, but open to the test.
  template <typename T>
  using Open = Typed<T>;
  Open<model::PersistentVolumeClaim> claims;
  Open<model::PersistentVolume> volumes;
  Open<model::StorageClass> classes;
  std::map<Name, ClaimUse> uses;
  model::Node node;
  const Name data{"default", "data"};
};

TEST_F(ClaimPlanTest, TheSmallestVolumeThatFitsIsBound) {
  add_claim("data");
  add_volume("small", "500Mi");
  add_volume("large", "10Gi");
  add_volume("right", "2Gi");
  const auto made = plan();
  ASSERT_EQ(made.bind.size(), 1U);
  EXPECT_EQ(made.bind[0].volume, "right");
  EXPECT_TRUE(made.bind[0].chosen);
}

TEST_F(ClaimPlanTest, TwoClaimsNeverGetOneVolume) {
  add_claim("a");
  add_claim("b");
  add_volume("only", "1Gi");
  const auto made = plan();
  EXPECT_EQ(made.bind.size(), 1U);
  EXPECT_EQ(made.waiting.size(), 1U);
}

TEST_F(ClaimPlanTest, ModesClassSelectorAndVolumeModeHaveToFit) {
  auto& claim = add_claim("data");
  auto& volume = add_volume("one", "2Gi");
  claim.access_modes = {"ReadWriteMany"};
  EXPECT_TRUE(plan().bind.empty());
  claim.access_modes = {"ReadWriteOnce"};
  volume.storage_class_name = "fast";
  EXPECT_TRUE(plan().bind.empty());
  volume.storage_class_name = "";
  claim.selector.match_labels = {{"disk", "ssd"}};
  EXPECT_TRUE(plan().bind.empty());
  volume.meta.labels = {{"disk", "ssd"}};
  claim.volume_mode = "Block";
  EXPECT_TRUE(plan().bind.empty());
  volume.volume_mode = "Block";
  EXPECT_EQ(plan().bind.size(), 1U);
}

TEST_F(ClaimPlanTest, AVolumeThatIsAskedForByNameHasToFitAndSaysWhyItDoesNot) {
  auto& claim = add_claim("data");
  claim.volume_name = "pv";
  EXPECT_EQ(only_waiting().message, "persistentvolume \"pv\" not found");
  auto& volume = add_volume("pv", "500Mi");
  EXPECT_EQ(only_waiting().reason, "VolumeMismatch");
  EXPECT_EQ(only_waiting().message, "Cannot bind to requested volume \"pv\": requested PV is too small");
  volume.capacity = quantity("1Gi");
  volume.storage_class_name = "x";
  EXPECT_EQ(only_waiting().message, "Cannot bind to requested volume \"pv\": storageClassName does not match");
  volume.storage_class_name = "";
  volume.volume_mode = "Block";
  EXPECT_EQ(only_waiting().message, "Cannot bind to requested volume \"pv\": incompatible volumeMode");
  volume.volume_mode = "Filesystem";
  volume.access_modes = {"ReadOnlyMany"};
  EXPECT_EQ(only_waiting().message, "Cannot bind to requested volume \"pv\": incompatible accessMode");
  volume.access_modes = {"ReadWriteOnce"};
  volume.claim_ns = "default";
  volume.claim_name = "other";
  EXPECT_EQ(only_waiting().reason, "FailedBinding");
  EXPECT_EQ(only_waiting().message, "volume \"pv\" already bound to a different claim.");
  volume.claim_name = "data";
  const auto made = plan();
  ASSERT_EQ(made.bind.size(), 1U);
  EXPECT_FALSE(made.bind[0].chosen);
}

TEST_F(ClaimPlanTest, TheDefaultClassProvisionsWithTheFirstConsumer) {
  add_claim("data").storage_class_name.reset();
  add_class("directory", "WaitForFirstConsumer").meta.annotations = {
      {"storageclass.kubernetes.io/is-default-class", "true"}};
  EXPECT_EQ(only_waiting().reason, "WaitForFirstConsumer");
  ASSERT_EQ(plan().classes.size(), 1U) << "it shows what it waits for";
  EXPECT_EQ(plan().classes[0].storage_class, "directory");
  uses[data].here = true;
  const auto made = plan();
  ASSERT_EQ(made.provision.size(), 1U);
  EXPECT_EQ(made.provision[0].storage_class, "directory");
}

TEST_F(ClaimPlanTest, ALocalVolumeIsBoundWithTheFirstConsumerAndOnlyWhereItIs) {
  add_claim("data").storage_class_name = "local";
  add_class("local", "WaitForFirstConsumer", kNoProvisioner);
  auto& volume = add_volume("disk", "1Gi");
  volume.storage_class_name = "local";
  volume.source = model::LocalSource{"/dev/sdb", ""};
  volume.node_affinity = {{{{.key = "kubernetes.io/hostname", .op = "In", .values = {"n2"}}}, {}}};
  EXPECT_EQ(only_waiting().message, "waiting for first consumer to be created before binding");
  uses[data].here = true;
  EXPECT_EQ(only_waiting().message, "didn't find available persistent volumes to bind");
  volume.node_affinity[0].match_expressions[0].values = {"n1"};
  const auto made = plan();
  ASSERT_EQ(made.bind.size(), 1U);
  EXPECT_EQ(made.bind[0].volume, "disk");
}

TEST_F(ClaimPlanTest, ContentOnAnotherNodeIsNotLookedForHere) {
  add_class("directory", "WaitForFirstConsumer", kDirectoryProvisioner);
  auto& volume = add_volume("pvc-1", "1Gi");
  volume.storage_class_name = "directory";
  volume.source = model::LocalSource{"/var/lib/berth/volumes/default/data", ""};
  volume.node_affinity = {{{{.key = "kubernetes.io/hostname", .op = "In", .values = {"n2"}}}, {}}};
  volume.meta.annotations[std::string(kProvisionedBy)] = kDirectoryProvisioner;
  volume.reclaim_policy = "Delete";
  volume.claim_ns = "default";
  volume.claim_name = "data";
  volume.claim_uid = "gone";
  volume.phase = "Bound";
  auto made = plan();
  ASSERT_EQ(made.release.size(), 1U);
  EXPECT_EQ(made.release[0].fate, Fate::Refuse);
  EXPECT_EQ(made.release[0].message, "its content is on another node: see spec.nodeAffinity");
  volume.phase = "Failed";
  EXPECT_TRUE(plan().release.empty()) << "said once";
  volume.node_affinity[0].match_expressions[0].values = {"n1"};
  made = plan();
  ASSERT_EQ(made.release.size(), 1U);
  EXPECT_EQ(made.release[0].fate, Fate::Reclaim);
  EXPECT_FALSE(is_reachable(volume, nullptr)) << "nobody knows yet which node this is";
}

TEST_F(ClaimPlanTest, TheSamePathOnTwoNodesIsNotTheSameContent) {
  model::PersistentVolume a;
  a.source = model::LocalSource{"/var/lib/berth/volumes/default/data", ""};
  a.node_affinity = {{{{.key = "kubernetes.io/hostname", .op = "In", .values = {"n1"}}}, {}}};
  auto b = a;
  model::Node n1;
  n1.meta.labels = {{"kubernetes.io/hostname", "n1"}};
  EXPECT_TRUE(is_same_content(a, b, &n1));
  b.node_affinity.clear();
  EXPECT_TRUE(is_same_content(a, b, &n1)) << "made by hand, without a word where";
  b.node_affinity = {{{}, {{.key = "metadata.name", .op = "In", .values = {"n2"}}}}};
  EXPECT_FALSE(is_same_content(a, b, &n1));
  EXPECT_TRUE(is_same_content(a, b, nullptr)) << "nobody knows where this is";
  a.source = b.source = model::NfsSource{.server = "filer", .path = "/export"};
  EXPECT_TRUE(is_same_content(a, b, &n1)) << "a server's is";
}

TEST_F(ClaimPlanTest, AProvisionActionCarriesTheClassAndTheClaim) {
  auto& claim = add_claim("data");
  claim.storage_class_name = "lvm";
  claim.volume_mode = "Block";
  claim.request = quantity("1500M");
  auto& storage_class = add_class("lvm", "Immediate", "berth.io/lvm");
  storage_class.parameters = {{"vg", "data"}};
  storage_class.mount_options = {"noatime"};
  storage_class.reclaim_policy = "Retain";
  const auto made = plan();
  ASSERT_EQ(made.provision.size(), 1U);
  const auto& action = made.provision[0];
  EXPECT_EQ(action.provisioner, "berth.io/lvm");
  EXPECT_EQ(action.parameters, storage_class.parameters);
  EXPECT_EQ(action.mount_options, storage_class.mount_options);
  EXPECT_EQ(action.reclaim_policy, "Retain");
  EXPECT_EQ(action.volume_mode, "Block");
  EXPECT_EQ(action.capacity, "1500M");
  EXPECT_EQ(action.bytes, 1'500'000'000);
}

TEST_F(ClaimPlanTest, WhatAProvisionerCannotIsSaidBeforeItIsTried) {
  auto& claim = add_claim("data");
  claim.storage_class_name = "c";
  auto& storage_class = add_class("c", "Immediate", "berth.io/nfs");
  claim.volume_mode = "Block";
  EXPECT_EQ(only_waiting().message,
            "failed to provision volume with StorageClass \"c\": provisioner \"berth.io/nfs\" makes no raw block "
            "volumes");
  claim.volume_mode = "Filesystem";
  claim.selector.match_labels = {{"a", "b"}};
  EXPECT_EQ(only_waiting().message,
            "failed to provision volume with StorageClass \"c\": claim Selector is not supported");
  claim.selector = {};
  storage_class.mount_options = {"soft"};
  EXPECT_EQ(plan().provision.size(), 1U);
  storage_class.provisioner = kDirectoryProvisioner;
  EXPECT_EQ(only_waiting().reason, "ProvisioningFailed");
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
  add_claim("data").storage_class_name = "c";
  EXPECT_EQ(only_waiting().message, "storageclass.storage.k8s.io \"c\" not found");
  auto& storage_class = add_class("c", "Immediate", "kubernetes.io/aws-ebs");
  EXPECT_EQ(only_waiting().message, "no volume plugin matched name: kubernetes.io/aws-ebs");
  storage_class.provisioner = "berth.io/tape";
  EXPECT_EQ(only_waiting().message,
            "no volume plugin matched name: berth.io/tape; there are berth.io/directory, berth.io/nfs, berth.io/lvm, "
            "berth.io/loop, berth.io/pool");
}

TEST_F(ClaimPlanTest, AClaimOfSomebodyElsesProvisionerIsHandedOverOnce) {
  auto& claim = add_claim("data");
  claim.storage_class_name = "c";
  add_class("c", "Immediate", "example.com/nfs");
  EXPECT_EQ(only_waiting().reason, "ExternalProvisioning");
  ASSERT_EQ(plan().delegate.size(), 1U);
  EXPECT_EQ(plan().delegate[0].provisioner, "example.com/nfs");
  claim.meta.annotations["volume.kubernetes.io/storage-provisioner"] = "example.com/nfs";
  EXPECT_TRUE(plan().delegate.empty());
}

TEST_F(ClaimPlanTest, AReleasedVolumeWaitsForItsLastPodThenGoesByItsPolicy) {
  auto& volume = add_provisioned("pvc-1", "berth.io/lvm");
  uses[data].mounted = true;
  EXPECT_TRUE(plan().release.empty());
  uses.clear();
  const auto made = plan();
  ASSERT_EQ(made.release.size(), 1U);
  EXPECT_EQ(made.release[0].fate, Fate::Reclaim);
  EXPECT_EQ(made.release[0].provisioner, "berth.io/lvm");
  EXPECT_EQ(made.release[0].parameters, (model::StringMap{{"vg", "data"}}));
  EXPECT_EQ(std::get<model::HostPathSource>(made.release[0].source).path, "/srv/pvc-1");
  volume.phase = "Failed";
  EXPECT_EQ(plan().release.size(), 1U) << "what failed is tried again";
  volume.phase = "Bound";
  volume.reclaim_policy = "Retain";
  ASSERT_EQ(plan().release.size(), 1U);
  EXPECT_EQ(plan().release[0].fate, Fate::Keep);
  volume.phase = "Released";
  EXPECT_TRUE(plan().release.empty()) << "kept, and said once";
}

TEST_F(ClaimPlanTest, AClaimMadeAgainKeepsItsContentUnlessItCameFromAPool) {
  auto& volume = add_provisioned("pvc-1", "berth.io/loop");
  auto& claim = add_claim("data");
  claim.meta.uid = "new-uid";
  ASSERT_EQ(plan().release.size(), 1U);
  EXPECT_EQ(plan().release[0].fate, Fate::Drop);
  volume.meta.annotations[std::string(kProvisionedBy)] = "berth.io/pool";
  ASSERT_EQ(plan().release.size(), 1U);
  EXPECT_EQ(plan().release[0].fate, Fate::Reclaim);
  // It got something else: the old content serves nobody.
  volume.meta.annotations[std::string(kProvisionedBy)] = "berth.io/loop";
  claim.phase = "Bound";
  claim.volume_name = "static";
  auto& other = add_volume("static", "1Gi");
  other.claim_ns = "default";
  other.claim_name = "data";
  other.claim_uid = "new-uid";
  ASSERT_EQ(plan().release.size(), 1U);
  EXPECT_EQ(plan().release[0].fate, Fate::Reclaim);
  other.source = volume.source;
  ASSERT_EQ(plan().release.size(), 1U);
  EXPECT_EQ(plan().release[0].fate, Fate::Drop);
}

TEST_F(ClaimPlanTest, AnOldObjectOfContentThatAClaimMadeAgainUsesGoesAtOnceAndTheContentStays) {
  auto& old = add_provisioned("pvc-1", "berth.io/pool");
  auto& claim = add_claim("data");
  claim.meta.uid = "new-uid";
  claim.phase = "Bound";
  claim.volume_name = "pvc-2";
  auto& own = add_provisioned("pvc-2", "berth.io/pool");
  own.claim_uid = "new-uid";
  own.source = old.source;
  uses[{"default", "data"}].mounted = true;
  ASSERT_EQ(plan().release.size(), 1U);
  EXPECT_EQ(plan().release[0].volume, "pvc-1");
  EXPECT_EQ(plan().release[0].fate, Fate::Drop);
  own.source = model::LocalSource{"/another", ""};
  EXPECT_TRUE(plan().release.empty()) << "somebody may still have the old content mounted";
}

TEST_F(ClaimPlanTest, ContentThatAnotherVolumeRetainsIsNotDeleted) {
  add_provisioned("pvc-1", "berth.io/loop").source = model::LocalSource{"/img", ""};
  auto& kept = add_provisioned("pvc-2", "berth.io/loop");
  kept.source = model::LocalSource{"/img", ""};
  kept.reclaim_policy = "Retain";
  kept.phase = "Released";
  kept.claim_uid = "older-uid";
  auto made = plan();
  ASSERT_EQ(made.release.size(), 1U);
  EXPECT_EQ(made.release[0].fate, Fate::Drop);
  kept.source = model::LocalSource{"/img2", ""};
  made = plan();
  ASSERT_EQ(made.release.size(), 1U);
  EXPECT_EQ(made.release[0].fate, Fate::Reclaim);
}

TEST_F(ClaimPlanTest, AStaticVolumeIsNeverDeletedWithItsContent) {
  auto& volume = add_provisioned("disk", "");
  volume.meta.annotations.clear();
  auto made = plan();
  ASSERT_EQ(made.release.size(), 1U);
  EXPECT_EQ(made.release[0].fate, Fate::Refuse);
  EXPECT_EQ(made.release[0].reason, "VolumeFailedDelete");
  EXPECT_EQ(made.release[0].message,
            "error getting deleter volume plugin for volume \"disk\": no deletable volume plugin matched");
  volume.reclaim_policy = "Recycle";
  made = plan();
  ASSERT_EQ(made.release.size(), 1U);
  EXPECT_EQ(made.release[0].reason, "VolumeFailedRecycle");
  volume.phase = "Failed";
  EXPECT_TRUE(plan().release.empty());
  // One that somebody else's provisioner made is that one's to delete.
  volume.phase = "Bound";
  volume.reclaim_policy = "Delete";
  volume.meta.annotations[std::string(kProvisionedBy)] = "example.com/nfs";
  ASSERT_EQ(plan().release.size(), 1U);
  EXPECT_EQ(plan().release[0].fate, Fate::Keep);
}

TEST_F(ClaimPlanTest, AClaimThatAsksForMoreIsExpandedWhenItsClassAllows) {
  auto& claim = add_claim("data");
  claim.phase = "Bound";
  claim.volume_name = "pvc-1";
  claim.capacity = quantity("1Gi");
  claim.request = quantity("2Gi");
  auto& volume = add_provisioned("pvc-1", "berth.io/lvm");
  volume.storage_class_name = "c";
  auto& storage_class = add_class("c", "Immediate", "berth.io/lvm");
  EXPECT_TRUE(plan().expand.empty());
  EXPECT_EQ(only_waiting().reason, "VolumeResizeFailed");
  storage_class.allow_volume_expansion = true;
  auto made = plan();
  ASSERT_EQ(made.expand.size(), 1U);
  EXPECT_EQ(made.expand[0].bytes, 2LL * 1024 * 1024 * 1024);
  EXPECT_EQ(made.expand[0].provisioner, "berth.io/lvm");
  EXPECT_EQ(made.expand[0].parameters, (model::StringMap{{"vg", "data"}}));
  EXPECT_TRUE(made.expand[0].mount_grows) << "nobody has it mounted";
  uses[data] = {.here = true, .mounted = true, .held = true, .running = true};
  EXPECT_FALSE(plan().expand.at(0).mount_grows);
  classes.clear();
  EXPECT_EQ(plan().expand.size(), 1U) << "a class that is gone forbids nothing";
  volume.meta.annotations[std::string(kProvisionedBy)] = "berth.io/pool";
  EXPECT_EQ(only_waiting().message,
            "resize volume \"pvc-1\" failed: provisioner \"berth.io/pool\" cannot make volumes larger");
}

TEST_F(ClaimPlanTest, AGrownVolumeIsReportedWhenItsFileSystemHasGrownToo) {
  auto& claim = add_claim("data");
  claim.phase = "Bound";
  claim.volume_name = "pvc-1";
  claim.capacity = quantity("1Gi");
  claim.request = quantity("2Gi");
  auto& volume = add_provisioned("pvc-1", "berth.io/loop");
  volume.capacity = quantity("2Gi");
  EXPECT_TRUE(plan().resized.empty());
  uses[data] = {.here = true, .mounted = true, .held = true, .running = true};
  ASSERT_EQ(plan().resized.size(), 1U);
  EXPECT_EQ(plan().resized[0].capacity, "2Gi");
  uses.clear();
  volume.volume_mode = "Block";
  EXPECT_EQ(plan().resized.size(), 1U) << "no file system to wait for";
  claim.capacity = quantity("2Gi");
  EXPECT_TRUE(plan().resized.empty());
}

TEST_F(ClaimPlanTest, ABoundClaimWithoutItsVolumeIsLostAndFoundAgain) {
  auto& claim = add_claim("data");
  claim.phase = "Bound";
  claim.volume_name = "pvc-1";
  ASSERT_EQ(plan().lost.size(), 1U);
  EXPECT_EQ(plan().lost[0].volume, "pvc-1");
  claim.phase = "Lost";
  const auto quiet = plan();
  EXPECT_TRUE(quiet.lost.empty());
  EXPECT_TRUE(quiet.waiting.empty()) << "said when it was lost";
  add_provisioned("pvc-1", kDirectoryProvisioner);
  ASSERT_EQ(plan().bind.size(), 1U);
  EXPECT_EQ(plan().bind[0].volume, "pvc-1");
}

TEST_F(ClaimPlanTest, AClaimBeingDeletedIsProtectedWhileAPodHoldsIt) {
  auto& claim = add_claim("data");
  claim.phase = "Bound";
  claim.meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  claim.meta.finalizers = {"kubernetes.io/pvc-protection"};
  uses[data].held = true;
  EXPECT_TRUE(plan().unprotect.empty());
  uses.clear();
  ASSERT_EQ(plan().unprotect.size(), 1U);
  EXPECT_EQ(plan().unprotect[0].key.name, "data");
}

TEST_F(ClaimPlanTest, AVolumeBeingDeletedIsProtectedWhileItsClaimIsThere) {
  add_claim("data").phase = "Bound";
  auto& volume = add_provisioned("pv", "example.com/nfs");
  volume.meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  volume.meta.finalizers = {"kubernetes.io/pv-protection"};
  EXPECT_TRUE(plan().unprotect.empty());
  claims.clear();
  volume.phase = "Released";
  ASSERT_EQ(plan().unprotect.size(), 1U);
  EXPECT_EQ(plan().unprotect[0].key.name, "pv");
}

TEST_F(ClaimPlanTest, AReclaimedVolumeThatAFinalizerKeepsIsNotReclaimedAgain) {
  auto& volume = add_provisioned("pv", kDirectoryProvisioner);
  volume.phase = "Released";
  EXPECT_EQ(plan().release.size(), 1U);
  volume.meta.deletion_timestamp = "2026-11-21T10:00:00Z";
  volume.meta.finalizers = {"x.io/hold"};
  EXPECT_TRUE(plan().release.empty());
}

TEST_F(ClaimPlanTest, APlanGrowsWithClaimsAndVolumesNotWithTheirProduct) {
  constexpr int kClaims = 100;
  constexpr int kVolumes = 1000;
  for (int i = 0; i < kClaims; ++i) add_claim(fmt::format("data-db-{}", i));
  for (int i = 0; i < kVolumes; ++i) add_volume(fmt::format("pv-{}", i), i % 2 == 0 ? "1Gi" : "500Mi");
  const auto made = plan();
  EXPECT_EQ(made.bind.size(), static_cast<std::size_t>(kClaims));
  EXPECT_LE(made.steps, static_cast<std::size_t>(kVolumes + 2 * kClaims));
}

}  // namespace
}  // namespace berth::agent
