// tests/host/volume_helper_test.cpp - berth-volume with real images, loop devices and file systems.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>

#include "base/atomic_file.hpp"
#include "base/child.hpp"
#include "base/mount_table.hpp"
#include "base/unique_fd.hpp"
#include "tests/temp_dir.hpp"
#include "volumes/helper/block_device.hpp"
#include "volumes/helper/loop_device.hpp"
#include "volumes/helper/stage_record.hpp"
#include "volumes/mounts.hpp"
#include "volumes/pod_volumes.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;

class PrivateMounts : public ::testing::Environment {
 public:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
  }
};
const auto* const kPrivate = ::testing::AddGlobalTestEnvironment(new PrivateMounts);

/// A child that was started with its job on stdin.
struct Child {
  pid_t pid = -1;
  UniqueFd output;
};

Child start(const json::object& job) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  EXPECT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
  EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
  const auto text = json::serialize(job);
  const auto pid = ::fork();
  if (pid == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::execl(BERTH_VOLUME, BERTH_VOLUME, nullptr);
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  EXPECT_EQ(::write(in[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(in[1]);
  return {pid, UniqueFd(out[0])};
}

/// "ok", or "Code: message" of the last line.
std::string finish(const Child& child) {
  std::string output;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = ::read(child.output.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  while (!output.empty() && output.back() == '\n') output.pop_back();
  const auto last = parse_json(output.substr(output.rfind('\n') + 1));
  if (!last) return fmt::format("no answer: {}", output);
  if (find(*last, {"result"}) != nullptr) return "ok";
  return fmt::format("{}: {}", find_string(*last, {"error", "code"}), find_string(*last, {"error", "message"}));
}

std::string run(const std::vector<std::string>& argv) {
  const auto ran = run_child(argv, {.deadline = std::chrono::seconds(60)});
  return ran ? fmt::format("{} {}", ran->exit_code, ran->output) : ran.error().message();
}

class VolumeHelper : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(run_); }
  void TearDown() override {
    static_cast<void>(unmount_below(dir_.path()));
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      if (const auto file = helper::file_identity(entry.path())) static_cast<void>(helper::detach_loop(*file));
    }
  }

  fs::path make_image(const std::string& name, std::uintmax_t mebibytes) {
    const auto image = dir_.path() / name;
    std::ofstream(image).close();
    fs::resize_file(image, mebibytes << 20U);
    return image;
  }
  PublishJob publish_job(const fs::path& image, const std::string& pod, const std::string& fs_type = "") {
    PublishJob job;
    job.volume.name = "data-db-0";
    job.volume.source = model::LocalSource{image.string(), fs_type};
    job.run_dir = run_;
    job.target = target(pod);
    return job;
  }
  fs::path target(const std::string& pod) const { return pod_dir(pod) / "mounts/data"; }
  fs::path pod_dir(const std::string& pod) const { return run_ / "pods" / pod; }
  std::string publish(const PublishJob& job) { return finish(start(encode(job))); }
  std::string publish(const fs::path& image, const std::string& pod, const std::string& fs_type = "") {
    return publish(publish_job(image, pod, fs_type));
  }
  UnpublishJob unpublish_job(const std::string& pod) const {
    return {run_, {pod_dir(pod) / "subpaths", pod_dir(pod) / "mounts", pod_dir(pod) / "devices"}};
  }
  std::string unpublish(const std::string& pod) { return finish(start(encode(unpublish_job(pod)))); }
  std::string release_all() { return finish(start(encode(UnpublishJob{run_, {}}))); }

  std::size_t mounts() const { return MountTable::read()->below(run_.string()).size(); }
  static bool has_loop(const fs::path& image) { return helper::find_loop(*helper::file_identity(image))->has_value(); }
  bool nothing_staged() const { return !fs::exists(run_ / "staged") || fs::is_empty(run_ / "staged"); }

  TempDir dir_{"/dev/shm"};  // no disk that others keep busy
  fs::path run_ = dir_.path() / "run";
};

TEST_F(VolumeHelper, WhatMayBeAnotherHostsByNowIsNeitherFormattedNorMounted) {
  const auto image = make_image("disk.img", 64);
  auto job = publish_job(image, "one", "ext4");
  job.volume.holder = "ship-1";
  job.volume.held_until = boot_time();
  EXPECT_EQ(publish(job),
            "Unavailable: data-db-0 may be another host's by now: the session of ship-1 is not known to "
            "hold any more");
  EXPECT_EQ(mounts(), 0U);
  EXPECT_EQ(get(image).find_first_not_of('\0'), std::string::npos);
  job.volume.held_until = BootTime::max();
  EXPECT_EQ(publish(job), "ok");
  job.volume.held_until = boot_time();
  EXPECT_EQ(publish(job), "ok") << "what is here stays";
  ASSERT_EQ(unpublish("one"), "ok");
}

class EachFileSystem : public VolumeHelper, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Types, EachFileSystem, ::testing::Values("ext4", "xfs", "ext3"),
                         [](const auto& type) { return std::string(type.param); });

TEST_P(EachFileSystem, BlankImageIsFormattedOnceAndItsDataIsFoundAgain) {
  const auto image = make_image("disk.img", 320);
  ASSERT_EQ(publish(image, "one", GetParam()), "ok");
  EXPECT_EQ(MountTable::read()->find(target("one").string())->fs_type, GetParam());
  put(target("one") / "file", "precious");
  ASSERT_EQ(publish(image, "one", GetParam()), "ok");  // again: nothing happens
  EXPECT_EQ(mounts(), 2U);
  ASSERT_EQ(unpublish("one"), "ok");
  EXPECT_EQ(mounts(), 0U);
  EXPECT_FALSE(has_loop(image));
  EXPECT_TRUE(nothing_staged());
  ASSERT_EQ(publish(image, "two", ""), "ok");  // no fsType: what is there
  EXPECT_EQ(get(target("two") / "file"), "precious");
  ASSERT_EQ(unpublish("two"), "ok");
  EXPECT_EQ(unpublish("two"), "ok");
}

TEST_P(EachFileSystem, GrownImageIsGrownWhenPublishedAgain) {
  const auto image = make_image("disk.img", 320);
  ASSERT_EQ(publish(image, "one", GetParam()), "ok");
  put(target("one") / "file", "precious");
  ASSERT_EQ(unpublish("one"), "ok");
  fs::resize_file(image, 640U << 20U);
  ASSERT_EQ(publish(image, "one", GetParam()), "ok");
  struct statvfs size = {};
  ASSERT_EQ(::statvfs(target("one").c_str(), &size), 0);
  EXPECT_GT(size.f_blocks * size.f_frsize, 500U << 20U);
  EXPECT_EQ(get(target("one") / "file"), "precious");
  ASSERT_EQ(unpublish("one"), "ok");
}

TEST_F(VolumeHelper, TwoPodsShareOneStageAndTheLastOneReleasesIt) {
  const auto image = make_image("disk.img", 64);
  ASSERT_EQ(publish(image, "one"), "ok");
  ASSERT_EQ(publish(image, "two"), "ok");
  EXPECT_EQ(mounts(), 3U);
  put(target("one") / "file", "shared");
  EXPECT_EQ(get(target("two") / "file"), "shared");
  ASSERT_EQ(unpublish("one"), "ok");
  EXPECT_EQ(get(target("two") / "file"), "shared");
  ASSERT_EQ(release_all(), "ok");  // somebody uses it
  EXPECT_EQ(get(target("two") / "file"), "shared");
  ASSERT_EQ(unpublish("two"), "ok");
  EXPECT_FALSE(has_loop(image));
  EXPECT_TRUE(nothing_staged());
}

TEST_F(VolumeHelper, ReadOnlyBindIsReadOnlyAndTheNextPodMayWrite) {
  const auto image = make_image("disk.img", 64);
  auto job = publish_job(image, "reader");
  job.volume.read_only = true;
  EXPECT_THAT(publish(job), ::testing::HasSubstr("FailedPrecondition"));  // blank: nothing is formatted for a reader
  ASSERT_EQ(unpublish("reader"), "ok");
  ASSERT_EQ(publish(image, "writer"), "ok");
  put(target("writer") / "file", "x");
  ASSERT_EQ(unpublish("writer"), "ok");

  ASSERT_EQ(publish(job), "ok");
  EXPECT_EQ(get(target("reader") / "file"), "x");
  EXPECT_LT(::open((target("reader") / "new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
  EXPECT_EQ(errno, EROFS);
  ASSERT_EQ(publish(image, "writer"), "ok");
  put(target("writer") / "new", "y");
  EXPECT_EQ(get(target("reader") / "new"), "y");
  EXPECT_LT(::open((target("reader") / "newer").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
  ASSERT_EQ(unpublish("reader"), "ok");
  ASSERT_EQ(unpublish("writer"), "ok");
}

TEST_F(VolumeHelper, BlockVolumeIsALinkToTheLoopDevice) {
  const auto image = make_image("disk.img", 16);
  auto job = publish_job(image, "one");
  job.volume.block = true;
  job.target = pod_dir("one") / "devices/data";
  ASSERT_EQ(publish(job), "ok");
  struct stat now = {};
  ASSERT_EQ(::stat(job.target.c_str(), &now), 0);
  EXPECT_TRUE(S_ISBLK(now.st_mode));
  const auto as_files = publish(image, "two");
  EXPECT_THAT(as_files, ::testing::HasSubstr("FailedPrecondition: data-db-0 is used as a raw block device here"));
  ASSERT_EQ(unpublish("two"), "ok");
  EXPECT_TRUE(has_loop(image));
  ASSERT_EQ(unpublish("one"), "ok");
  EXPECT_FALSE(fs::exists(fs::symlink_status(job.target)));
  EXPECT_FALSE(has_loop(image));
  EXPECT_TRUE(nothing_staged());
}

TEST_F(VolumeHelper, WhatIsRecognisedIsNeverFormatted) {
  const auto image = make_image("disk.img", 64);
  ASSERT_EQ(run({"mkswap", image.string()}).substr(0, 1), "0");
  EXPECT_EQ(publish(image, "one").find("FailedPrecondition: device /dev/loop"), 0U);
  ASSERT_EQ(unpublish("one"), "ok");
  EXPECT_FALSE(has_loop(image));

  ASSERT_EQ(run({"mkfs.ext4", "-q", "-F", image.string()}).substr(0, 1), "0");
  EXPECT_THAT(publish(image, "one", "xfs"), ::testing::HasSubstr("holds ext4, the volume says xfs"));
  ASSERT_EQ(unpublish("one"), "ok");
}

TEST_F(VolumeHelper, DeviceThatIsMountedElsewhereIsLeftAlone) {
  const auto image = make_image("disk.img", 64);
  ASSERT_EQ(run({"mkfs.ext4", "-q", "-F", image.string()}).substr(0, 1), "0");
  const auto elsewhere = dir_.path() / "elsewhere";
  fs::create_directory(elsewhere);
  ASSERT_EQ(run({"mount", "-o", "loop", image.string(), elsewhere.string()}).substr(0, 1), "0");
  EXPECT_THAT(publish(image, "one"),
              ::testing::HasSubstr(fmt::format("is in use elsewhere, mounted at {}", elsewhere.string())));
  ASSERT_EQ(unpublish("one"), "ok");
  EXPECT_TRUE(has_loop(image));  // not ours
  ASSERT_EQ(::umount(elsewhere.c_str()), 0);
}

TEST_F(VolumeHelper, BusyMountIsNotDetachedAndGoesLater) {
  const auto image = make_image("disk.img", 64);
  ASSERT_EQ(publish(image, "one"), "ok");
  {
    const UniqueFd user(::open(target("one").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(user);
    EXPECT_THAT(unpublish("one"), ::testing::HasSubstr("Unavailable"));
    EXPECT_TRUE(has_loop(image));
  }
  ASSERT_EQ(unpublish("one"), "ok");
  EXPECT_FALSE(has_loop(image));
}

TEST_F(VolumeHelper, SubPathPinsGoBeforeTheVolume) {
  const auto image = make_image("disk.img", 64);
  ASSERT_EQ(publish(image, "one"), "ok");
  fs::create_directory(target("one") / "db");
  const auto pinned =
      finish(start(encode(SubPathJob{run_, dir_.path() / "state", "one", "mongod", 0, target("one"), "db"})));
  ASSERT_EQ(pinned, "ok");
  EXPECT_EQ(mounts(), 3U);
  ASSERT_EQ(unpublish("one"), "ok");
  EXPECT_EQ(mounts(), 0U);
  EXPECT_FALSE(has_loop(image));
}

TEST_F(VolumeHelper, FilesAreGivenToTheGroup) {
  const auto image = make_image("disk.img", 64);
  auto job = publish_job(image, "one");
  job.group = GroupOwner{4711, false};
  ASSERT_EQ(publish(job), "ok");
  struct stat now = {};
  ASSERT_EQ(::stat(job.target.c_str(), &now), 0);
  EXPECT_EQ(now.st_gid, 4711U);
  EXPECT_EQ(now.st_mode & 02770U, 02770U);
  ASSERT_EQ(unpublish("one"), "ok");
}

TEST_F(VolumeHelper, DamagedFileSystemIsRepairedBeforeItIsMounted) {
  const auto image = make_image("disk.img", 64);
  ASSERT_EQ(publish(image, "one", "ext4"), "ok");
  put(target("one") / "file", "precious");
  ASSERT_EQ(unpublish("one"), "ok");
  run({"debugfs", "-w", "-R", "set_inode_field file links_count 7", image.string()});
  run({"debugfs", "-w", "-R", "set_super_value state 2", image.string()});
  ASSERT_EQ(run({"fsck.ext4", "-n", image.string()}).substr(0, 1), "4") << "not damaged";
  ASSERT_EQ(publish(image, "one", "ext4"), "ok");
  EXPECT_EQ(fs::hard_link_count(target("one") / "file"), 1U);
  ASSERT_EQ(unpublish("one"), "ok");
}

TEST_F(VolumeHelper, DamageBeyondRepairIsDataLossInFscksWords) {
  const auto image = make_image("disk.img", 64);
  ASSERT_EQ(run({"mkfs.ext4", "-q", "-F", image.string()}).substr(0, 1), "0");
  run({"debugfs", "-w", "-R", "clri <2>", image.string()});  // the root directory
  run({"debugfs", "-w", "-R", "set_super_value state 2", image.string()});
  const auto answer = publish(image, "one", "ext4");
  EXPECT_THAT(answer, ::testing::StartsWith("DataLoss: ext4 has errors which could not be corrected"));
  EXPECT_THAT(answer, ::testing::HasSubstr("RUN fsck MANUALLY"));
  EXPECT_EQ(mounts(), 0U);
  ASSERT_EQ(unpublish("one"), "ok");
  EXPECT_FALSE(has_loop(image));
}

TEST_F(VolumeHelper, UnreadableRecordIsLeftAlone) {
  const auto image = make_image("disk.img", 64);
  auto job = publish_job(image, "one");
  ASSERT_EQ(publish(job), "ok");
  const auto record = stage_dir(run_, volume_key(job.volume)) / "volume.json";
  const auto content = get(record);
  put(record, "{");
  EXPECT_THAT(unpublish("one"), ::testing::StartsWith("DataLoss"));
  EXPECT_THAT(release_all(), ::testing::StartsWith("DataLoss"));
  EXPECT_TRUE(has_loop(image));
  EXPECT_EQ(mounts(), 1U);
  put(record, content);
  EXPECT_EQ(unpublish("one"), "ok");
  EXPECT_FALSE(has_loop(image));
}

TEST_F(VolumeHelper, MissingImageIsNamedAndNothingStays) {
  const auto answer = publish(dir_.path() / "absent.img", "one");
  EXPECT_THAT(answer, ::testing::StartsWith("NotFound"));
  EXPECT_THAT(answer, ::testing::HasSubstr("absent.img"));
  ASSERT_EQ(unpublish("one"), "ok");
  EXPECT_TRUE(nothing_staged());
}

TEST_F(VolumeHelper, WhatAFailedPublishAttachedIsDetachedWithThePod) {
  const auto image = make_image("disk.img", 64);
  ASSERT_EQ(run({"mkswap", image.string()}).substr(0, 1), "0");
  VolumesConfig config{run_, dir_.path() / "state"};
  config.helper = BERTH_VOLUME;
  const auto volumes = make_pod_volumes(config);
  PodVolumesSpec spec;
  spec.pod.meta.uid = "one";
  spec.pod.spec.volumes = {{"data", model::ClaimSource{"data-db-0", false}}};
  BoundClaim claim;
  claim.claim_name = "data-db-0";
  claim.source = model::LocalSource{image.string(), ""};
  spec.claims["data-db-0"] = claim;
  const auto until_done = [](auto call) {
    constexpr int kLooks = 600;
    auto result = call();
    for (int i = 0; i < kLooks && failed_with(result, ErrorCode::Aborted); ++i) {
      ::usleep(50'000);
      result = call();
    }
    return result;
  };
  const auto mounted = until_done([&] { return volumes->mount(spec); });
  ASSERT_TRUE(failed_with(mounted, ErrorCode::FailedPrecondition));
  EXPECT_THAT(mounted.error().message(), ::testing::HasSubstr("holds swap"));
  EXPECT_TRUE(has_loop(image));
  const auto unmounted = until_done([&] { return volumes->unmount("one"); });
  EXPECT_TRUE(unmounted.ok()) << unmounted.error().message();
  EXPECT_FALSE(has_loop(image));
  EXPECT_TRUE(nothing_staged());
}

/// Killed at any moment, the same jobs run again bring everything to where it should be.
TEST_P(EachFileSystem, KilledAtAnyMomentItConvergesAndNothingIsLost) {
  const auto image = make_image("disk.img", 320);
  std::mt19937 random(20261121);  // NOLINT: the same moments every time
  std::uniform_int_distribution<int> moment(0, 400);
  const auto kill_after = [&](const json::object& job, int milliseconds) {
    const auto child = start(job);
    pollfd wait{child.output.get(), 0, 0};
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    while (std::chrono::steady_clock::now() < until && ::poll(&wait, 1, 5) == 0) {
    }
    ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
  };
  auto written = false;
  for (int round = 0; round < 10; ++round) {
    kill_after(encode(publish_job(image, "one", GetParam())), moment(random));
    if (round % 3 == 1) {  // the pod is deleted while it is being set up
      kill_after(encode(unpublish_job("one")), moment(random) / 8);
      ASSERT_EQ(unpublish("one"), "ok");
      EXPECT_EQ(mounts(), 0U);
      EXPECT_FALSE(has_loop(image));
      EXPECT_TRUE(nothing_staged());
    }
    if (round % 3 != 2) continue;
    // A tool that was killed with its job gives the device back within some seconds.
    ASSERT_EQ(publish(image, "one", GetParam()), "ok");
    EXPECT_EQ(mounts(), 2U);
    EXPECT_EQ(get(target("one") / "file"), written ? "precious" : "<missing>");
    put(target("one") / "file", "precious");
    written = true;
    kill_after(encode(unpublish_job("one")), moment(random) / 8);
    kill_after(encode(UnpublishJob{run_, {}}), moment(random) / 8);
    ASSERT_EQ(unpublish("one"), "ok");
    ASSERT_EQ(release_all(), "ok");
    EXPECT_EQ(mounts(), 0U);
    EXPECT_FALSE(has_loop(image));
    EXPECT_TRUE(nothing_staged());
  }
}

}  // namespace
}  // namespace berth::volumes
