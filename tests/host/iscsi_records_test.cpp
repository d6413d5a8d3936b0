// tests/host/iscsi_records_test.cpp - node records of iSCSI: an administrator's stays as it was, ours goes.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>

#include "base/unique_fd.hpp"
#include "tests/temp_dir.hpp"
#include "volumes/helper/iscsi.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIqn = "iqn.2026-01.org:store";
constexpr const char* kRecords = "/var/lib/iscsi/nodes";
/// What open-iscsi does to its records, and a portal that never answers (exit code 8).
constexpr const char* kIscsiadm = R"(#!/bin/sh
record=/var/lib/iscsi/nodes/iqn.2026-01.org:store/10.0.0.5,3260,1/default
case "$*" in
  *"-o new"*) mkdir -p "${record%/*}"; printf '# BEGIN RECORD\nnode.startup = automatic\n# END RECORD\n' >"$record" ;;
  *"-o delete"*) rm "$record" ;;
  *--login*) cp "$record" /var/lib/iscsi/at-login; exit 8 ;;
  *--logout*) exit 21 ;;
esac
)";

/// A machine of its own with that iscsiadm, and somebody who answers as iscsid.
class IscsiHost : public ::testing::Environment {
 public:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(::unshare(CLONE_NEWNS | CLONE_NEWNET), 0) << std::strerror(errno);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
    ASSERT_EQ(::mount("tmpfs", "/var/lib", "tmpfs", 0, nullptr), 0) << std::strerror(errno);
    put("/var/lib/bin/iscsiadm", kIscsiadm);
    fs::permissions("/var/lib/bin/iscsiadm", fs::perms(0755));
    ::setenv("PATH", fmt::format("/var/lib/bin:{}", std::getenv("PATH")).c_str(), 1);
    ::setenv("BERTH_LOCK_DIR", "/var/lib/locks", 1);
    constexpr std::string_view kName = "ISCSIADM_ABSTRACT_NAMESPACE";
    iscsid_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::copy(kName.begin(), kName.end(), address.sun_path + 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kName.size());
    ASSERT_EQ(::bind(iscsid_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0) << std::strerror(errno);
    ASSERT_EQ(::listen(iscsid_.get(), 16), 0);
  }

 private:
  UniqueFd iscsid_;
};
const auto* const kHost = ::testing::AddGlobalTestEnvironment(new IscsiHost);

class IscsiRecords : public ::testing::Test {
 protected:
  IscsiRecords() {
    fs::remove_all("/var/lib/iscsi");
    fs::create_directories(kRecords);
    source_.target_portal = "10.0.0.5";
    source_.iqn = kIqn;
    source_.iface = "default";
    source_.chap_session = true;
  }
  Result<fs::path> attach() const {
    return attach_iscsi(source_, {{"node.session.auth.username", "pod"}, {"node.session.auth.password", "secret"}},
                        run_);
  }

  TempDir dir_;
  fs::path run_ = dir_.path() / "run";
  fs::path record_ = fs::path(kRecords) / kIqn / "10.0.0.5,3260,1/default";
  const std::string admins_ =
      "# BEGIN RECORD\nnode.startup = automatic\nnode.session.auth.username = admin\n# END RECORD\n";
  model::IscsiSource source_;
};

TEST_F(IscsiRecords, AnAdministratorsIsUsedWithOurSettingsAndStaysAsItWas) {
  put(record_, admins_);
  EXPECT_TRUE(failed_with(attach(), ErrorCode::Unavailable));
  EXPECT_NE(get("/var/lib/iscsi/at-login").find("node.session.auth.username = pod"), std::string::npos);
  EXPECT_EQ(get(record_), admins_);
  ASSERT_TRUE(detach_iscsi(source_, run_, {}).ok());
  EXPECT_EQ(get(record_), admins_);
}

TEST_F(IscsiRecords, OursGoesWithTheSession) {
  EXPECT_TRUE(failed_with(attach(), ErrorCode::Unavailable));
  EXPECT_NE(get(record_).find("node.startup = manual"), std::string::npos);
  ASSERT_TRUE(detach_iscsi(source_, run_, {}).ok());
  EXPECT_FALSE(fs::exists(record_));
}

TEST_F(IscsiRecords, KilledInBetweenTheNextOneStillKnowsWhatWasThere) {
  put(record_, admins_);
  EXPECT_FALSE(attach().ok());
  put(record_, get("/var/lib/iscsi/at-login"));  // as if it had been killed right after the login
  EXPECT_FALSE(attach().ok());
  EXPECT_EQ(get(record_), admins_);
  put(record_, get("/var/lib/iscsi/at-login"));
  ASSERT_TRUE(detach_iscsi(source_, run_, {}).ok());
  EXPECT_EQ(get(record_), admins_);
}

TEST_F(IscsiRecords, OfAnotherInitiatorNameAtThePortalIsLeftAlone) {
  const auto file = fs::path(kRecords) / kIqn / "10.0.0.5,3260";
  const std::string other = "# BEGIN RECORD\niface.iscsi_ifacename = berth-other\n# END RECORD\n";
  put(file, other);
  const auto attached = attach();
  ASSERT_TRUE(failed_with(attached, ErrorCode::FailedPrecondition));
  EXPECT_NE(attached.error().message().find("by interface \"berth-other\" already"), std::string::npos);
  EXPECT_EQ(get(file), other);
}

TEST_F(IscsiRecords, ATargetThatAnotherAgentHasStagedIsNotLoggedOutOf) {
  EXPECT_FALSE(attach().ok());
  const auto other = dir_.path() / "other";
  ASSERT_FALSE(attach_iscsi(source_, {}, other).ok());  // it has noted itself
  put(other / "staged/some-key/volume.json", "not to be read");
  ASSERT_TRUE(detach_iscsi(source_, run_, {}).ok());
  EXPECT_TRUE(fs::exists(record_));
  fs::remove_all(other / "staged");
  ASSERT_TRUE(detach_iscsi(source_, run_, {}).ok());
  EXPECT_FALSE(fs::exists(record_));
}

}  // namespace
}  // namespace berth::volumes::helper
