// tests/host/stuck_job_test.cpp - a child that SIGKILL does not end, as one in state D: given up, in quarantine, let go
// of later.
//
// A process in a frozen cgroup of version 1 takes SIGKILL only when it is thawed (freezer-subsystem.txt), which is what
// the kernel does with one that waits for a dead disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>

#include "tests/temp_dir.hpp"
#include "volumes/job_runner.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::chrono::seconds kLong{30};

class FrozenCgroup {
 public:
  FrozenCgroup() : path_(fs::path("/sys/fs/cgroup/freezer") / ("berth-test-" + std::to_string(::getpid()))) {
    made_ = ::mkdir(path_.c_str(), 0755) == 0;
  }
  FrozenCgroup(const FrozenCgroup&) = delete;
  FrozenCgroup& operator=(const FrozenCgroup&) = delete;
  ~FrozenCgroup() {
    thaw();
    while (made_ && ::rmdir(path_.c_str()) != 0 && errno == EBUSY) {
    }
  }
  bool made() const { return made_; }
  const fs::path& path() const { return path_; }
  void thaw() const { std::ofstream(path_ / "freezer.state") << "THAWED"; }

 private:
  fs::path path_;
  bool made_ = false;
};

TEST(StuckJob, IsGivenUpKeptFromItsVolumeAndLetGoOfWhenItEnds) {
  const FrozenCgroup cgroup;
  if (!cgroup.made()) GTEST_SKIP() << "no cgroup v1 freezer here: " << cgroup.path();
  const TempDir dir;
  const auto program = dir.path() / "program";
  std::ofstream(program) << "#!/bin/sh\ncase $(cat) in *quick*) echo '{\"result\":{}}'; exit;; esac\necho $$ >"
                         << cgroup.path() << "/cgroup.procs\necho FROZEN >" << cgroup.path()
                         << "/freezer.state\nexec sleep 1000\n";
  fs::permissions(program, fs::perms::owner_all);
  JobRunner runner(program,
                   {.first_step = milliseconds(500), .kill_grace = milliseconds(300), .slow = milliseconds(0)});

  const auto job = [](const std::string& id, const std::string& serial, const std::string& verb) {
    return VolumeJob{
        .id = id, .serial = serial, .peer = "disk /dev/sdb", .name = "data-db-0", .document = {{"verb", verb}}};
  };
  std::promise<Result<json::object>> given_up;
  std::promise<void> let_go;
  ASSERT_TRUE(runner.start(
      job("a", "sdb", "freeze"), [&](const auto& answer) { given_up.set_value(answer); },
      [&, told = false]() mutable {
        // Notices come while it is slow, too; after its answer there is only one.
        if (!told && !runner.busy("a")) let_go.set_value();
        told = told || !runner.busy("a");
      }));
  auto answer = given_up.get_future();
  ASSERT_EQ(answer.wait_for(kLong), std::future_status::ready);
  const auto failed = answer.get();
  ASSERT_TRUE(failed_with(failed, ErrorCode::DeadlineExceeded));
  EXPECT_THAT(failed.error().message(),
              AllOf(HasSubstr("data-db-0: disk /dev/sdb silent for"), HasSubstr("hangs in the kernel")));

  EXPECT_TRUE(runner.busy("a"));
  std::promise<void> done;
  ASSERT_TRUE(runner.start(job("b", "sdb", "quick"), [&](const auto&) { done.set_value(); }));
  std::promise<void> other;
  ASSERT_TRUE(runner.start(job("c", "sdc", "quick"), [&](const auto&) { other.set_value(); }));
  EXPECT_EQ(other.get_future().wait_for(kLong), std::future_status::ready) << "another volume is not held up";
  EXPECT_TRUE(runner.busy("b")) << "its own volume is";
  cgroup.thaw();
  EXPECT_EQ(let_go.get_future().wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(done.get_future().wait_for(kLong), std::future_status::ready) << "and tried again afterwards";
}

}  // namespace
}  // namespace berth::volumes
