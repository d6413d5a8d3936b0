// tests/agent/claim_controller_test.cpp - claims on a memory store and volumes that are not there.
#include "agent/claims/claim_controller.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/claims/claim_objects.hpp"
#include "agent/claims/volume_parameters.hpp"
#include "model/deletion.hpp"
#include "tests/agent/controller_fixture.hpp"
#include "tests/fakes/fake_volumes.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ClaimControllerTest : public ControllerFixture {
 protected:
  ClaimControllerTest() {
    put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","labels":{"kubernetes.io/hostname":"n1"}}})");
    put_class("loop", "berth.io/loop");
  }

  void go() { begin({claims.row()}); }
  void put_class(const std::string& name, const std::string& provisioner) {
    put(fmt::format(R"({{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{{"name":"{}"}},
        "provisioner":"{}","parameters":{{"fsType":"xfs"}},"mountOptions":["noatime"],"reclaimPolicy":"Delete",
        "volumeBindingMode":"Immediate","allowVolumeExpansion":true}})",
                    name, provisioner));
  }
  void put_claim(const std::string& name, const std::string& mode = "ReadWriteOnce",
                 const std::string& storage_class = "loop") {
    put(fmt::format(
        R"({{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{{"name":"{}","namespace":"default",
        "uid":"{}-uid","finalizers":["kubernetes.io/pvc-protection"]}},"spec":{{"accessModes":["{}"],
        "storageClassName":"{}","volumeMode":"Filesystem","resources":{{"requests":{{"storage":"1Gi"}}}}}},
        "status":{{"phase":"Pending"}}}})",
        name, name, mode, storage_class));
  }
  void put_pod(const std::string& name, const std::string& claim, const std::string& phase = "Pending",
               const std::string& created = "2026-11-21T10:00:00Z") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default","uid":"{}-uid",
        "creationTimestamp":"{}"}},"spec":{{"nodeName":"n1","containers":[{{"name":"c","image":"x"}}],"volumes":[
        {{"name":"v","persistentVolumeClaim":{{"claimName":"{}"}}}}]}},"status":{{"phase":"{}"}}}})",
                    name, name, created, claim, phase));
  }
  std::string phase(Kind kind, const std::string& name) {
    const auto object = get(kind, name, kind == Kind::PersistentVolume ? "" : "default");
    return object ? std::string(find_string(json::value(object->raw), {"status", "phase"})) : "gone";
  }
  std::string at(Kind kind, const std::string& name, std::initializer_list<std::string_view> path) {
    const auto object = get(kind, name, kind == Kind::PersistentVolume ? "" : "default");
    return object ? std::string(find_string(json::value(object->raw), path)) : "gone";
  }
  std::string resolve(const std::string& pod, const std::string& claim) {
    volumes::BoundClaim bound;
    return claims.resolve(*cache.pods().at({"default", pod}), claim, bound);
  }
  std::size_t said(std::string_view reason) const {
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const auto& line) { return line.find(reason) == 0; }));
  }

  std::unique_ptr<Lane> lane = make_inline_lane();
  volumes::FakeVolumes volumes;
  std::vector<std::string> kicked;
  ClaimController claims{{.loop = loop,
                          .clock = clock,
                          .lane = *lane,
                          .cache = cache,
                          .store = *store,
                          .volumes = volumes,
                          .node_name = "n1",
                          .kick = [this](const std::string& uid) { kicked.push_back(uid); }}};
};

TEST_F(ClaimControllerTest, AClaimIsProvisionedBoundAndSaysSo) {
  put_claim("data");
  go();
  EXPECT_EQ(phase(Kind::PersistentVolumeClaim, "data"), "Bound");
  EXPECT_EQ(at(Kind::PersistentVolumeClaim, "data", {"spec", "volumeName"}), "pvc-data-uid");
  EXPECT_EQ(at(Kind::PersistentVolumeClaim, "data", {"status", "capacity", "storage"}), "1Gi");
  EXPECT_EQ(phase(Kind::PersistentVolume, "pvc-data-uid"), "Bound");
  const auto volume = cache.volumes().at({"", "pvc-data-uid"});
  EXPECT_EQ(volume->mount_options, (std::vector<std::string>{"noatime"}));
  EXPECT_EQ(volume->meta.annotations.at("pv.kubernetes.io/provisioned-by"), "berth.io/loop");
  EXPECT_EQ(parameters_of(*volume), (model::StringMap{{"fsType", "xfs"}}));
  EXPECT_FALSE(volume->node_affinity.empty()) << "only this host has it";
  EXPECT_THAT(events, testing::ElementsAre("Provisioning: External provisioner is provisioning volume for claim "
                                           "\"default/data\"",
                                           "ProvisioningSucceeded: Successfully provisioned volume pvc-data-uid"));
}

TEST_F(ClaimControllerTest, WhatFailsIsSaidToThePodAndTriedAgainWhenTheClassChanges) {
  volumes.fail_next("provision", Error(ErrorCode::InvalidArgument, "parameter size: must be small"));
  put_claim("data");
  put_pod("p", "data");
  go();
  EXPECT_EQ(phase(Kind::PersistentVolumeClaim, "data"), "Pending");
  EXPECT_EQ(resolve("p", "data"),
            "persistentvolumeclaim \"data\" is not bound: failed to provision volume with StorageClass \"loop\": "
            "parameter size: must be small");
  EXPECT_THAT(kicked, Contains("p-uid"));
  EXPECT_EQ(volumes.calls().size(), 1U) << "with patience";
  edit({Kind::StorageClass, "", "loop"}, [](json::object& raw) {
    raw["metadata"].get_object()["labels"] = {{"a", "b"}};
  });
  settle();
  EXPECT_EQ(phase(Kind::PersistentVolumeClaim, "data"), "Bound");
  EXPECT_EQ(resolve("p", "data"), "");
}

TEST_F(ClaimControllerTest, ADeletedClaimTakesItsVolumeAlong) {
  put_claim("data");
  go();
  remove({Kind::PersistentVolumeClaim, "default", "data"});
  settle();
  EXPECT_THAT(volumes.calls(), Contains("reclaim default/data"));
  EXPECT_EQ(phase(Kind::PersistentVolume, "pvc-data-uid"), "gone");
}

TEST_F(ClaimControllerTest, AVolumeThatCannotBeRemovedIsFailedAndKept) {
  put_claim("data");
  go();
  volumes.fail_next("reclaim", Error(ErrorCode::FailedPrecondition, "still in use"));
  remove({Kind::PersistentVolumeClaim, "default", "data"});
  settle();
  EXPECT_EQ(phase(Kind::PersistentVolume, "pvc-data-uid"), "Failed");
  EXPECT_EQ(at(Kind::PersistentVolume, "pvc-data-uid", {"status", "message"}), "still in use");
  EXPECT_EQ(said("VolumeFailedDelete: still in use"), 1U);
}

TEST_F(ClaimControllerTest, AGrownClaimWaitsForItsFileSystemUnlessItIsMounted) {
  put_claim("data");
  go();
  const auto grow = [&](const char* size) {
    edit({Kind::PersistentVolumeClaim, "default", "data"}, [size](json::object& raw) {
      raw["spec"].get_object()["resources"] = {{"requests", {{"storage", size}}}};
    });
    settle();
  };
  grow("2Gi");
  EXPECT_EQ(at(Kind::PersistentVolume, "pvc-data-uid", {"spec", "capacity", "storage"}), "2Gi");
  EXPECT_EQ(at(Kind::PersistentVolumeClaim, "data", {"status", "capacity", "storage"}), "1Gi");
  const auto pending = get(Kind::PersistentVolumeClaim, "data");
  EXPECT_THAT(json::serialize(pending->raw.at("status")), HasSubstr("FileSystemResizePending"));
  EXPECT_EQ(said("FileSystemResizeRequired"), 1U);
  put_pod("p", "data", "Running");
  settle();
  EXPECT_EQ(at(Kind::PersistentVolumeClaim, "data", {"status", "capacity", "storage"}), "2Gi");
  EXPECT_THAT(json::serialize(get(Kind::PersistentVolumeClaim, "data")->raw.at("status")),
              Not(HasSubstr("FileSystemResizePending")));
  EXPECT_EQ(said("FileSystemResizeSuccessful"), 1U);
  grow("3Gi");
  EXPECT_EQ(at(Kind::PersistentVolumeClaim, "data", {"status", "capacity", "storage"}), "3Gi");
  EXPECT_EQ(said("VolumeResizeSuccessful"), 1U);
}

TEST_F(ClaimControllerTest, AGrowthThatFailsKeepsTheOldSizeAndSaysWhy) {
  put_claim("data");
  go();
  volumes.fail_next("expand", Error(ErrorCode::ResourceExhausted, "no room"));
  edit({Kind::PersistentVolumeClaim, "default", "data"}, [](json::object& raw) {
    raw["spec"].get_object()["resources"] = {{"requests", {{"storage", "9Gi"}}}};
  });
  settle();
  EXPECT_EQ(at(Kind::PersistentVolume, "pvc-data-uid", {"spec", "capacity", "storage"}), "1Gi");
  EXPECT_EQ(said("VolumeResizeFailed: resize volume \"pvc-data-uid\" by resizer \"berth.io/loop\" failed: no room"),
            1U);
}

TEST_F(ClaimControllerTest, OnePodAtATimeHasAReadWriteOncePodClaim) {
  put_claim("data", "ReadWriteOncePod");
  put_pod("old", "data", "Pending", "2026-11-21T09:00:00Z");
  put_pod("young", "data");
  go();
  EXPECT_EQ(resolve("old", "data"), "");
  EXPECT_EQ(resolve("young", "data"),
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode");
  kicked.clear();
  remove({Kind::Pod, "default", "old"});
  settle();
  EXPECT_THAT(kicked, Contains("young-uid"));
  EXPECT_EQ(resolve("young", "data"), "");
}

TEST_F(ClaimControllerTest, AClaimWithoutItsVolumeIsLost) {
  put_claim("data");
  put_pod("p", "data");
  go();
  remove({Kind::PersistentVolume, "", "pvc-data-uid"});
  settle();
  EXPECT_EQ(phase(Kind::PersistentVolumeClaim, "data"), "Lost");
  EXPECT_EQ(said("ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!"), 1U);
  EXPECT_EQ(resolve("p", "data"),
            "persistentvolumeclaim \"data\" bound to non-existent persistentvolume "
            "\"pvc-data-uid\"");
}

TEST_F(ClaimControllerTest, AStaticVolumeWithPolicyDeleteFailsAndStays) {
  put(R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv"},"spec":{"capacity":{"storage":"1Gi"},
      "accessModes":["ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Delete","storageClassName":"","nfs":{"server":"h",
      "path":"/p","readOnly":true}},"status":{"phase":"Available"}})");
  put_claim("data", "ReadWriteOnce", "");
  put_pod("p", "data");
  go();
  volumes::BoundClaim bound;
  EXPECT_EQ(claims.resolve(*cache.pods().at({"default", "p"}), "data", bound), "");
  EXPECT_TRUE(bound.read_only);
  remove({Kind::Pod, "default", "p"});
  remove({Kind::PersistentVolumeClaim, "default", "data"});
  settle();
  EXPECT_EQ(phase(Kind::PersistentVolume, "pv"), "Failed");
  EXPECT_EQ(said("VolumeFailedDelete"), 1U);
  EXPECT_THAT(volumes.calls(), IsEmpty());
}

TEST_F(ClaimControllerTest, APodWaitsForTheSecretOfItsTargetAndIsToldWhenItComes) {
  put(R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv"},"spec":{"capacity":{"storage":"1Gi"},
      "accessModes":["ReadWriteOnce"],"storageClassName":"","iscsi":{"targetPortal":"h","iqn":"iqn.2015-02.example.com:t",
      "lun":0,"chapAuthSession":true,"secretRef":{"name":"chap","namespace":"storage"}}},"status":{"phase":"Available"}})");
  put_claim("data", "ReadWriteOnce", "");
  put_pod("p", "data");
  go();
  EXPECT_EQ(resolve("p", "data"), "persistentvolume \"pv\": secret \"storage/chap\" not found");
  kicked.clear();
  put(R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"chap","namespace":"storage"},
      "data":{"node.session.auth.username":"bWU="}})");
  settle();
  EXPECT_THAT(kicked, Contains("p-uid"));
  volumes::BoundClaim bound;
  EXPECT_EQ(claims.resolve(*cache.pods().at({"default", "p"}), "data", bound), "");
  EXPECT_EQ(bound.secret, (model::StringMap{{"node.session.auth.username", "me"}}));
}

TEST_F(ClaimControllerTest, ClaimsOfAPoolAreServedOneAfterTheOther) {
  put_class("pool", "berth.io/pool");
  for (const auto* name : {"a", "b", "c"}) put_claim(name, "ReadWriteOnce", "pool");
  go();
  for (const auto* name : {"a", "b", "c"}) EXPECT_EQ(phase(Kind::PersistentVolumeClaim, name), "Bound");
}

/// Whose jobs wait until the test lets them go.
class HeldLane final : public Lane {
 public:
  void run(std::function<void()> job) override { jobs.push_back(std::move(job)); }
  std::chrono::milliseconds oldest() const override { return {}; }

  std::vector<std::function<void()>> jobs;
};

/// n1 (this one) and n2 are there, and a volume that n1 took from a pool is left without its claim.
class SharedClaimsTest : public ControllerFixture {
 protected:
  SharedClaimsTest() {
    live.take({{"live/n2", {.node = "n2", .version = {}, .since = {}}}});
    for (const auto* name : {"n1", "n2"}) {
      put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}"}}}})", name));
    }
  }
  void go(const std::string& noted_on) {
    put(R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"lun","uid":"lun-uid","annotations":{
        "pv.kubernetes.io/provisioned-by":"berth.io/pool","berth.io/parameters":"{}"}},"spec":{
        "capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Delete",
        "iscsi":{"targetPortal":"nas","iqn":"iqn.x","lun":1},
        "claimRef":{"namespace":"default","name":"data","uid":"data-uid"}},"status":{"phase":"Bound"}})");
    if (!noted_on.empty()) annotate_volume(kProvisionedOn, noted_on);
    begin({claims.row()});
    end_jobs();
  }
  void end_jobs() {
    settle();
    while (!lane.jobs.empty()) {
      for (const auto& job : std::exchange(lane.jobs, {})) job();
      settle();
    }
  }
  void annotate_volume(std::string_view name, const std::string& value) {
    edit(lun, [&](json::object& raw) { annotate(raw, name, value); });
    end_jobs();
  }
  void put_attachment(const std::string& node) {
    put(fmt::format(
        R"({{"apiVersion":"storage.k8s.io/v1","kind":"VolumeAttachment","metadata":{{"name":"lun"}},"spec":{{
        "attacher":"berth.io","nodeName":"{}","source":{{"persistentVolumeName":"lun"}}}}}})",
        node));
  }
  std::string phase() const {
    const auto object = store->get(lun);
    return object ? std::string(find_string(object->raw.at("status"), {"phase"})) : "gone";
  }
  bool is_held() const { return !annotation_of(store->get(lun)->meta, kReclaiming).empty(); }
  void fail_to_reclaim() {
    volumes.fail_next("reclaim", Error(ErrorCode::FailedPrecondition, "still in use"));
    go("n1");
    ASSERT_EQ(phase(), "Failed");
    ASSERT_TRUE(is_held());
    is_warden = false;  // Who holds it takes that back, and nobody else.
  }
  /// What a person does who wants to have it back.
  void rescue(const std::function<void(json::object& spec)>& change) {
    edit(lun, [&](json::object& raw) {
      auto& spec = raw["spec"].get_object();
      spec["persistentVolumeReclaimPolicy"] = "Retain";
      change(spec);
    });
    settle();
  }

  const model::ObjectKey lun{Kind::PersistentVolume, "", "lun"};
  LiveNodes live{"n1"};
  HeldLane lane;
  volumes::FakeVolumes volumes;
  bool is_warden = true;
  ClaimController claims{{.loop = loop,
                          .clock = clock,
                          .lane = lane,
                          .cache = cache,
                          .store = *store,
                          .volumes = volumes,
                          .node_name = "n1",
                          .kick = [](const std::string&) {},
                          .nodes = &live,
                          .is_warden = [this](const model::ObjectKey&) { return is_warden; },
                          .held_until = [this] { return held_until; }}};
  BootTime held_until = BootTime::max();
};

TEST_F(SharedClaimsTest, ContentStaysUntilNoHostHasItMountedWhateverBecameOfItsPods) {
  put_attachment("n2");
  go("n1");
  EXPECT_THAT(volumes.calls(), IsEmpty());
  EXPECT_FALSE(is_held());
  edit(lun, [](json::object& raw) {
    raw["metadata"].get_object()["finalizers"] = json::array{json::value(model::kVolumeProtection)};
    raw["metadata"].get_object()["deletionTimestamp"] = "2026-11-21T10:00:00Z";
  });
  end_jobs();
  EXPECT_EQ(phase(), "Bound") << "nobody else remembers the content";
  remove({Kind::VolumeAttachment, "", "lun"});
  end_jobs();
  EXPECT_THAT(volumes.calls(), Contains("reclaim default/data"));
  EXPECT_EQ(phase(), "gone");
}

TEST_F(SharedClaimsTest, WhoIsNotSureOfItsSessionNeitherDestroysNorMakesContent) {
  held_until = {};
  go("n1");
  EXPECT_THAT(volumes.calls(), IsEmpty());
  EXPECT_EQ(phase(), "Bound");
  EXPECT_TRUE(is_held()) << "ours, as far as we know";
  held_until = std::chrono::seconds(1000);
  runner.wake_all();
  end_jobs();
  EXPECT_THAT(volumes.calls(), Contains("reclaim default/data"));
  EXPECT_EQ(phase(), "gone");

  held_until = {};
  put(R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"nfs"},"provisioner":"berth.io/nfs",
      "reclaimPolicy":"Delete","volumeBindingMode":"Immediate"})");
  put(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"new","namespace":"default",
      "uid":"new-uid"},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"nfs","volumeMode":"Filesystem",
      "resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Pending"}})");
  end_jobs();
  EXPECT_THAT(volumes.calls(), testing::Not(Contains("provision default/new")));
  held_until = BootTime::max();
  runner.wake_all();
  end_jobs();
  EXPECT_THAT(volumes.calls(), Contains("provision default/new"));
}

TEST_F(SharedClaimsTest, ALunOfWhichNobodyHasANoteIsKeptUntilSomebodySaysWhoHas) {
  go("");
  EXPECT_EQ(phase(), "Failed");
  EXPECT_THAT(events, testing::ElementsAre("VolumeFailedDelete: it is not known which node gave it out: annotate it "
                                           "berth.io/provisioned-on: NODE, the one whose stateDir/pool names it"));
  EXPECT_THAT(volumes.calls(), IsEmpty());
  annotate_volume(kProvisionedOn, "n2");
  EXPECT_THAT(volumes.calls(), IsEmpty());
  annotate_volume(kProvisionedOn, "n1");
  EXPECT_THAT(volumes.calls(), Contains("reclaim default/data"));
  EXPECT_EQ(phase(), "gone");
}

TEST_F(SharedClaimsTest, ALunWhoseNoteIsLostIsKept) {
  put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n3"}})");
  go("n3");
  EXPECT_EQ(phase(), "Bound") << "it may come back";
  remove({Kind::Node, "", "n3"});
  settle();
  EXPECT_EQ(phase(), "Failed");
  EXPECT_THAT(events, testing::ElementsAre(HasSubstr("VolumeFailedDelete: node n3, which gave it out, is lost")));
  EXPECT_THAT(volumes.calls(), IsEmpty());
}

TEST_F(SharedClaimsTest, ANodeThatOnlyCannotBeReadIsNotLost) {
  put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n3"},"spec":{"taints":7}})");
  go("n3");
  ASSERT_FALSE(cache.nodes().contains({"", "n3"}));
  EXPECT_EQ(phase(), "Bound");
  EXPECT_THAT(events, IsEmpty());
}

TEST_F(SharedClaimsTest, AVolumeThatAPersonRescuesIsFreeOfTheMark) {
  fail_to_reclaim();
  rescue([](json::object&) {});
  pass(std::chrono::minutes(10));
  EXPECT_FALSE(is_held());
}

TEST_F(SharedClaimsTest, AVolumeThatAPersonGivesToAnotherClaimIsThatOnes) {
  fail_to_reclaim();
  rescue([](json::object& spec) { spec["claimRef"] = {{"namespace", "default"}, {"name", "heir"}}; });
  EXPECT_FALSE(is_held());
  is_warden = true;
  put(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"heir","namespace":"default",
      "uid":"heir-uid"},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"","volumeName":"lun",
      "volumeMode":"Filesystem","resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Pending"}})");
  end_jobs();
  EXPECT_EQ(phase(), "Bound");
}

TEST_F(SharedClaimsTest, AVolumeWhoseClaimAPersonTakesAwayIsFreeOfTheMark) {
  fail_to_reclaim();
  rescue([](json::object& spec) { spec.erase("claimRef"); });
  EXPECT_FALSE(is_held());
}

TEST_F(SharedClaimsTest, AMarkOfANodeThatIsThereIsLeftToIt) {
  go("n2");
  annotate_volume(kReclaiming, "n2");
  rescue([](json::object& spec) { spec.erase("claimRef"); });
  EXPECT_TRUE(is_held());
}

TEST_F(SharedClaimsTest, TheMarkStaysWhileTheContentIsBeingRemoved) {
  fail_to_reclaim();
  volumes.fail_next("reclaim", Error(ErrorCode::Aborted, "under way"));
  pass(std::chrono::minutes(10));
  ASSERT_EQ(lane.jobs.size(), 1U) << "it is tried again";
  rescue([](json::object& spec) { spec.erase("claimRef"); });
  EXPECT_TRUE(is_held());
  end_jobs();
  EXPECT_FALSE(is_held());
}

TEST(ClaimObjects, SizesAreWrittenShortAndExact) {
  EXPECT_EQ(size_text(10LL << 30), "10Gi");
  EXPECT_EQ(size_text(1536LL << 20), "1536Mi");
  EXPECT_EQ(size_text(4096), "4Ki");
  EXPECT_EQ(size_text(1'000'000'000), "1000000000");
}

}  // namespace
}  // namespace berth::agent
