// tests/volumes/host_path_test.cpp - hostPath types, and which paths may hang us.
#include "volumes/host_path.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

#include "base/unique_fd.hpp"
#include "tests/temp_dir.hpp"
#include "volumes/network_mounts.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;

TEST(HostPath, TypesThatOnlyCheckSayNotFoundOrWrong) {
  const TempDir dir;
  const auto file = (dir.path() / "file").string();
  const auto absent = (dir.path() / "absent").string();
  put(file, "x");
  EXPECT_TRUE(check_host_path({dir.path().string(), "Directory"}).ok());
  EXPECT_TRUE(check_host_path({file, "File"}).ok());
  EXPECT_TRUE(check_host_path({"/dev/null", "CharDevice"}).ok());
  EXPECT_TRUE(failed_with(check_host_path({file, "Directory"}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(check_host_path({dir.path().string(), "File"}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(check_host_path({file, "CharDevice"}), ErrorCode::InvalidArgument));
  for (const auto* type : {"Directory", "File", "Socket", "CharDevice", "BlockDevice"}) {
    EXPECT_TRUE(failed_with(check_host_path({absent, type}), ErrorCode::NotFound)) << type;
    EXPECT_FALSE(fs::exists(absent)) << type;
  }
  EXPECT_TRUE(failed_with(check_host_path({file, "Fifo"}), ErrorCode::InvalidArgument));
}

TEST(HostPath, SocketIsRecognised) {
  const TempDir dir;
  const auto path = (dir.path() / "sock").string();
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(check_host_path({path, "Socket"}).ok());
  EXPECT_TRUE(failed_with(check_host_path({path, "FileOrCreate"}), ErrorCode::InvalidArgument));
}

TEST(HostPath, OrCreateMakesOnceAndKeepsWhatIsThere) {
  const TempDir dir;
  const auto made = dir.path() / "a/b";
  EXPECT_TRUE(check_host_path({made.string(), "DirectoryOrCreate"}).ok());
  EXPECT_EQ(fs::status(made).permissions(), fs::perms(0755));
  put(made / "kept", "x");
  EXPECT_TRUE(check_host_path({made.string(), "DirectoryOrCreate"}).ok());
  EXPECT_EQ(get(made / "kept"), "x");
  const auto file = dir.path() / "file";
  EXPECT_TRUE(check_host_path({file.string(), "FileOrCreate"}).ok());
  EXPECT_EQ(fs::status(file).permissions(), fs::perms(0644));
  put(file, "kept");
  EXPECT_TRUE(check_host_path({file.string(), "FileOrCreate"}).ok());
  EXPECT_EQ(get(file), "kept");
  EXPECT_TRUE(failed_with(check_host_path({(dir.path() / "no/file").string(), "FileOrCreate"}), ErrorCode::NotFound));
  EXPECT_TRUE(failed_with(check_host_path({file.string(), "DirectoryOrCreate"}), ErrorCode::InvalidArgument));
}

TEST(HostPath, NoTypeTakesAnythingAndMakesADirectory) {
  const TempDir dir;
  EXPECT_TRUE(check_host_path({(dir.path() / "x/y").string(), ""}).ok());
  EXPECT_TRUE(fs::is_directory(dir.path() / "x/y"));
  EXPECT_TRUE(check_host_path({"/dev/null", ""}).ok());
}

TEST(HostPath, RelativePathAndDotDotAreRefused) {
  EXPECT_TRUE(failed_with(check_host_path({"etc", ""}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(check_host_path({"/tmp/../etc", ""}), ErrorCode::InvalidArgument));
}

TEST(HostPath, ClaimDirectoryMustBeThere) {
  const TempDir dir;
  put(dir.path() / "file", "x");
  BoundClaim claim;
  claim.claim_name = "data-db-0";
  claim.volume_name = "pv-1";
  EXPECT_EQ(claim_directory(claim, dir.path()).value_or({}), dir.path());
  const auto missing = claim_directory(claim, dir.path() / "absent");
  ASSERT_TRUE(failed_with(missing, ErrorCode::NotFound));
  EXPECT_NE(missing.error().message().find("data-db-0"), std::string::npos);
  EXPECT_TRUE(failed_with(claim_directory(claim, dir.path() / "file"), ErrorCode::InvalidArgument));
}

TEST(NetworkMounts, PathIsFollowedThroughLinksUpToTheMountAndNotIntoIt) {
  const TempDir dir;
  const auto real = fs::canonical(dir.path());
  fs::create_directories(real / "srv");
  fs::create_directory_symlink(real / "srv", real / "link");
  const auto table = MountTable::parse("40 1 0:40 / / rw - ext4 /dev/vda rw\n41 40 0:41 / " + (real / "srv").string() +
                                       " rw - nfs4 server:/export rw\n");
  EXPECT_EQ(network_mount_on(real / "srv/data", table).value_or({}), "nfs4 at " + (real / "srv").string());
  EXPECT_TRUE(network_mount_on(real / "link/data", table).value_or({}).has_value());
  EXPECT_FALSE(network_mount_on(real / "other", table).value_or("x").has_value());
  EXPECT_FALSE(network_mount_on(real, table).value_or("x").has_value());
}

TEST(NetworkMounts, LinkLoopEnds) {
  const TempDir dir;
  fs::create_symlink("b", dir.path() / "a");
  fs::create_symlink("a", dir.path() / "b");
  EXPECT_TRUE(failed_with(network_mount_on(dir.path() / "a", MountTable()), ErrorCode::InvalidArgument));
}

}  // namespace
}  // namespace berth::volumes
