// tests/agent/claim_owner_test.cpp - whose a claim and a volume are, where several hosts share a store; which volumes
// are one host's at a time.
#include "agent/claims/claim_owner.hpp"

#include <gtest/gtest.h>

#include "agent/claims/attachment.hpp"
#include "agent/claims/claim_plan.hpp"

namespace berth::agent {
namespace {

/// n1 (this one) and n2 are there, n3 is silent, and somebody said that n4 is lost; n5 has no Node any more.
class ClaimOwnerTest : public testing::Test {
 protected:
  ClaimOwnerTest() {
    live.take({{"live/n2", {.node = "n2", .version = {}, .since = {}}}});
    for (const auto* name : {"n1", "n2", "n3", "n4"}) {
      auto node = std::make_shared<model::Node>();
      node->meta.name = name;
      node->meta.labels = {{"kubernetes.io/hostname", name}, {"rack", name == std::string("n1") ? "a" : "b"}};
      if (name == std::string("n4")) {
        node->taints.push_back({"node.kubernetes.io/out-of-service", {}, "NoExecute"});
      }
      nodes[{"", name}] = node;
    }
    claim.meta.ns = "default";
    claim.meta.name = "data";
    claim.phase = "Pending";
  }

  static PodPtr pod(const char* name, const char* created, const char* node, const char* phase = "Pending") {
    auto out = std::make_shared<model::Pod>();
    out->meta.name = name;
    out->meta.creation_timestamp = created;
    out->spec.node_name = node;
    out->status.phase = phase;
    return out;
  }
  static std::vector<model::NodeSelectorTerm> only_on(const std::string& key, const std::string& value) {
    return {{.match_expressions = {{.key = key, .op = "In", .values = {value}}}, .match_fields = {}}};
  }
  std::string owner(const char* provisioner, const std::string& selected, const std::string& place) {
    storage_class.provisioner = provisioner;
    claim.meta.annotations.clear();
    if (!selected.empty()) claim.meta.annotations[std::string(kSelectedNode)] = selected;
    return shown(owner_of_claim(claim, nullptr, &storage_class, place, hosts));
  }
  static std::string shown(const Owner& owner) {
    return (owner.node.empty() ? "warden" : owner.node) + (owner.waits ? " waits" : "");
  }

  LiveNodes live{"n1"};
  Typed<model::Node> nodes;
  Hosts hosts{live, nodes};
  model::PersistentVolumeClaim claim;
  model::StorageClass storage_class;
  model::PersistentVolume volume;
};

TEST_F(ClaimOwnerTest, WhatIsLocalIsMadeWhereItsFirstPodIs) {
  EXPECT_EQ(owner("berth.io/directory", "", ""), "warden") << "who says that it waits for a pod";
  EXPECT_EQ(owner("berth.io/directory", "", "n2"), "n2");
  EXPECT_EQ(owner("berth.io/lvm", "n1", "n2"), "n1") << "it was given to another before";
  EXPECT_EQ(owner("berth.io/loop", "n3", "n2"), "n3 waits") << "it may have begun";
  EXPECT_EQ(owner("berth.io/loop", "n4", "n2"), "n2");
  EXPECT_EQ(owner("berth.io/loop", "n5", "n2"), "n2");
  EXPECT_EQ(owner("berth.io/loop", "", "n3"), "n3 waits");
}

TEST_F(ClaimOwnerTest, WhatAllReachIsTheWardensUnlessAnotherHasBegun) {
  EXPECT_EQ(owner("berth.io/nfs", "", "n2"), "warden");
  EXPECT_EQ(owner("berth.io/nfs", "n2", ""), "n2");
  EXPECT_EQ(owner("berth.io/nfs", "n3", ""), "warden") << "made twice it is the same directory";
  EXPECT_EQ(owner("berth.io/pool", "n3", ""), "n3 waits") << "made twice it would be two disks";
  EXPECT_EQ(owner("berth.io/pool", "n5", ""), "warden");
  EXPECT_EQ(owner("kubernetes.io/no-provisioner", "", "n2"), "warden") << "binding is but two writes";
  storage_class.parameters = {{"match", "/dev/disk/by-id/*"}};
  EXPECT_EQ(owner("berth.io/pool", "", "n2"), "n2") << "this host's disks";
}

TEST_F(ClaimOwnerTest, ABoundClaimIsItsVolumesOwners) {
  claim.phase = "Bound";
  EXPECT_EQ(shown(owner_of_claim(claim, nullptr, nullptr, "n2", hosts)), "warden") << "it is lost";
  EXPECT_EQ(shown(owner_of_claim(claim, &volume, nullptr, "n2", hosts)), "warden");
  volume.node_affinity = only_on("kubernetes.io/hostname", "n1");
  EXPECT_EQ(shown(owner_of_claim(claim, &volume, nullptr, "n2", hosts)), "n1");
}

TEST_F(ClaimOwnerTest, ContentIsRemovedByWhoSaidSoThenByWhoHasIt) {
  EXPECT_EQ(shown(owner_of_volume(volume, hosts)), "warden");
  volume.node_affinity = only_on("kubernetes.io/hostname", "n3");
  EXPECT_EQ(shown(owner_of_volume(volume, hosts)), "n3 waits") << "the same path elsewhere is not the same content";
  volume.node_affinity = only_on("rack", "b");
  EXPECT_EQ(shown(owner_of_volume(volume, hosts)), "n2") << "the first that is there";
  volume.node_affinity = only_on("kubernetes.io/hostname", "n5");
  EXPECT_EQ(shown(owner_of_volume(volume, hosts)), "warden") << "nobody has it, and somebody has to say so";
  volume.node_affinity.clear();
  volume.meta.annotations[std::string(kProvisionedOn)] = "n2";
  EXPECT_EQ(shown(owner_of_volume(volume, hosts)), "n2");
  volume.meta.annotations[std::string(kReclaiming)] = "n3";
  EXPECT_EQ(shown(owner_of_volume(volume, hosts)), "n3 waits") << "it may be at it yet";
  volume.meta.annotations[std::string(kReclaiming)] = "n4";
  EXPECT_EQ(shown(owner_of_volume(volume, hosts)), "n2");
}

TEST_F(ClaimOwnerTest, ANodeThatCannotBeReadIsNotLost) {
  hosts.is_unread = [](const std::string& node) { return node == "n5"; };
  EXPECT_FALSE(hosts.is_lost("n5"));
  EXPECT_TRUE(hosts.is_lost("n6"));
  volume.meta.annotations[std::string(kReclaiming)] = "n5";
  EXPECT_EQ(shown(owner_of_volume(volume, hosts)), "n5 waits");
}

TEST_F(ClaimOwnerTest, TheFirstPodIsTheOldestThatHasANodeAndGoesOn) {
  EXPECT_EQ(first_place({}), "");
  EXPECT_EQ(first_place({pod("a", "2026-11-21T10:00:00Z", "")}), "");
  EXPECT_EQ(first_place({pod("b", "2026-11-21T10:00:01Z", "n2"), pod("c", "2026-11-21T10:00:01Z", "n3"),
                         pod("a", "2026-11-21T10:00:00Z", ""), pod("d", "2026-11-21T09:00:00Z", "n1", "Succeeded")}),
            "n2");
}

TEST_F(ClaimOwnerTest, ADiskIsOneHostsWhateverItsAccessModesSay) {
  const auto needs = [&](std::vector<std::string> modes, model::PersistentSource source) {
    claim.access_modes = std::move(modes);
    volume.source = std::move(source);
    return needs_attachment(claim, volume);
  };
  EXPECT_TRUE(needs({"ReadWriteOnce"}, model::IscsiSource{}));
  EXPECT_TRUE(needs({"ReadWriteMany"}, model::IscsiSource{}));
  EXPECT_TRUE(needs({"ReadOnlyMany", "ReadWriteOnce"}, model::FcSource{}));
  EXPECT_FALSE(needs({"ReadOnlyMany"}, model::IscsiSource{})) << "mounted read-only everywhere";
  EXPECT_TRUE(needs({"ReadWriteOnce"}, model::NfsSource{})) << "one node";
  EXPECT_TRUE(needs({"ReadWriteOncePod"}, model::NfsSource{}));
  EXPECT_FALSE(needs({"ReadWriteMany"}, model::NfsSource{}));
  EXPECT_FALSE(needs({"ReadWriteOnce", "ReadOnlyMany"}, model::NfsSource{}));
  EXPECT_TRUE(needs({"ReadWriteOnce"}, model::LocalSource{}));
  volume.node_affinity = only_on("kubernetes.io/hostname", "n1");
  EXPECT_FALSE(needs({"ReadWriteOnce"}, model::LocalSource{})) << "no other reaches it";
  volume.node_affinity = only_on("rack", "b");
  EXPECT_TRUE(needs({"ReadWriteOnce"}, model::LocalSource{})) << "a disk that a rack shares";
}

TEST_F(ClaimOwnerTest, AnotherHostsVolumeIsSaidInKubernetesWords) {
  EXPECT_EQ(multi_attach_error("pv", "n2", {"web-0", "web-1"}),
            "Multi-Attach error for volume \"pv\" Volume is already used by pod(s) web-0, web-1 on node n2");
  EXPECT_EQ(multi_attach_error("pv", "n2", {}),
            "Multi-Attach error for volume \"pv\" Volume is already exclusively attached to one node and can't be "
            "attached to another: it is on node n2");
}

}  // namespace
}  // namespace berth::agent
