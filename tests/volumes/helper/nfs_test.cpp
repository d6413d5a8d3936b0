// tests/volumes/helper/nfs_test.cpp - options for mount.nfs, and what its words mean.
#include "volumes/helper/nfs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/temp_dir.hpp"

namespace berth::volumes::helper {
namespace {

TEST(Nfs, AddressesOfVersionSixAreBracketed) {
  EXPECT_EQ(nfs_device({"10.0.0.5", "/srv/data", false}), "10.0.0.5:/srv/data");
  EXPECT_EQ(nfs_device({"store.example", "/", false}), "store.example:/");
  EXPECT_EQ(nfs_device({"fd00::5", "/srv", false}), "[fd00::5]:/srv");
  EXPECT_EQ(nfs_device({"[fd00::5]", "/srv", false}), "[fd00::5]:/srv");
}

TEST(Nfs, OptionsOfFstabAreLeftOutAndNothingGoesOnInTheBackground) {
  EXPECT_EQ(nfs_options({}, false), "retry=0");
  EXPECT_EQ(nfs_options({"nfsvers=4.2", "noatime"}, true), "nfsvers=4.2,noatime,ro,retry=0");
  EXPECT_EQ(nfs_options({"_netdev,nofail,hard", "bg", "x-systemd.automount", "retry=1", "ro"}, true),
            "hard,retry=1,ro");
}

TEST(Nfs, AnExportThatMayBeAnotherHostsByNowIsNotMounted) {
  const TempDir dir;
  PublishJob job;
  job.volume.name = "data-db-0";
  job.volume.source = model::NfsSource{"nas", "", false};
  job.volume.holder = "ship-1";
  job.volume.held_until = boot_time();
  job.target = dir.path() / "mounts/data";
  const auto published = publish_nfs(job);
  ASSERT_TRUE(failed_with(published, ErrorCode::Unavailable));
  EXPECT_EQ(published.error().message(),
            "data-db-0 may be another host's by now: the session of ship-1 is not known to hold any more");
}

TEST(Nfs, WordsOfMountNfsBecomeClasses) {
  const auto code = [](std::string_view words) { return nfs_error("10.0.0.5:/srv", words).code(); };
  EXPECT_EQ(code("mount.nfs: access denied by server while mounting 10.0.0.5:/srv"), ErrorCode::PermissionDenied);
  EXPECT_EQ(code("mount.nfs: Operation not permitted"), ErrorCode::PermissionDenied);
  EXPECT_EQ(code("mount.nfs: mounting 10.0.0.5:/srv failed, reason given by server: No such file or directory"),
            ErrorCode::NotFound);
  EXPECT_EQ(code("mount.nfs: Connection timed out"), ErrorCode::Unavailable);
  EXPECT_EQ(code("mount.nfs: Connection refused"), ErrorCode::Unavailable);
  EXPECT_EQ(code("mount.nfs: No route to host"), ErrorCode::Unavailable);
  EXPECT_EQ(code("mount.nfs: Failed to resolve server store: Name or service not known"), ErrorCode::Unavailable);
  EXPECT_EQ(code("mount.nfs: an incorrect mount option was specified"), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("mount.nfs: requested NFS version or transport protocol is not supported"),
            ErrorCode::FailedPrecondition);
  EXPECT_EQ(code("something else"), ErrorCode::Unavailable);
}

TEST(Nfs, MissingStatdSaysWhatToDo) {
  const auto error = nfs_error("10.0.0.5:/srv",
                               "mount.nfs: rpc.statd is not running but is required for remote locking.\n"
                               "mount.nfs: Either use '-o nolock' to keep locks local, or start statd.\n");
  EXPECT_EQ(error.code(), ErrorCode::FailedPrecondition);
  EXPECT_THAT(error.message(), ::testing::HasSubstr("mountOptions [nolock]"));
}

}  // namespace
}  // namespace berth::volumes::helper
