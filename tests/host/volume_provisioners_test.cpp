// tests/host/volume_provisioners_test.cpp - images on real loop devices: grown while mounted, kept while used, killed
// at any moment, on a full disk.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

#include "base/child.hpp"
#include "tests/host/disposable_child.hpp"
#include "tests/temp_dir.hpp"
#include "volumes/helper/device_users.hpp"
#include "volumes/helper/provisioner.hpp"
#include "volumes/helper/verbs.hpp"
#include "volumes/mounts.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMi = 1024 * 1024;

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

/// Runs a program; what it printed, without the last newline.
std::string run(const std::vector<std::string>& argv) {
  const auto child = run_child(argv, {.deadline = std::chrono::seconds(60)});
  EXPECT_TRUE(child.ok()) << (child.ok() ? "" : child.error().message());
  if (!child) return {};
  EXPECT_EQ(child->exit_code, 0) << argv[0] << ": " << child->output;
  return child->output.substr(0, child->output.find_last_not_of('\n') + 1);
}

/// A loop device of the test's own.
class Loop {
 public:
  explicit Loop(const fs::path& image) : device_(run({"losetup", "--find", "--show", "--partscan", image.string()})) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() { static_cast<void>(run_child({"losetup", "--detach", device_})); }
  const std::string& device() const { return device_; }

 private:
  std::string device_;
};

/// A small ext4 of the test's own, mounted.
class SmallDisk {
 public:
  SmallDisk(const fs::path& at, std::int64_t bytes) : at_(at) {
    fs::create_directories(at);
    EXPECT_EQ(::mount("tmpfs", at.c_str(), "tmpfs", 0, fmt::format("size={}", bytes).c_str()), 0);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() { ::umount2(at_.c_str(), MNT_DETACH); }

 private:
  fs::path at_;
};

struct Host {
  TempDir dir;
  ~Host() { static_cast<void>(unmount_below(dir.path())); }
};

class LoopVolumes : public ::testing::TestWithParam<std::string> {
 protected:
  ProvisionJob provision_job(std::int64_t bytes) const {
    ProvisionJob job;
    job.provisioner = "berth.io/loop";
    job.parameters = {{"fsType", GetParam()}};
    job.ns = "default";
    job.claim = "data-db-0";
    job.bytes = bytes;
    job.run_dir = run_;
    job.state_dir = state_;
    return job;
  }
  model::LocalSource source() const { return {image_.string(), GetParam()}; }
  Answer expand(std::int64_t bytes) {
    ExpandJob job;
    job.provisioner = "berth.io/loop";
    job.parameters = {{"fsType", GetParam()}};
    job.source = source();
    job.ns = "default";
    job.claim = "data-db-0";
    job.bytes = bytes;
    job.run_dir = run_;
    job.state_dir = state_;
    return helper::expand(job);
  }
  ReclaimJob reclaim_job() const {
    ReclaimJob job;
    job.provisioner = "berth.io/loop";
    job.parameters = {{"fsType", GetParam()}};
    job.source = source();
    job.ns = "default";
    job.claim = "data-db-0";
    job.run_dir = run_;
    job.state_dir = state_;
    return job;
  }
  /// Mounts it where publish would, see stage_dir().
  fs::path stage(const std::string& device) {
    DiskVolume volume;
    volume.source = source();
    const auto target = stage_dir(run_, volume_key(volume)) / "mount";
    fs::create_directories(target);
    EXPECT_EQ(::mount(device.c_str(), target.c_str(), GetParam().c_str(), 0, nullptr), 0) << std::strerror(errno);
    return target;
  }
  std::string format(const std::string& device) {
    return run({fmt::format("mkfs.{}", GetParam()), GetParam() == "xfs" ? "-f" : "-F", "-q", device});
  }

  Host host_;
  fs::path run_ = host_.dir.path() / "run";
  fs::path state_ = host_.dir.path() / "state";
  fs::path image_ = state_ / "images/default/data-db-0.img";
};
INSTANTIATE_TEST_SUITE_P(Images, LoopVolumes, ::testing::Values("ext4", "xfs"),
                         [](const auto& one) { return one.param; });

std::int64_t bytes_of(const fs::path& mounted) {
  struct statvfs room = {};
  EXPECT_EQ(::statvfs(mounted.c_str(), &room), 0);
  return static_cast<std::int64_t>(room.f_blocks) * static_cast<std::int64_t>(room.f_frsize);
}

/// Growing a mounted ext4 needs CAP_SYS_RESOURCE, which some containers' roots lack. See capabilities(7).
bool may_resize_ext4() {
  const auto status = get("/proc/self/status");
  const auto found = status.find("CapEff:");
  if (found == std::string::npos) return false;
  constexpr unsigned kSysResource = 24;
  return ((std::stoull(status.substr(found + 7), nullptr, 16) >> kSysResource) & 1U) != 0;
}

TEST_P(LoopVolumes, GrowWhileMountedWithTheirContentAndTwiceIsFine) {
  ASSERT_TRUE(provision(provision_job(310 * kMi)).ok());
  const Loop loop(image_);
  format(loop.device());
  const auto mounted = stage(loop.device());
  put(mounted / "file", "content");
  const auto before = bytes_of(mounted);
  // A host that may not grow a mounted ext4 says so; the next publish grows it, before it is mounted.
  const auto grows_now = GetParam() == "xfs" || may_resize_ext4();
  for (int i = 0; i < 2; ++i) {
    const auto grown = expand(400 * kMi);
    if (grows_now) {
      ASSERT_TRUE(grown.ok()) << grown.error().message();
      EXPECT_EQ(grown->at("bytes").as_int64(), 400 * kMi);
    } else {
      ASSERT_TRUE(failed_with(grown, ErrorCode::FailedPrecondition));
      EXPECT_NE(grown.error().message().find("CAP_SYS_RESOURCE"), std::string::npos);
    }
    EXPECT_EQ(run({"blockdev", "--getsize64", loop.device()}), fmt::format("{}", 400 * kMi));
    EXPECT_EQ(bytes_of(mounted) > before + 60 * kMi, grows_now);
  }
  EXPECT_EQ(get(mounted / "file"), "content");
  if (grows_now) {
    EXPECT_EQ(expand(kMi)->at("bytes").as_int64(), 400 * kMi);  // never smaller
  }
  ASSERT_EQ(::umount(mounted.c_str()), 0);
}

TEST_P(LoopVolumes, AreKeptWhileMountedAndALoopDeviceThatIsLeftOverGoesWithThem) {
  ASSERT_TRUE(provision(provision_job(310 * kMi)).ok());
  const Loop loop(image_);
  format(loop.device());
  const auto mounted = stage(loop.device());
  const auto refused = reclaim(reclaim_job());
  ASSERT_TRUE(failed_with(refused, ErrorCode::FailedPrecondition));
  EXPECT_EQ(refused.error().message(),
            fmt::format("{} is in use: {} is mounted at {}", image_.string(), loop.device(), mounted.string()));
  EXPECT_TRUE(fs::exists(image_));
  ASSERT_EQ(::umount(mounted.c_str()), 0);
  // A pod that has the raw device need not hold it open.
  fs::create_directories(run_ / "pods/uid-1/devices");
  fs::create_symlink(loop.device(), run_ / "pods/uid-1/devices/raw");
  EXPECT_TRUE(failed_with(reclaim(reclaim_job()), ErrorCode::FailedPrecondition));
  fs::remove(run_ / "pods/uid-1/devices/raw");
  const auto reclaimed = reclaim(reclaim_job());
  EXPECT_TRUE(reclaimed.ok()) << reclaimed.error().message();
  EXPECT_FALSE(fs::exists(image_));
  EXPECT_EQ(run({"losetup", "--list", "--noheadings", "--output", "BACK-FILE"}).find(image_.string()),
            std::string::npos);
}

TEST_P(LoopVolumes, KilledAtAnyMomentTheNextRunCompletesAndNothingIsLeftBeside) {
  auto job = provision_job(320 * kMi);
  job.parameters["preallocate"] = "true";
  const auto seed = std::random_device()();
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> moment(0, 60'000);
  int killed = 0;
  for (int round = 0; round < 30; ++round) {
    {
      DisposableChild child(encode(job));
      if (!child.ends_within(std::chrono::microseconds(moment(random)))) ++killed;
    }
    // Not there, or there with its whole size.
    if (fs::exists(image_)) {
      EXPECT_EQ(fs::file_size(image_), 320U * kMi) << "seed " << seed;
    }
    if (round % 3 == 2) {
      DisposableChild child(encode(job));
      const auto answer = child.answer();
      ASSERT_TRUE(answer.contains("result")) << json::serialize(answer);
      std::size_t files = 0;
      for (const auto& entry : fs::directory_iterator(image_.parent_path())) files += entry.path() == image_ ? 1 : 100;
      EXPECT_EQ(files, 1U) << "seed " << seed;
      DisposableChild gone(encode(reclaim_job()));
      EXPECT_TRUE(gone.answer().contains("result"));
    }
  }
  EXPECT_GT(killed, 0);
  EXPECT_TRUE(fs::is_empty(image_.parent_path()));
}

TEST_P(LoopVolumes, OnADiskThatIsFullNothingHalfIsLeft) {
  fs::create_directories(state_);
  const SmallDisk disk(state_, 330 * kMi);
  ASSERT_TRUE(provision(provision_job(310 * kMi)).ok());
  auto other = provision_job(310 * kMi);
  other.claim = "data-db-1";
  const auto refused = provision(other);
  ASSERT_TRUE(failed_with(refused, ErrorCode::ResourceExhausted)) << (refused.ok() ? "" : refused.error().message());
  EXPECT_TRUE(failed_with(expand(500 * kMi), ErrorCode::ResourceExhausted));
  EXPECT_EQ(fs::file_size(image_), 310U * kMi);
  // What the check could not see: the room goes while it is being allocated.
  put(state_ / "filler", std::string(40 * kMi, 'x'));
  other.parameters["preallocate"] = "true";
  EXPECT_FALSE(provision(other).ok());
  EXPECT_FALSE(fs::exists(image_.parent_path() / "data-db-1.img"));
  EXPECT_EQ(std::distance(fs::directory_iterator(image_.parent_path()), fs::directory_iterator()), 1);
}

/// Three disks: 8, 16 and 32 MiB, known by links, as udev makes them.
class PoolVolumes : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(links_);
    for (const auto size : {16, 8, 32}) add_disk(fmt::format("disk-{}", size), size);
  }
  std::string add_disk(const std::string& name, std::int64_t mebibytes) {
    const auto image = host_.dir.path() / fmt::format("{}.raw", name);
    put(image, "");
    fs::resize_file(image, static_cast<std::uintmax_t>(mebibytes * kMi));
    disks_.push_back(std::make_unique<Loop>(image));
    fs::create_symlink(disks_.back()->device(), links_ / name);
    return disks_.back()->device();
  }
  ProvisionJob provision_job(const std::string& claim, std::int64_t bytes) const {
    ProvisionJob job;
    job.provisioner = "berth.io/pool";
    job.parameters = {{"match", fmt::format("{}/disk-*", links_.string())}};
    job.ns = "default";
    job.claim = claim;
    job.bytes = bytes;
    job.run_dir = run_;
    job.state_dir = state_;
    return job;
  }
  std::string link(const std::string& name) const { return (links_ / name).string(); }
  std::string given(const ProvisionJob& job) {
    const auto made = provision(job);
    if (!made) return made.error().message();
    return std::string(find_string(json::value(*made), {"source", "local", "path"}));
  }
  ReclaimJob reclaim_job(const std::string& claim, const std::string& device) const {
    ReclaimJob job;
    job.provisioner = "berth.io/pool";
    job.parameters = provision_job(claim, 0).parameters;
    job.source = model::LocalSource{device, "ext4"};
    job.ns = "default";
    job.claim = claim;
    job.run_dir = run_;
    job.state_dir = state_;
    return job;
  }
  static std::string signature(const std::string& device) {
    const auto child = run_child({"blkid", "-p", "-s", "TYPE", "-o", "value", device});
    return child ? child->output.substr(0, child->output.find('\n')) : std::string("?");
  }

  Host host_;
  fs::path run_ = host_.dir.path() / "run";
  fs::path state_ = host_.dir.path() / "state";
  fs::path links_ = host_.dir.path() / "by-id";
  std::vector<std::unique_ptr<Loop>> disks_;
};

TEST_F(PoolVolumes, EachClaimGetsTheSmallestThatFitsAndFindsItAgain) {
  EXPECT_EQ(given(provision_job("data-0", kMi)), link("disk-8"));
  EXPECT_EQ(given(provision_job("data-1", kMi)), link("disk-16"));
  EXPECT_EQ(given(provision_job("data-0", kMi)), link("disk-8"));
  EXPECT_EQ(given(provision_job("data-2", 32 * kMi)), link("disk-32"));
  const auto none = provision(provision_job("data-3", kMi));
  ASSERT_TRUE(failed_with(none, ErrorCode::ResourceExhausted));
  EXPECT_EQ(none.error().message(),
            fmt::format("the pool \"{}/disk-*\" has nothing free for 1Mi: {}: given to default/data-1; {}: given to "
                        "default/data-2; {}: given to default/data-0",
                        links_.string(), link("disk-16"), link("disk-32"), link("disk-8")));
  EXPECT_TRUE(failed_with(provision(provision_job("data-0", 9 * kMi)), ErrorCode::ResourceExhausted));
}

TEST_F(PoolVolumes, ADiskThatIsUsedOrHoldsSomethingIsNotGivenOutAndSaysWhy) {
  run({"mkfs.ext4", "-q", "-F", link("disk-8")});
  run({"mkfs.ext4", "-q", "-F", link("disk-16")});
  const auto mounted = host_.dir.path() / "mnt";
  fs::create_directory(mounted);
  ASSERT_EQ(::mount(disks_[0]->device().c_str(), mounted.c_str(), "ext4", 0, nullptr), 0);
  auto job = provision_job("data", 33 * kMi);
  job.taken = {model::LocalSource{disks_[2]->device(), ""}};  // by another name
  const auto none = provision(job);
  ASSERT_TRUE(failed_with(none, ErrorCode::ResourceExhausted));
  const auto& words = none.error().message();
  EXPECT_NE(words.find(fmt::format("{}: holds ext4", link("disk-8"))), std::string::npos) << words;
  EXPECT_NE(words.find(fmt::format("{}: in use: mounted at {}", link("disk-16"), mounted.string())), std::string::npos)
      << words;
  EXPECT_NE(words.find(fmt::format("{}: a PersistentVolume has it", link("disk-32"))), std::string::npos) << words;
  EXPECT_TRUE(!fs::exists(state_ / "pool") || fs::is_empty(state_ / "pool"));
  ASSERT_EQ(::umount(mounted.c_str()), 0);
}

TEST_F(PoolVolumes, AdoptedTheFileSystemStaysAsItIs) {
  run({"mkfs.xfs", "-q", add_disk("disk-with-data", 310)});
  auto job = provision_job("data", 64 * kMi);
  EXPECT_FALSE(provision(job).ok());
  job.parameters["adopt"] = "true";
  const auto made = provision(job);
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(find_string(json::value(*made), {"source", "local", "path"}), link("disk-with-data"));
  EXPECT_EQ(find_string(json::value(*made), {"source", "local", "fsType"}), "xfs");
  EXPECT_EQ(signature(link("disk-with-data")), "xfs");
}

TEST_F(PoolVolumes, PartitionsAreGivenOutButNotTheDiskAroundThem) {
  const auto disk = add_disk("whole", 64);
  run({"addpart", disk, "1", "2048", "49152"});
  run({"addpart", disk, "2", "51200", "49152"});
  if (!fs::exists(fmt::format("{}p1", disk))) GTEST_SKIP() << "/dev is no devtmpfs";
  auto job = provision_job("data-0", 20 * kMi);
  job.parameters = {{"match", fmt::format("{0},{0}p*", disk)}};
  EXPECT_EQ(given(job), fmt::format("{}p1", disk));
  job.claim = "data-1";
  EXPECT_EQ(given(job), fmt::format("{}p2", disk));
  job.claim = "data-2";
  const auto words = given(job);
  EXPECT_NE(words.find(fmt::format("{}: has partitions: ", disk)), std::string::npos) << words;
  run({"delpart", disk, "1"});
  run({"delpart", disk, "2"});
}

TEST_F(PoolVolumes, ReclaimedItIsBlankAndFreeAndNotBefore) {
  ASSERT_EQ(given(provision_job("data", kMi)), link("disk-8"));
  run({"mkfs.ext4", "-q", "-F", link("disk-8")});
  const auto mounted = host_.dir.path() / "mnt";
  fs::create_directory(mounted);
  ASSERT_EQ(::mount(link("disk-8").c_str(), mounted.c_str(), "ext4", 0, nullptr), 0);
  const auto refused = reclaim(reclaim_job("data", link("disk-8")));
  ASSERT_TRUE(failed_with(refused, ErrorCode::FailedPrecondition));
  EXPECT_EQ(refused.error().message(), fmt::format("{} is mounted at {}: not wiped", link("disk-8"), mounted.string()));
  ASSERT_EQ(::umount(mounted.c_str()), 0);
  EXPECT_EQ(signature(link("disk-8")), "ext4");
  for (const auto* wipe : {"zero", "signatures"}) {
    auto job = reclaim_job("data", link("disk-8"));
    job.parameters["wipe"] = wipe;
    const auto reclaimed = reclaim(job);
    ASSERT_TRUE(reclaimed.ok()) << reclaimed.error().message();
    EXPECT_EQ(signature(link("disk-8")), "") << wipe;
    ASSERT_EQ(given(provision_job("data", kMi)), link("disk-8"));
    run({"mkfs.ext4", "-q", "-F", link("disk-8")});
  }
  auto keep = reclaim_job("data", link("disk-8"));
  keep.parameters["wipe"] = "none";
  ASSERT_TRUE(reclaim(keep).ok());
  EXPECT_EQ(signature(link("disk-8")), "ext4");
  // Not ours any more: a second reclaim wipes nothing.
  ASSERT_TRUE(reclaim(reclaim_job("data", link("disk-8"))).ok());
  EXPECT_EQ(signature(link("disk-8")), "ext4");
}

TEST_F(PoolVolumes, DataOfNoKnownKindIsNotGivenOutAndWipingTheSignaturesTakesItAway) {
  const auto dirty = [](const std::string& device, std::int64_t at) {
    run({"dd", "if=/dev/urandom", "of=" + device, "bs=4096", "count=1", fmt::format("seek={}", at / 4096),
         "conv=fsync"});
  };
  dirty(link("disk-8"), 64 * 1024);         // as a database on the raw device, or dm-crypt without a header
  dirty(link("disk-16"), 16 * kMi - 8192);  // as what keeps its description at the end
  const auto none = provision(provision_job("data", 33 * kMi));
  const auto words = none ? std::string() : none.error().message();
  for (const auto* name : {"disk-8", "disk-16"}) {
    EXPECT_NE(words.find(fmt::format("{}: holds data of no known kind", link(name))), std::string::npos) << words;
  }
  // What a claim of the pool wrote is wiped when the claim goes.
  auto job = provision_job("data", kMi);
  job.block = true;
  ASSERT_EQ(given(job), link("disk-32"));
  dirty(link("disk-32"), 4096);
  dirty(link("disk-32"), 32 * kMi - 4096);
  ASSERT_TRUE(reclaim(reclaim_job("data", link("disk-32"))).ok());
  EXPECT_EQ(given(job), link("disk-32"));
}

TEST_F(PoolVolumes, TwoAgentsOfOneMachineNeverShareADisk) {
  const auto of_other = [&](ProvisionJob job) {
    job.run_dir = host_.dir.path() / "other/run";
    job.state_dir = host_.dir.path() / "other/state";
    return job;
  };
  ASSERT_EQ(given(provision_job("data-0", kMi)), link("disk-8"));
  EXPECT_EQ(given(of_other(provision_job("data-0", kMi))), link("disk-16"));  // the same claim, of another agent
  EXPECT_EQ(given(of_other(provision_job("data-1", kMi))), link("disk-32"));
  const auto none = given(provision_job("data-1", kMi));
  EXPECT_NE(none.find(fmt::format("{}: given to default/data-1", link("disk-32"))), std::string::npos) << none;
  EXPECT_EQ(given(provision_job("data-0", kMi)), link("disk-8"));
  // Both at once: one gets the last, the other hears why not.
  auto gone = reclaim_job("data-1", link("disk-32"));
  gone.run_dir = host_.dir.path() / "other/run";
  gone.state_dir = host_.dir.path() / "other/state";
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(reclaim(gone).ok());
    auto mine = reclaim_job("data-2", link("disk-32"));
    ASSERT_TRUE(reclaim(mine).ok());
    DisposableChild first(encode(provision_job("data-2", kMi)));
    DisposableChild second(encode(of_other(provision_job("data-1", kMi))));
    const auto got = (first.answer().contains("result") ? 1 : 0) + (second.answer().contains("result") ? 1 : 0);
    EXPECT_EQ(got, 1);
  }
}

TEST_F(PoolVolumes, ADiskThatAPodOfAnotherAgentHasIsNeitherMountedNorGiven) {
  const auto publish_job = [&](const std::string& agent, bool block) {
    PublishJob job;
    job.volume.name = "data";
    job.volume.source = model::LocalSource{link("disk-32"), "ext4"};
    job.volume.block = block;
    job.run_dir = host_.dir.path() / agent / "run";
    job.target = job.run_dir / "pods/uid-1" / (block ? "devices" : "mounts") / "data";
    fs::create_directories(job.run_dir / "pods/uid-1");
    return job;
  };
  const auto unpublish_all = [&](const PublishJob& job) {
    return unpublish(UnpublishJob{.run_dir = job.run_dir, .directories = {job.target.parent_path()}});
  };
  const auto raw = publish_job("first", /*block=*/true);
  const auto published = publish(raw);
  ASSERT_TRUE(published.ok()) << published.error().message();
  for (const auto block : {true, false}) {
    const auto job = publish_job("second", block);
    const auto refused = publish(job);
    ASSERT_TRUE(failed_with(refused, ErrorCode::FailedPrecondition)) << block;
    EXPECT_EQ(refused.error().message(), "data is given to pod uid-1 as data");
    EXPECT_TRUE(unpublish_all(job).ok());  // as its pod goes
  }
  EXPECT_EQ(signature(link("disk-32")), "");
  ASSERT_TRUE(unpublish_all(raw).ok());
  const auto mounted = publish_job("second", /*block=*/false);
  const auto again = publish(mounted);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_TRUE(failed_with(publish(raw), ErrorCode::FailedPrecondition));
  EXPECT_TRUE(unpublish_all(mounted).ok());
}

TEST_F(PoolVolumes, WhatDoesNotReachTheDiskIsToldOnceAndTheDiskIsGivenBack) {
  const auto small = host_.dir.path() / "small";
  const SmallDisk disk(small, 24 * kMi);  // holds less than the image claims
  put(small / "image", "");
  fs::resize_file(small / "image", 128 * kMi);
  const Loop loop(small / "image");
  PublishJob job;
  job.volume.name = "data";
  job.volume.source = model::LocalSource{loop.device(), "ext4"};
  job.run_dir = run_;
  job.target = run_ / "pods/uid-1/mounts/data";
  fs::create_directories(run_ / "pods/uid-1");
  const auto published = publish(job);
  ASSERT_TRUE(published.ok()) << published.error().message();
  put(job.target / "file", std::string(static_cast<std::size_t>(64 * kMi), 'x'));
  const UnpublishJob all{.run_dir = run_, .directories = {job.target.parent_path()}};
  const auto told = unpublish(all);
  ASSERT_TRUE(failed_with(told, ErrorCode::DataLoss)) << (told.ok() ? "" : told.error().message());
  EXPECT_NE(told.error().message().find("data: not everything that was written could be brought to the disk"),
            std::string::npos)
      << told.error().message();
  EXPECT_TRUE(unpublish(all).ok());
  EXPECT_TRUE(!fs::exists(run_ / "staged") || fs::is_empty(run_ / "staged"));
}

TEST_F(PoolVolumes, AFileSystemThatNeedsRepairIsNotMadeWritableUnderItsReaders) {
  const auto device = disks_[2]->device();
  run({"mkfs.ext4", "-q", "-F", device});
  run({"debugfs", "-w", "-R", "set_inode_field <2> links_count 9", device});
  run({"debugfs", "-w", "-R", "set_super_value state 0", device});
  const auto job_of = [&](const std::string& pod, bool read_only) {
    PublishJob job;
    job.volume.name = "data";
    job.volume.source = model::LocalSource{device, "ext4"};
    job.volume.read_only = read_only;
    job.run_dir = run_;
    job.target = run_ / "pods" / pod / "mounts/data";
    fs::create_directories(run_ / "pods" / pod);
    return job;
  };
  const auto reader = job_of("reader", true);
  const auto writer = job_of("writer", false);
  ASSERT_TRUE(publish(reader).ok());
  const auto refused = publish(writer);
  ASSERT_TRUE(failed_with(refused, ErrorCode::FailedPrecondition));
  EXPECT_NE(refused.error().message().find("has to be checked before it is written to"), std::string::npos)
      << refused.error().message();
  ASSERT_TRUE(unpublish(UnpublishJob{.run_dir = run_, .directories = {reader.target.parent_path()}}).ok());
  const auto written = publish(writer);
  ASSERT_TRUE(written.ok()) << written.error().message();
  put(writer.target / "file", "x");
  // A sound one is shared as before.
  EXPECT_TRUE(unpublish(UnpublishJob{.run_dir = run_, .directories = {writer.target.parent_path()}}).ok());
  ASSERT_TRUE(publish(reader).ok());
  const auto shared = publish(writer);
  EXPECT_TRUE(shared.ok()) << shared.error().message();
  for (const auto* pod : {"reader", "writer"}) {
    EXPECT_TRUE(unpublish(UnpublishJob{.run_dir = run_, .directories = {run_ / "pods" / pod / "mounts"}}).ok());
  }
}

TEST_F(PoolVolumes, AClaimWhoseDiskIsAwayWaitsForIt) {
  ASSERT_EQ(given(provision_job("data", kMi)), link("disk-8"));
  fs::remove(link("disk-8"));
  const auto waits = provision(provision_job("data", kMi));
  ASSERT_TRUE(failed_with(waits, ErrorCode::Unavailable));
  EXPECT_EQ(waits.error().message(),
            fmt::format("the claim has {}, which is not here now; it gets no other", link("disk-8")));
}

TEST_F(PoolVolumes, TwoAtOnceNeverShareADiskAndKilledOnesKeepTheirs) {
  const auto seed = std::random_device()();
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> moment(0, 60'000);
  for (int round = 0; round < 15; ++round) {
    {
      DisposableChild first(encode(provision_job("data-0", kMi)));
      DisposableChild second(encode(provision_job("data-1", kMi)));
      (void)first.ends_within(std::chrono::microseconds(moment(random)));
    }
    DisposableChild first(encode(provision_job("data-0", kMi)));
    DisposableChild second(encode(provision_job("data-1", kMi)));
    const json::value one = first.answer();
    const json::value two = second.answer();
    const auto disk_of = [](const json::value& answer) {
      return std::string(find_string(answer, {"result", "source", "local", "path"}));
    };
    ASSERT_FALSE(disk_of(one).empty()) << json::serialize(one);
    ASSERT_FALSE(disk_of(two).empty()) << json::serialize(two);
    EXPECT_NE(disk_of(one), disk_of(two)) << "seed " << seed;
    for (const auto& [claim, answer] : {std::pair("data-0", &one), std::pair("data-1", &two)}) {
      const auto job = encode(reclaim_job(claim, disk_of(*answer)));
      {
        DisposableChild killed(job);
        (void)killed.ends_within(std::chrono::microseconds(moment(random)));
      }
      EXPECT_TRUE(DisposableChild(job).answer().contains("result")) << "seed " << seed;
    }
    EXPECT_TRUE(fs::is_empty(state_ / "pool")) << "seed " << seed;
  }
}

}  // namespace
}  // namespace berth::volumes::helper
