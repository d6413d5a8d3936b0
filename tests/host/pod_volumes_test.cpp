// tests/host/pod_volumes_test.cpp - volumes that need mount(2): tmpfs, subPath pins, unmounting; in a private mount
// namespace.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/mount_table.hpp"
#include "base/unique_fd.hpp"
#include "tests/contracts/volumes_contract.hpp"
#include "tests/fakes/object_with_data.hpp"
#include "tests/temp_dir.hpp"
#include "volumes/mounts.hpp"
#include "volumes/remove_tree.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;

/// Leaves the host's mount namespace before the first test, so that nothing a test mounts reaches the machine.
class PrivateMounts : public ::testing::Environment {
 public:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
  }
};
const auto* const kPrivate = ::testing::AddGlobalTestEnvironment(new PrivateMounts);

/// A directory of one test. What is still mounted below is detached first, so that removing it reaches nothing else.
struct Host {
  TempDir dir;
  ~Host() { static_cast<void>(unmount_below(dir.path())); }
};

VolumesSubject make_real_on_disk() {
  const auto host = std::make_shared<Host>();
  const auto claim = host->dir.path() / "claim";
  fs::create_directory(claim);
  return {host, make_pod_volumes({host->dir.path() / "run", host->dir.path() / "state"}), claim};
}
INSTANTIATE_TEST_SUITE_P(RealOnDisk, VolumesContract, ::testing::Values(MakeVolumes(make_real_on_disk)));

std::size_t mounts_below(const fs::path& directory) { return MountTable::read()->below(directory.string()).size(); }

class HostVolumes : public ::testing::Test {
 protected:
  void SetUp() override {
    spec_.pod.meta.uid = "uid-1";
    spec_.pod.meta.ns = "default";
    fs::create_directory(claim_);
  }
  VolumePaths mount() {
    const auto mounted = volumes_->mount(spec_);
    EXPECT_TRUE(mounted.ok()) << mounted.error().message();
    return mounted.value_or({});
  }
  fs::path pin(const fs::path& volume, const std::string& sub_path, int index = 0) {
    const auto pinned = volumes_->sub_path("uid-1", "mongod", index, volume, sub_path);
    EXPECT_TRUE(pinned.ok()) << pinned.error().message();
    return pinned.value_or({});
  }

  Host host_;
  fs::path run_ = host_.dir.path() / "run";
  fs::path state_ = host_.dir.path() / "state";
  fs::path claim_ = host_.dir.path() / "claim";
  std::unique_ptr<PodVolumes> volumes_ = make_pod_volumes({run_, state_});
  PodVolumesSpec spec_;
};

TEST_F(HostVolumes, MemoryEmptyDirIsATmpfsOfItsSizeWithFsGroup) {
  model::EmptyDirSource source;
  source.medium = "Memory";
  source.size_limit = *model::Quantity::parse("1Mi");
  spec_.pod.spec.volumes = {{"cache", source}};
  spec_.pod.spec.security.fs_group = 4711;
  const auto path = mount().at("cache");
  EXPECT_TRUE(in_memory(path).value_or(false));
  struct statvfs size = {};
  ASSERT_EQ(::statvfs(path.c_str(), &size), 0);
  EXPECT_EQ(size.f_blocks * size.f_frsize, 1024U * 1024U);
  struct stat now = {};
  ASSERT_EQ(::stat(path.c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 07777U, 03777U) << "sticky, as a kubelet's is: nobody removes another's files";
  EXPECT_EQ(now.st_gid, 4711U);
  put(path / "kept", "x");
  mount();
  EXPECT_EQ(get(path / "kept"), "x");
  EXPECT_EQ(mounts_below(run_), 1U);
}

TEST_F(HostVolumes, SecretIsInMemoryEvenWhereTheRunDirectoryIsOnDisk) {
  if (in_memory(host_.dir.path()).value_or(true)) GTEST_SKIP() << "/tmp is a tmpfs here";
  spec_.pod.spec.volumes = {{"tls", model::SecretSource{"tls", {}, 0400, false}}};
  spec_.secrets["tls"] = object_with<model::Secret>({{"key", "hush"}});
  const auto path = mount().at("tls");
  EXPECT_TRUE(in_memory(path).value_or(false));
  EXPECT_EQ(get(path / "key"), "hush");
  EXPECT_TRUE(volumes_->unmount("uid-1").ok());
  EXPECT_EQ(mounts_below(run_), 0U);
}

TEST_F(HostVolumes, PinShowsTheDirectoryAfterItsNameWasSwapped) {
  put(claim_ / "db/file", "mine");
  const auto pinned = pin(claim_, "db");
  fs::rename(claim_ / "db", claim_ / "moved");
  fs::create_directory_symlink("/etc", claim_ / "db");
  EXPECT_EQ(get(pinned / "file"), "mine");
  EXPECT_TRUE(failed_with(volumes_->sub_path("uid-1", "mongod", 1, claim_, "db"), ErrorCode::InvalidArgument));
}

TEST_F(HostVolumes, PinTwiceIsOneMountAndAReplacedFileIsPinnedAnew) {
  put(claim_ / "file", "one");
  EXPECT_EQ(pin(claim_, "file"), pin(claim_, "file"));
  EXPECT_EQ(mounts_below(run_), 1U);
  put(claim_ / "new", "two");
  fs::rename(claim_ / "new", claim_ / "file");
  EXPECT_EQ(get(pin(claim_, "file")), "two");
  EXPECT_EQ(mounts_below(run_), 1U);
  fs::remove(claim_ / "file");
  fs::create_directory(claim_ / "file");  // now of another type
  EXPECT_TRUE(fs::is_directory(pin(claim_, "file")));
}

TEST_F(HostVolumes, ConfigMapFileIsPinnedReadOnlyThroughItsLinks) {
  spec_.pod.spec.volumes = {{"config", model::ConfigMapSource{"cfg", {}, 0644, false}}};
  spec_.config_maps["cfg"] = object_with<model::ConfigMap>({{"nginx.conf", "one"}});
  const auto volume = mount().at("config");
  const auto pinned = pin(volume, "nginx.conf");
  EXPECT_EQ(get(pinned), "one");
  EXPECT_LT(::open(pinned.c_str(), O_WRONLY | O_CLOEXEC), 0);
  EXPECT_EQ(errno, EROFS);
  spec_.config_maps["cfg"] = object_with<model::ConfigMap>({{"nginx.conf", "two"}});
  mount();
  EXPECT_EQ(get(pinned), "one");  // as in Kubernetes: a subPath mount is not updated while the container runs
  EXPECT_EQ(get(pin(volume, "nginx.conf")), "two");
  EXPECT_TRUE(fs::is_empty(pin(volume, "absent", 1)));
}

TEST_F(HostVolumes, SwappedInALoopNoPinEverShowsWhatIsOutside) {
  put(host_.dir.path() / "outside/secret", "hush");
  fs::create_directory(claim_ / "dir");
  fs::create_directory_symlink(host_.dir.path() / "outside", claim_ / "link");
  std::atomic<bool> stop = false;
  std::thread attacker([&] {
    const auto dir = claim_ / "dir";
    const auto link = claim_ / "link";
    while (!stop) ::renameat2(AT_FDCWD, dir.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
  });
  int pinned = 0;
  for (int i = 0; i < 500; ++i) {
    const auto target = volumes_->sub_path("uid-1", "mongod", i, claim_, "dir");
    if (!target) continue;
    ++pinned;
    EXPECT_FALSE(fs::exists(*target / "secret"));
  }
  stop = true;
  attacker.join();
  EXPECT_GT(pinned, 0);
  EXPECT_TRUE(volumes_->unmount("uid-1").ok());
  EXPECT_EQ(mounts_below(run_), 0U);
  EXPECT_EQ(get(host_.dir.path() / "outside/secret"), "hush");
}

TEST_F(HostVolumes, UnmountDetachesEverythingEvenInUseAndKeepsTheClaim) {
  put(claim_ / "db/precious", "x");
  model::EmptyDirSource memory;
  memory.medium = "Memory";
  spec_.pod.spec.volumes = {{"cache", memory}};
  const auto cache = mount().at("cache");
  const auto pinned = pin(claim_, "db");
  // A mount of the pod's own inside its volume, and a file held open: both are in the way of a plain umount.
  fs::create_directory(cache / "inner");
  ASSERT_EQ(::mount("tmpfs", (cache / "inner").c_str(), "tmpfs", 0, nullptr), 0);
  const UniqueFd held(::open((pinned / "precious").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(mounts_below(run_), 3U);
  const auto unmounted = volumes_->unmount("uid-1");
  ASSERT_TRUE(unmounted.ok()) << unmounted.error().message();
  EXPECT_EQ(mounts_below(run_), 0U);
  EXPECT_EQ(get(claim_ / "db/precious"), "x");
  EXPECT_FALSE(fs::exists(run_ / "pods/uid-1"));
}

TEST_F(HostVolumes, DetachingAPinLeavesMountsOfASharedSourceAlone) {
  // A mount that appears below the source of a shared tree must not be unmounted with our pin.
  ASSERT_EQ(::mount(claim_.c_str(), claim_.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, claim_.c_str(), nullptr, MS_SHARED, nullptr), 0);
  fs::create_directories(claim_ / "db/disk");
  pin(claim_, "db");
  ASSERT_EQ(::mount("tmpfs", (claim_ / "db/disk").c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_TRUE(volumes_->unmount("uid-1").ok());
  EXPECT_EQ(mounts_below(claim_ / "db"), 1U);
}

TEST_F(HostVolumes, NothingIsRemovedThroughAMountThatIsInTheWay) {
  put(claim_ / "precious", "x");
  const auto trap = host_.dir.path() / "tree/mounted";
  fs::create_directories(trap);
  ASSERT_EQ(::mount(claim_.c_str(), trap.c_str(), nullptr, MS_BIND, nullptr), 0);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  EXPECT_TRUE(failed_with(remove_tree(host_.dir.path() / "tree", deadline), ErrorCode::FailedPrecondition));
  EXPECT_TRUE(failed_with(remove_tree(trap, deadline), ErrorCode::FailedPrecondition));
  EXPECT_EQ(get(claim_ / "precious"), "x");
}

TEST_F(HostVolumes, ReclaimOfAClaimThatIsStillMountedIsRefused) {
  const auto path = provision(*volumes_, "default", "data").value_or({});
  fs::create_directory(path / "disk");
  ASSERT_EQ(::mount(claim_.c_str(), (path / "disk").c_str(), nullptr, MS_BIND, nullptr), 0);
  put(claim_ / "precious", "x");
  EXPECT_TRUE(failed_with(reclaim(*volumes_, "default", "data"), ErrorCode::FailedPrecondition));
  EXPECT_EQ(get(path / "disk/precious"), "x");
}

}  // namespace
}  // namespace berth::volumes
