// tests/volumes/helper/iscsi_test.cpp - portals, sessions in sysfs, node records and errors of iSCSI.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/temp_dir.hpp"
#include "volumes/helper/block_device.hpp"
#include "volumes/helper/iscsi_admin.hpp"
#include "volumes/helper/iscsi_session.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kIqn = "iqn.2024-01.test:store";

TEST(Portal, HasAPortAndBracketsWhereNeeded) {
  EXPECT_EQ(parse_portal("10.0.0.5")->text(), "10.0.0.5:3260");
  EXPECT_EQ(parse_portal("10.0.0.5:3261")->text(), "10.0.0.5:3261");
  EXPECT_EQ(parse_portal("store.example")->text(), "store.example:3260");
  EXPECT_EQ(parse_portal("[fd00::5]:3261")->text(), "[fd00::5]:3261");
  EXPECT_EQ(parse_portal("fd00::5")->text(), "[fd00::5]:3260");
  for (const auto* const bad : {"", ":3260", "10.0.0.5:", "10.0.0.5:0", "10.0.0.5:70000", "[fd00::5", "a b", "a;b:1"}) {
    EXPECT_TRUE(failed_with(parse_portal(bad), ErrorCode::InvalidArgument)) << bad;
  }
}

TEST(Portal, EachIsUsedOnce) {
  model::IscsiSource source;
  source.target_portal = "10.0.0.5";
  source.portals = {"10.0.0.5:3260", "10.0.0.6"};
  ASSERT_EQ(portals_of(source)->size(), 2U);
}

/// A sysfs with one session, as scsi_transport_iscsi makes it.
class IscsiSysfs : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto device = sys_ / "devices/platform/host2/session3";
    put(device / "iscsi_session/session3/targetname", std::string(kIqn) + "\n");
    put(device / "iscsi_session/session3/ifacename", "default\n");
    fs::create_directories(device / "target2:0:0/2:0:0:1/block/sdb");
    fs::create_directories(device / "target2:0:0/2:0:0:12/block/sdc");
    fs::create_directories(device / "target2:0:0/power");
    fs::create_directory_symlink(device, device / "iscsi_session/session3/device");
    fs::create_directories(sys_ / "class/iscsi_session");
    fs::create_directory_symlink(device / "iscsi_session/session3", sys_ / "class/iscsi_session/session3");
    const auto connection = sys_ / "class/iscsi_connection/connection3:0";
    put(connection / "persistent_address", "store.example\n");
    put(connection / "persistent_port", "3260\n");
    put(connection / "address", "10.0.0.5\n");
    put(connection / "port", "3260\n");
    put(sys_ / "class/iscsi_connection/connection33:0/address", "10.0.0.9\n");
    put(sys_ / "class/scsi_host/host2/scan", "");
  }

  TempDir dir_;
  fs::path sys_ = dir_.path();
};

TEST_F(IscsiSysfs, SessionIsFoundByNameAndByAddress) {
  EXPECT_TRUE(find_session(kIqn, {"store.example", 3260}, "default", sys_).has_value());
  EXPECT_TRUE(find_session(kIqn, {"10.0.0.5", 3260}, "default", sys_).has_value());
  EXPECT_FALSE(find_session(kIqn, {"10.0.0.5", 3261}, "default", sys_).has_value());
  EXPECT_FALSE(find_session(kIqn, {"10.0.0.9", 3260}, "default", sys_).has_value());
  EXPECT_FALSE(find_session(kIqn, {"10.0.0.5", 3260}, "other", sys_).has_value());
  EXPECT_FALSE(find_session("iqn.other", {"10.0.0.5", 3260}, "default", sys_).has_value());
  EXPECT_TRUE(iscsi_sessions(dir_.path() / "absent").empty());
}

TEST_F(IscsiSysfs, DisksAreNamedByLun) {
  const auto session = iscsi_sessions(sys_).at(0);
  std::map<int, std::string> disks;
  for (const auto& disk : disks_of(session, sys_)) disks[disk.lun] = disk.name;
  EXPECT_EQ(disks, (std::map<int, std::string>{{1, "sdb"}, {12, "sdc"}}));
  scan_for_lun(session, 4, sys_);
  EXPECT_EQ(get(sys_ / "class/scsi_host/host2/scan"), "- - 4");
}

TEST_F(IscsiSysfs, MultipathMapIsTheHolderWithItsKindOfName) {
  EXPECT_FALSE(multipath_holder("sdb", sys_).has_value());
  fs::create_directories(sys_ / "class/block/sdb/holders/dm-0");
  put(sys_ / "class/block/dm-0/dm/uuid", "LVM-abc\n");
  EXPECT_FALSE(multipath_holder("sdb", sys_).has_value());
  put(sys_ / "class/block/dm-0/dm/uuid", "mpath-3600\n");
  EXPECT_EQ(multipath_holder("sdb", sys_), "/dev/dm-0");
}

model::IscsiSource chap_source() {
  model::IscsiSource source;
  source.target_portal = "10.0.0.5";
  source.iqn = kIqn;
  source.chap_session = true;
  return source;
}

TEST(NodeRecord, GetsChapInPlaceOfWhatItSaid) {
  const model::StringMap secret{{"node.session.auth.username", "berth"}, {"node.session.auth.password", "s e=c ret"}};
  const auto settings = node_settings(chap_source(), secret);
  ASSERT_TRUE(settings.ok());
  const auto text = with_settings(
      "# BEGIN RECORD 2.1.8\nnode.name = x\nnode.startup = automatic\nnode.session.auth.authmethod = None\n"
      "node.session.auth.username = old\n# END RECORD\n",
      *settings);
  EXPECT_EQ(text,
            "# BEGIN RECORD 2.1.8\nnode.name = x\nnode.startup = manual\nnode.session.initial_login_retry_max = 1\n"
            "node.session.auth.authmethod = CHAP\nnode.session.auth.username = berth\n"
            "node.session.auth.password = s e=c ret\n# END RECORD\n");
  EXPECT_EQ(with_settings(text, *settings), text);
}

TEST(NodeRecord, IsOfOneInterface) {
  const IscsiNode node{"iqn.2026-01.org:store", *parse_portal("10.0.0.5"), "berth-1"};
  EXPECT_TRUE(check_iface(node, "").ok());
  EXPECT_TRUE(check_iface(node, "# BEGIN RECORD\niface.iscsi_ifacename = berth-1\niface.net_ifacename = x\n").ok());
  for (const auto* other : {"default", "berth-2", "berth-11"}) {
    const auto checked = check_iface(node, fmt::format("# BEGIN RECORD\niface.iscsi_ifacename = {}\n", other));
    ASSERT_TRUE(failed_with(checked, ErrorCode::FailedPrecondition)) << other;
    EXPECT_THAT(checked.error().message(), HasSubstr(fmt::format("by interface \"{}\" already", other)));
  }
}

TEST(NodeRecord, HasNoChapWithoutChapAuthSession) {
  auto source = chap_source();
  source.chap_session = false;
  const auto settings = node_settings(source, {{"node.session.auth.password", "hush"}});
  ASSERT_TRUE(settings.ok());
  EXPECT_THAT(with_settings("", *settings), Not(HasSubstr("auth")));
}

TEST(NodeRecord, RefusesWhatWouldBecomeAnotherLineOrAnotherFile) {
  EXPECT_TRUE(failed_with(node_settings(chap_source(), {{"node.session.auth.password", "a\nnode.startup = automatic"}}),
                          ErrorCode::InvalidArgument));
  auto source = chap_source();
  source.iqn = "../../etc";
  EXPECT_TRUE(failed_with(node_settings(source, {}), ErrorCode::InvalidArgument));
  source = chap_source();
  source.iface = "-x";
  EXPECT_TRUE(failed_with(node_settings(source, {}), ErrorCode::InvalidArgument));
}

TEST(LoginError, NamesPortalTargetAndUserButNoPassword) {
  const IscsiNode node{kIqn, {"10.0.0.5", 3260}, "default"};
  const auto refused =
      login_error(node, "berth", 24, "iscsiadm: initiator reported error (24 - iscsi login failed ...)");
  EXPECT_EQ(refused.code(), ErrorCode::Unauthenticated);
  EXPECT_EQ(refused.message(), "log in to iqn.2024-01.test:store at 10.0.0.5:3260: refused as CHAP user \"berth\"");
  EXPECT_EQ(login_error(node, "", 8, "").code(), ErrorCode::Unavailable);
  EXPECT_EQ(login_error(node, "", 19, "").code(), ErrorCode::NotFound);
  EXPECT_EQ(login_error(node, "", 20, "").code(), ErrorCode::FailedPrecondition);
  EXPECT_THAT(login_error(node, "", 9, "iscsiadm: broken").message(), HasSubstr("exit code 9: iscsiadm: broken"));
}

}  // namespace
}  // namespace berth::volumes::helper
