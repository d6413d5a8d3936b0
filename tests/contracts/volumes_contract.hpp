// tests/contracts/volumes_contract.hpp - what every PodVolumes keeps, the fake and the real one.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "tests/contracts/claims.hpp"
#include "tests/fakes/object_with_data.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::volumes {

/// A PodVolumes to try, and a directory that claims may be bound to. Kept alive for one test.
struct VolumesSubject {
  std::shared_ptr<void> keep;  ///< Whatever has to outlive it, such as a temporary directory.
  std::unique_ptr<PodVolumes> volumes;
  std::filesystem::path claim_directory;
};
using MakeVolumes = std::function<VolumesSubject()>;

class VolumesContract : public ::testing::TestWithParam<MakeVolumes> {
 protected:
  void SetUp() override { subject_ = GetParam()(); }

  PodVolumes& volumes() { return *subject_.volumes; }

  static PodVolumesSpec pod(const std::string& uid = "0b7e1f6e-0001") {
    PodVolumesSpec spec;
    spec.pod.meta.name = "mongo-0";
    spec.pod.meta.ns = "default";
    spec.pod.meta.uid = uid;
    return spec;
  }
  static PodVolumesSpec with(model::VolumeSource source) {
    auto spec = pod();
    spec.pod.spec.volumes.push_back({"data", std::move(source)});
    return spec;
  }

  static model::ConfigMapSource config_map(const std::string& name, std::vector<model::KeyToPath> items = {}) {
    return {name, std::move(items), 0644, false};
  }
  static model::SecretSource secret(const std::string& name, std::vector<model::KeyToPath> items = {},
                                    bool optional = false) {
    return {name, std::move(items), 0644, optional};
  }

  VolumesSubject subject_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(VolumesContract);

TEST_P(VolumesContract, MountTwiceGivesTheSamePathsForEveryVolume) {
  auto spec = with(model::EmptyDirSource{});
  spec.pod.spec.volumes.push_back({"config", config_map("mongo")});
  spec.config_maps["mongo"] = object_with<model::ConfigMap>({{"mongod.conf", "net: {}\n"}});
  const auto first = volumes().mount(spec);
  ASSERT_TRUE(first.ok()) << first.error().message();
  EXPECT_EQ(first->size(), 2U);
  EXPECT_TRUE(first->contains("data") && first->contains("config"));
  const auto second = volumes().mount(spec);
  ASSERT_TRUE(second.ok()) << second.error().message();
  EXPECT_EQ(*first, *second);
}

TEST_P(VolumesContract, MissingConfigMapIsNotFoundAndNamesVolumeAndMap) {
  const auto mounted = volumes().mount(with(config_map("absent")));
  ASSERT_TRUE(failed_with(mounted, ErrorCode::NotFound));
  EXPECT_NE(mounted.error().message().find("data"), std::string::npos);
  EXPECT_NE(mounted.error().message().find("default/absent"), std::string::npos);
}

TEST_P(VolumesContract, MissingOptionalSecretIsAnEmptyVolume) {
  EXPECT_TRUE(volumes().mount(with(secret("absent", {}, /*optional=*/true))).ok());
}

TEST_P(VolumesContract, MissingKeyIsNotFound) {
  auto spec = with(secret("tls", {{"key", "tls.key", std::nullopt}}));
  spec.secrets["tls"] = object_with<model::Secret>({{"cert", "x"}});
  EXPECT_TRUE(failed_with(volumes().mount(spec), ErrorCode::NotFound));
}

TEST_P(VolumesContract, PathThatClimbsOutOfTheVolumeIsRefused) {
  auto spec = with(config_map("evil", {{"key", "../../etc/passwd", std::nullopt}}));
  spec.config_maps["evil"] = object_with<model::ConfigMap>({{"key", "x"}});
  EXPECT_TRUE(failed_with(volumes().mount(spec), ErrorCode::InvalidArgument));
}

TEST_P(VolumesContract, BoundClaimIsItsDirectoryAndUnboundClaimIsNotFound) {
  auto spec = with(model::ClaimSource{"data-mongo-0", false});
  EXPECT_TRUE(failed_with(volumes().mount(spec), ErrorCode::NotFound));
  spec.claims["data-mongo-0"] = bound("data-mongo-0", subject_.claim_directory);
  const auto mounted = volumes().mount(spec);
  ASSERT_TRUE(mounted.ok()) << mounted.error().message();
  EXPECT_EQ(mounted->at("data"), subject_.claim_directory);
}

TEST_P(VolumesContract, KindThatIsNotMountedIsUnimplementedAndNamed) {
  const auto mounted = volumes().mount(with(model::UnsupportedSource{"cephfs"}));
  ASSERT_TRUE(failed_with(mounted, ErrorCode::Unimplemented));
  EXPECT_NE(mounted.error().message().find("cephfs"), std::string::npos);
}

TEST_P(VolumesContract, UidThatCannotBeAFileNameIsRefusedByEveryVerb) {
  for (const auto* uid : {"", "..", "../x", "a/b", ".hidden"}) {
    EXPECT_TRUE(failed_with(volumes().mount(pod(uid)), ErrorCode::InvalidArgument)) << uid;
    EXPECT_TRUE(failed_with(volumes().unmount(uid), ErrorCode::InvalidArgument)) << uid;
    EXPECT_TRUE(failed_with(volumes().present(uid), ErrorCode::InvalidArgument)) << uid;
    EXPECT_TRUE(failed_with(volumes().termination_log(uid, "c", 0), ErrorCode::InvalidArgument)) << uid;
  }
}

TEST_P(VolumesContract, PodIsPresentFromMountToUnmountAndUnmountTwiceIsFine) {
  const auto spec = with(model::EmptyDirSource{});
  EXPECT_FALSE(volumes().present(spec.pod.meta.uid).value_or(true));
  ASSERT_TRUE(volumes().mount(spec).ok());
  EXPECT_TRUE(volumes().present(spec.pod.meta.uid).value_or(false));
  EXPECT_EQ(volumes().mounted_pods().value_or({}), std::vector<std::string>{spec.pod.meta.uid});
  for (int round = 0; round < 2; ++round) {
    const auto unmounted = volumes().unmount(spec.pod.meta.uid);
    EXPECT_TRUE(unmounted.ok()) << unmounted.error().message();
  }
  EXPECT_FALSE(volumes().present(spec.pod.meta.uid).value_or(true));
  EXPECT_TRUE(volumes().mounted_pods().value_or({"x"}).empty());
}

TEST_P(VolumesContract, WhatIsReleasedForTheHostsEndIsStillThePods) {
  const auto spec = with(model::EmptyDirSource{});
  ASSERT_TRUE(volumes().mount(spec).ok());
  for (int round = 0; round < 2; ++round) {
    const auto released = volumes().release(spec.pod.meta.uid);
    EXPECT_TRUE(released.ok()) << released.error().message();
  }
  EXPECT_TRUE(volumes().present(spec.pod.meta.uid).value_or(false)) << "an emptyDir outlives a boot";
  EXPECT_TRUE(volumes().mount(spec).ok());
  EXPECT_TRUE(volumes().unmount(spec.pod.meta.uid).ok());
  EXPECT_TRUE(volumes().release("uid-of-nobody").ok());
}

TEST_P(VolumesContract, TerminationLogOfOneAttemptIsOneFile) {
  const auto first = volumes().termination_log("uid-1", "mongod", 0);
  ASSERT_TRUE(first.ok()) << first.error().message();
  EXPECT_EQ(volumes().termination_log("uid-1", "mongod", 0).value_or({}), *first);
  EXPECT_NE(volumes().termination_log("uid-1", "mongod", 1).value_or({}), *first);
  EXPECT_TRUE(volumes().present("uid-1").value_or(false));
  EXPECT_TRUE(volumes().unmount("uid-1").ok());
}

TEST_P(VolumesContract, SubPathThatLeavesTheVolumeIsRefused) {
  for (const auto* path : {"/etc", "..", "a/../..", "a/../b"}) {
    EXPECT_TRUE(
        failed_with(volumes().sub_path("uid-1", "c", 0, subject_.claim_directory, path), ErrorCode::InvalidArgument))
        << path;
  }
}

TEST_P(VolumesContract, ProvisionFindsTheSameDirectoryAgain) {
  const auto first = provision(volumes(), "default", "data-db-0");
  ASSERT_TRUE(first.ok()) << first.error().message();
  EXPECT_EQ(provision(volumes(), "default", "data-db-0").value_or({}), *first);
  EXPECT_NE(provision(volumes(), "other", "data-db-0").value_or({}), *first);
}

TEST_P(VolumesContract, ProvisionAndReclaimRefuseNamesThatAreNoFileNames) {
  for (const auto* name : {"", "..", "../x", "a/b", ".trash"}) {
    EXPECT_TRUE(failed_with(provision(volumes(), "default", name), ErrorCode::InvalidArgument)) << name;
    EXPECT_TRUE(failed_with(provision(volumes(), name, "data"), ErrorCode::InvalidArgument)) << name;
    EXPECT_TRUE(failed_with(reclaim(volumes(), "default", name), ErrorCode::InvalidArgument)) << name;
    EXPECT_TRUE(failed_with(reclaim(volumes(), name, "data"), ErrorCode::InvalidArgument)) << name;
  }
}

TEST_P(VolumesContract, ReclaimOfWhatIsGoneIsFine) {
  ASSERT_TRUE(provision(volumes(), "default", "data-db-0").ok());
  EXPECT_TRUE(reclaim(volumes(), "default", "data-db-0").ok());
  EXPECT_TRUE(reclaim(volumes(), "default", "data-db-0").ok());
  EXPECT_TRUE(reclaim(volumes(), "never", "was").ok());
}

}  // namespace berth::volumes
