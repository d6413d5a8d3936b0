// tests/agent/attachment_controller_test.cpp - who holds a volume, for how long, and what those who wait are told.
#include "agent/claims/attachment_controller.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/agent/controller_fixture.hpp"
#include "tests/fakes/fake_volumes.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::seconds;
using testing::Contains;
using testing::IsEmpty;

class AttachmentControllerTest : public ControllerFixture {
 protected:
  AttachmentControllerTest() {
    put(R"({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv"},"spec":{
        "capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"nfs":{"server":"nas","path":"/data"},
        "claimRef":{"namespace":"default","name":"data"}},"status":{"phase":"Bound"}})");
    put(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"default"},"spec":{
        "accessModes":["ReadWriteOnce"],"volumeName":"pv","resources":{"requests":{"storage":"1Gi"}}},
        "status":{"phase":"Bound"}})");
  }

  void go() {
    begin({attachments.row()});
    attachments.wake_by(Waker(runner, 0));
  }
  void put_pod(const std::string& name, const std::string& node, const std::string& phase = "Pending") {
    put(fmt::format(
        R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{0}","namespace":"default","uid":"{0}-uid"}},
        "spec":{{"nodeName":"{1}","containers":[{{"name":"c","image":"x"}}],"volumes":[{{"name":"v",
        "persistentVolumeClaim":{{"claimName":"data"}}}}]}},"status":{{"phase":"{2}"}}}})",
        name, node, phase));
    settle();
  }
  void held_by(const std::string& node, const std::string& attacher = "berth.io") {
    put(fmt::format(R"({{"apiVersion":"storage.k8s.io/v1","kind":"VolumeAttachment","metadata":{{"name":"pv"}},"spec":{{
        "attacher":"{}","nodeName":"{}","source":{{"persistentVolumeName":"pv"}}}}}})",
                    attacher, node));
    settle();
  }
  std::string holder() const {
    const auto found = get(Kind::VolumeAttachment, "pv", "");
    return found ? std::string(find_string(found->raw.at("spec"), {"nodeName"})) : "nobody";
  }
  std::string may_mount(const std::string& pod) {
    return attachments.may_mount(*cache.pods().at({"default", pod}), "pv");
  }
  /// As the pod's steps do it.
  void mount(const std::string& pod) {
    EXPECT_EQ(may_mount(pod), "");
    volumes::PodVolumesSpec spec;
    spec.pod = *cache.pods().at({"default", pod});
    spec.pod.spec.volumes.clear();
    EXPECT_TRUE(volumes.mount(spec));
  }

  std::unique_ptr<Lane> lane = make_inline_lane();
  volumes::FakeVolumes volumes;
  std::vector<std::string> kicked;
  std::set<std::string> driven;
  AttachmentController attachments{{.loop = loop,
                                    .lane = *lane,
                                    .cache = cache,
                                    .volumes = volumes,
                                    .node_name = "n1",
                                    .kick = [this](const std::string& uid) { kicked.push_back(uid); },
                                    .is_driven = [this](const std::string& uid) { return driven.contains(uid); }}};
};

TEST_F(AttachmentControllerTest, AVolumeIsHeldFromBeforeItsFirstPodMountsItUntilItsLastIsWithoutIt) {
  go();
  EXPECT_EQ(holder(), "nobody");
  put_pod("a", "n1");
  EXPECT_EQ(holder(), "n1");
  EXPECT_THAT(kicked, Contains("a-uid"));
  mount("a");
  put_pod("b", "n1");
  mount("b");
  remove({Kind::Pod, "default", "a"});
  settle();
  put_pod("b", "n1", "Succeeded");
  pass(seconds(5));
  EXPECT_EQ(holder(), "n1") << "both are still mounted";
  EXPECT_TRUE(volumes.unmount("a-uid"));
  pass(seconds(1));
  EXPECT_EQ(holder(), "n1");
  EXPECT_TRUE(volumes.unmount("b-uid"));
  pass(seconds(1));
  EXPECT_EQ(holder(), "nobody");
}

TEST_F(AttachmentControllerTest, AVolumeIsHeldWhileAPodHasItWhoseClaimIsAnotherByNow) {
  go();
  put_pod("a", "n1");
  mount("a");
  edit({Kind::PersistentVolumeClaim, "default", "data"},
       [](json::object& raw) { raw["spec"].get_object()["volumeName"] = "other"; });
  settle();
  runner.wake_all();
  pass(seconds(5));
  EXPECT_EQ(holder(), "n1");
  EXPECT_TRUE(volumes.unmount("a-uid"));
  pass(seconds(1));
  EXPECT_EQ(holder(), "nobody");
}

TEST_F(AttachmentControllerTest, WhoWaitsForAnotherHostIsToldOnceAndGetsTheVolumeWhenItIsFree) {
  held_by("n2");
  go();
  put_pod("there", "n2");
  put_pod("a", "n1");
  const std::string told = "Multi-Attach error for volume \"pv\" Volume is already used by pod(s) there on node n2";
  EXPECT_EQ(may_mount("a"), told);
  EXPECT_THAT(events, testing::ElementsAre("FailedAttachVolume: " + told));
  runner.wake_all();
  settle();
  EXPECT_EQ(events.size(), 1U);
  EXPECT_EQ(holder(), "n2") << "not ours to take";
  remove({Kind::VolumeAttachment, "", "pv"});
  settle();
  EXPECT_EQ(holder(), "n1");
  EXPECT_EQ(may_mount("a"), "");
}

TEST_F(AttachmentControllerTest, AnothersAttachmentIsNotTouchedAndCounts) {
  held_by("n1", "csi.example.com");
  go();
  put_pod("a", "n1");
  EXPECT_NE(may_mount("a"), "");
  remove({Kind::Pod, "default", "a"});
  settle();
  EXPECT_EQ(holder(), "n1");
}

TEST_F(AttachmentControllerTest, WhatWasHeldBeforeARestartGoesWhenNothingIsLeftOfItsPods) {
  held_by("n1");
  volumes::PodVolumesSpec orphan;
  orphan.pod.meta.uid = "orphan-uid";
  orphan.pod.meta.name = "orphan";
  EXPECT_TRUE(volumes.mount(orphan));
  go();
  pass(seconds(3));
  EXPECT_EQ(holder(), "n1") << "nobody knows what the orphan has";
  EXPECT_TRUE(volumes.unmount("orphan-uid"));
  pass(seconds(1));
  EXPECT_EQ(holder(), "nobody");
}

TEST_F(AttachmentControllerTest, AMountThatIsOnItsWayCounts) {
  go();
  put_pod("a", "n1");
  EXPECT_EQ(may_mount("a"), "");
  driven.insert("a-uid");
  remove({Kind::Pod, "default", "a"});  // By force, before anything can be seen of it.
  settle();
  pass(seconds(3));
  EXPECT_EQ(holder(), "n1");
  driven.erase("a-uid");
  attachments.on_gone("a-uid");
  pass(seconds(1));
  EXPECT_EQ(holder(), "nobody");
}

TEST_F(AttachmentControllerTest, WhoComesWhileItIsGivenBackWaitsUntilItIsHeldAgain) {
  go();
  put_pod("a", "n1");
  mount("a");
  EXPECT_TRUE(volumes.unmount("a-uid"));
  remove({Kind::Pod, "default", "a"});
  // Step by step, until it is asked whether anybody has it.
  auto refused = false;
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"b","namespace":"default","uid":"b-uid"},"spec":{
      "nodeName":"n1","containers":[{"name":"c","image":"x"}],"volumes":[{"name":"v",
      "persistentVolumeClaim":{"claimName":"data"}}]},"status":{"phase":"Pending"}})");
  for (int i = 0; i < 50; ++i) {
    loop.poll();
    const auto found = cache.pods().find({"default", "b"});
    if (found == cache.pods().end()) continue;
    const auto why = attachments.may_mount(*found->second, "pv");
    refused = refused || !why.empty();
    if (why.empty()) EXPECT_EQ(holder(), "n1") << "granted, and not held";
  }
  settle();
  EXPECT_EQ(may_mount("b"), "");
  EXPECT_EQ(holder(), "n1");
}

TEST_F(AttachmentControllerTest, ARefusedLookAtTheHostKeepsIt) {
  held_by("n1");
  volumes.fail_next("mounted_pods", Error(ErrorCode::Unavailable, "no"));
  go();
  EXPECT_EQ(holder(), "n1");
  pass(seconds(60));
  EXPECT_EQ(holder(), "nobody");
}

}  // namespace
}  // namespace berth::agent
