// tests/volumes/local_pod_volumes_test.cpp - what the contract cannot see: files, modes, neighbours, leftovers.
#include "volumes/local_pod_volumes.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/contracts/claims.hpp"
#include "tests/fakes/object_with_data.hpp"
#include "tests/temp_dir.hpp"
#include "volumes/empty_dir.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;

mode_t mode_of(const fs::path& path) {
  struct stat now = {};
  return ::lstat(path.c_str(), &now) == 0 ? now.st_mode & 07777U : 0U;
}

class LocalVolumes : public ::testing::Test {
 protected:
  void SetUp() override {
    spec_.pod.meta.uid = "uid-1";
    spec_.pod.meta.ns = "default";
  }
  VolumePaths mount() {
    const auto mounted = volumes_->mount(spec_);
    EXPECT_TRUE(mounted.ok()) << mounted.error().message();
    return mounted.value_or({});
  }

  TempDir dir_{"/dev/shm"};
  fs::path run_ = dir_.path() / "run";
  fs::path state_ = dir_.path() / "state";
  std::unique_ptr<PodVolumes> volumes_ = make_pod_volumes({run_, state_});
  PodVolumesSpec spec_;
};

TEST_F(LocalVolumes, EmptyDirIsOpenToAllBehindAClosedDoorAndKeepsItsContent) {
  spec_.pod.spec.volumes = {{"scratch", model::EmptyDirSource{}}};
  const auto path = mount().at("scratch");
  EXPECT_EQ(path, state_ / "pods/uid-1/emptydir/scratch");
  EXPECT_EQ(mode_of(path), 0777U);
  EXPECT_EQ(mode_of(path.parent_path()), 0700U);
  put(path / "file", "x");
  fs::permissions(path, fs::perms(0700));
  EXPECT_EQ(get(mount().at("scratch") / "file"), "x");
  EXPECT_EQ(mode_of(path), 0700U);  // the pod's own chmod stays
}

TEST_F(LocalVolumes, EmptyDirWithFsGroupHasGroupAndSetgid) {
  spec_.pod.spec.volumes = {{"scratch", model::EmptyDirSource{}}};
  spec_.pod.spec.security.fs_group = static_cast<std::int64_t>(::getgid());
  EXPECT_EQ(mode_of(mount().at("scratch")), 02777U);
}

TEST_F(LocalVolumes, ConfigMapFollowsItsObject) {
  spec_.pod.spec.volumes = {{"config", model::ConfigMapSource{"cfg", {}, 0640, false}}};
  spec_.config_maps["cfg"] = object_with<model::ConfigMap>({{"a", "1"}});
  const auto path = mount().at("config");
  EXPECT_EQ(get(path / "a"), "1");
  EXPECT_EQ(mode_of(fs::canonical(path / "a")), 0640U);
  spec_.config_maps["cfg"] = object_with<model::ConfigMap>({{"b", "2"}});
  mount();
  EXPECT_EQ(get(path / "b"), "2");
  EXPECT_EQ(get(path / "a"), "<missing>");
}

TEST_F(LocalVolumes, FsGroupOfAClaimIsAppliedOnceAndNotToReadOnlyClaims) {
  const auto claim = dir_.path() / "claim";
  put(claim / "file", "x");
  fs::permissions(claim / "file", fs::perms(0600));
  spec_.pod.spec.security.fs_group = static_cast<std::int64_t>(::getgid());
  spec_.pod.spec.volumes = {{"data", model::ClaimSource{"data-db-0", true}}};
  spec_.claims["data-db-0"] = bound("data-db-0", claim);
  mount();
  EXPECT_EQ(mode_of(claim / "file"), 0600U);
  spec_.pod.spec.volumes = {{"data", model::ClaimSource{"data-db-0", false}}};
  mount();
  EXPECT_EQ(mode_of(claim / "file"), 0660U);
  fs::permissions(claim / "file", fs::perms(0600));
  mount();
  EXPECT_EQ(mode_of(claim / "file"), 0600U);  // the pod changed it: a second pass keeps it
}

TEST_F(LocalVolumes, UnmountRemovesOursAndKeepsClaimsAndOtherRoomsFiles) {
  const auto claim = dir_.path() / "claim";
  put(claim / "precious", "x");
  put(run_ / "pods/uid-1/etc/hosts", "127.0.0.1 localhost");
  spec_.pod.spec.volumes = {{"data", model::ClaimSource{"c", false}}, {"scratch", model::EmptyDirSource{}}};
  spec_.claims["c"] = bound("c", claim);
  fs::create_directory_symlink(claim, mount().at("scratch") / "trap");
  const auto unmounted = volumes_->unmount("uid-1");
  ASSERT_TRUE(unmounted.ok()) << unmounted.error().message();
  EXPECT_EQ(get(claim / "precious"), "x");
  EXPECT_EQ(get(run_ / "pods/uid-1/etc/hosts"), "127.0.0.1 localhost");
  EXPECT_FALSE(fs::exists(state_ / "pods/uid-1"));
  EXPECT_FALSE(volumes_->present("uid-1").value_or(true));
}

TEST_F(LocalVolumes, PodOfWhichOnlyTheEmptyDirSurvivedABootIsListed) {
  fs::create_directories(state_ / "pods/old-uid/emptydir");
  fs::create_directories(run_ / "pods/foreign/etc");
  EXPECT_EQ(volumes_->mounted_pods().value_or({}), std::vector<std::string>{"old-uid"});
}

TEST_F(LocalVolumes, HalfMadeEmptyDirIsCompleted) {
  fs::create_directories(state_ / "pods/uid-1/emptydir/.new-scratch");
  spec_.pod.spec.volumes = {{"scratch", model::EmptyDirSource{}}};
  EXPECT_EQ(mode_of(mount().at("scratch")), 0777U);
  EXPECT_FALSE(fs::exists(state_ / "pods/uid-1/emptydir/.new-scratch"));
}

TEST_F(LocalVolumes, TerminationLogCanBeWrittenByAnyUserAndKeepsItsText) {
  const auto path = volumes_->termination_log("uid-1", "mongod", 3).value_or({});
  EXPECT_EQ(mode_of(path), 0666U);
  put(path, "out of berths");
  EXPECT_EQ(volumes_->termination_log("uid-1", "mongod", 3).value_or({}), path);
  EXPECT_EQ(get(path), "out of berths");
}

TEST_F(LocalVolumes, ProvisionedDirectoryKeepsItsContentUntilReclaimed) {
  const auto path = provision(*volumes_, "default", "data-db-0").value_or({});
  EXPECT_EQ(path, state_ / "volumes/default/data-db-0");
  EXPECT_EQ(mode_of(path), 0777U);
  EXPECT_EQ(mode_of(path.parent_path()), 0700U);
  put(path / "file", "x");
  EXPECT_EQ(get(provision(*volumes_, "default", "data-db-0").value_or({}) / "file"), "x");
  ASSERT_TRUE(reclaim(*volumes_, "default", "data-db-0").ok());
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::is_empty(provision(*volumes_, "default", "data-db-0").value_or("/")));
}

TEST_F(LocalVolumes, ReclaimCompletesAnInterruptedOneAndTouchesNoOtherClaim) {
  put(state_ / "volumes/default/.trash/data_0/half", "x");
  put(state_ / "volumes/default/.trash/data-2_0/other", "x");
  put(state_ / "volumes/default/data-2/live", "x");
  ASSERT_TRUE(reclaim(*volumes_, "default", "data").ok());
  EXPECT_FALSE(fs::exists(state_ / "volumes/default/.trash/data_0"));
  EXPECT_TRUE(fs::exists(state_ / "volumes/default/.trash/data-2_0/other"));
  EXPECT_EQ(get(state_ / "volumes/default/data-2/live"), "x");
}

TEST_F(LocalVolumes, ReclaimOfALinkIsRefused) {
  put(dir_.path() / "outside/precious", "x");
  fs::create_directories(state_ / "volumes/default");
  fs::create_directory_symlink(dir_.path() / "outside", state_ / "volumes/default/data");
  EXPECT_TRUE(failed_with(reclaim(*volumes_, "default", "data"), ErrorCode::FailedPrecondition));
  EXPECT_EQ(get(dir_.path() / "outside/precious"), "x");
}

TEST(MemorySize, IsTheSmallerOfSizeLimitAndTheSumOfAllMemoryLimits) {
  model::PodSpec spec;
  model::EmptyDirSource source;
  source.medium = "Memory";
  spec.containers.own().resize(2);
  EXPECT_EQ(memory_size(spec, source), std::nullopt);
  source.size_limit = *model::Quantity::parse("3Mi");
  EXPECT_EQ(memory_size(spec, source), 3 * 1024 * 1024);
  spec.containers[0].resources.limits["memory"] = *model::Quantity::parse("1Mi");
  EXPECT_EQ(memory_size(spec, source), 3 * 1024 * 1024);  // the second container has no limit
  spec.containers[1].resources.limits["memory"] = *model::Quantity::parse("1Mi");
  EXPECT_EQ(memory_size(spec, source), 2 * 1024 * 1024);
}

TEST(IsReadOnly, VolumesThatOnlyWeWriteAre) {
  EXPECT_TRUE(is_read_only(model::ConfigMapSource{}));
  EXPECT_TRUE(is_read_only(model::SecretSource{}));
  EXPECT_TRUE(is_read_only(model::ProjectedSource{}));
  EXPECT_TRUE(is_read_only(model::ClaimSource{"c", true}));
  EXPECT_FALSE(is_read_only(model::ClaimSource{"c", false}));
  EXPECT_FALSE(is_read_only(model::EmptyDirSource{}));
  EXPECT_FALSE(is_read_only(model::HostPathSource{}));
}

}  // namespace
}  // namespace berth::volumes
