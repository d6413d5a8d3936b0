// tests/volumes/helper/pool_test.cpp - which disk of a pool a claim gets, in pure functions and files.
#include <gtest/gtest.h>

#include "tests/temp_dir.hpp"
#include "volumes/helper/pool_choice.hpp"
#include "volumes/helper/pool_devices.hpp"
#include "volumes/helper/pool_parameters.hpp"
#include "volumes/helper/pool_records.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kGi = 1024LL * 1024 * 1024;

std::string complaint(const model::StringMap& parameters) {
  const auto read = pool_parameters(parameters);
  return read.ok() ? std::string() : read.error().message();
}

TEST(PoolParameters, DisksByPattern) {
  const auto read = pool_parameters({{"match", "/dev/disk/by-id/scsi-*, /dev/sd[b-d]"}, {"wipe", "discard"}});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->match, (std::vector<std::string>{"/dev/disk/by-id/scsi-*", "/dev/sd[b-d]"}));
  EXPECT_EQ(read->wipe, Wipe::Discard);
  EXPECT_FALSE(read->adopt);
  EXPECT_EQ(pool_parameters({{"match", "/dev/x"}})->wipe, Wipe::Signatures);
}

TEST(PoolParameters, LunsOfATarget) {
  const auto read = pool_parameters({{"iscsiTargetPortal", "10.0.0.5"},
                                     {"iqn", "iqn.2026-01.org:disks"},
                                     {"luns", "1-3,7"},
                                     {"portals", "10.0.1.5,10.0.2.5:3261"},
                                     {"iscsiSecretName", "chap"},
                                     {"iscsiSecretNamespace", "storage"}});
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(read->luns, (std::vector<std::int32_t>{1, 2, 3, 7}));
  EXPECT_EQ(read->target.portals.size(), 2U);
  EXPECT_TRUE(read->target.chap_session);
  EXPECT_EQ(read->target.secret_ns, "storage");
}

TEST(PoolParameters, SayWhatIsWrong) {
  EXPECT_EQ(complaint({}), "parameters.match: must be given, or iscsiTargetPortal with iqn and luns");
  EXPECT_EQ(complaint({{"match", ","}}), "parameters.match: names no device");
  EXPECT_EQ(complaint({{"match", "sdb"}}), "parameters.match: \"sdb\": must be absolute paths, with * ? and [...]");
  EXPECT_EQ(complaint({{"match", "/dev/sdb"}, {"luns", "1"}}),
            "parameters.luns: cannot be beside match: disks or LUNs");
  EXPECT_EQ(complaint({{"iscsiTargetPortal", "10.0.0.5"}, {"iqn", "disks"}, {"luns", "1"}}),
            "parameters.iqn: \"disks\": must be a target's name: iqn., eui. or naa.");
  EXPECT_EQ(complaint({{"match", "/dev/sdb"}, {"wipe", "all"}}),
            "parameters.wipe: \"all\": must be signatures, none, zero or discard");
  EXPECT_EQ(complaint({{"match", "/dev/sdb"}, {"Adopt", "true"}}),
            "parameters.Adopt: no such parameter; did you mean adopt? there are: match, iscsiTargetPortal, iqn, luns, "
            "portals, iscsiSecretName, iscsiSecretNamespace, fsType, wipe, adopt");
}

TEST(Luns, AreRangesAndListsEachOnce) {
  EXPECT_EQ(parse_luns("1-3").value_or({}), (std::vector<std::int32_t>{1, 2, 3}));
  EXPECT_EQ(parse_luns("7,1,7,0-1").value_or({}), (std::vector<std::int32_t>{7, 1, 0}));
  EXPECT_EQ(parse_luns("16383").value_or({}), std::vector<std::int32_t>{16383});
  for (const auto* bad : {"", ",", "1,", "a", "1-", "-1", "3-1", "1-2-3", "16384", "0-16383", " 1", "0x1"}) {
    if (std::string_view(bad) == "1,") continue;  // a comma at the end says nothing more
    EXPECT_TRUE(failed_with(parse_luns(bad), ErrorCode::InvalidArgument)) << bad;
  }
}

TEST(Luns, AreOneWhateverIsSaidOfThePort) {
  model::IscsiSource a;
  a.target_portal = "10.0.0.5";
  a.iqn = "iqn.x";
  a.lun = 3;
  auto b = a;
  b.target_portal = "10.0.0.5:3260";
  EXPECT_TRUE(same_lun(a, b));
  EXPECT_EQ(lun_name(a), lun_name(b));
  EXPECT_EQ(lun_name(a), "10.0.0.5:3260 iqn.x lun 3");
  b.lun = 4;
  EXPECT_FALSE(same_lun(a, b));
  b = a;
  b.target_portal = "10.0.0.5:3261";
  EXPECT_FALSE(same_lun(a, b));
}

TEST(Choice, TheSmallestThatIsLargeEnoughAndTheFirstAmongEquals) {
  const std::vector<Candidate> candidates = {{"/dev/a", 10 * kGi, ""},
                                             {"/dev/b", 1 * kGi, ""},
                                             {"/dev/c", 2 * kGi, ""},
                                             {"/dev/d", 2 * kGi, ""},
                                             {"/dev/e", 2 * kGi, "holds ext4"}};
  EXPECT_EQ(choose(candidates, 2 * kGi, "p").value_or(99), 2U);
  EXPECT_EQ(choose(candidates, 2 * kGi + 1, "p").value_or(99), 0U);
  EXPECT_EQ(choose(candidates, 1, "p").value_or(99), 1U);
}

TEST(Choice, NothingFreeNamesEveryCandidateWithItsReason) {
  const std::vector<Candidate> candidates = {{"/dev/a", 1 * kGi, ""}, {"/dev/b", 9 * kGi, "holds ext4"}};
  const auto none = choose(candidates, 2 * kGi, "\"/dev/*\"");
  ASSERT_TRUE(failed_with(none, ErrorCode::ResourceExhausted));
  EXPECT_EQ(none.error().message(),
            "the pool \"/dev/*\" has nothing free for 2Gi: /dev/a: too small: 1Gi; /dev/b: holds ext4");
  EXPECT_EQ(choose({}, 1, "\"/dev/*\"").error().message(), "the pool \"/dev/*\" is empty: no device matches");
  const auto many = choose(std::vector<Candidate>(25, {"/dev/x", 0, "no"}), 1, "p").error().message();
  EXPECT_NE(many.find("; and 5 more"), std::string::npos);
}

TEST(Pool, KnowsItsDevicesByName) {
  const auto disks = pool_parameters({{"match", "/dev/disk/by-id/scsi-*"}});
  EXPECT_TRUE(is_of_pool(*disks, "/dev/disk/by-id/scsi-1"));
  EXPECT_FALSE(is_of_pool(*disks, "/dev/disk/by-id/ata-1"));
  EXPECT_FALSE(is_of_pool(*disks, "/dev/disk/by-id/scsi-1/x"));
  const auto luns = pool_parameters({{"iscsiTargetPortal", "p"}, {"iqn", "iqn.x"}, {"luns", "1-2"}});
  EXPECT_TRUE(is_of_pool(*luns, "p:3260 iqn.x lun 2"));
  EXPECT_FALSE(is_of_pool(*luns, "p:3260 iqn.x lun 3"));
}

TEST(PoolRecords, AreReadBackUntilRemoved) {
  const TempDir dir;
  const PoolRecords pool(dir.path());
  EXPECT_TRUE(pool.read()->empty());
  EXPECT_TRUE(pool.remove("/dev/disk/by-id/a").ok());
  const PoolRecord record{
      .device = "/dev/disk/by-id/a", .ns = "default", .claim = "data-db-0", .bytes = kGi, .fs_type = "xfs"};
  ASSERT_TRUE(pool.write(record).ok());
  put(dir.path() / "pool/.a.json.17-0.tmp", "{");  // a write that was killed
  const auto read = pool.read();
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->size(), 1U);
  EXPECT_EQ(read->at(0).device, record.device);
  EXPECT_TRUE(read->at(0).is_of("default", "data-db-0"));
  EXPECT_EQ(read->at(0).bytes, kGi);
  EXPECT_EQ(read->at(0).fs_type, "xfs");
  ASSERT_TRUE(pool.write(record).ok());
  EXPECT_FALSE(fs::exists(dir.path() / "pool/.a.json.17-0.tmp"));
  EXPECT_TRUE(pool.remove(record.device).ok());
  EXPECT_TRUE(pool.read()->empty());
}

TEST(PoolRecords, ADamagedOneStopsThePool) {
  const TempDir dir;
  put(dir.path() / "pool/a.json", "{\"device\": \"/dev/a\"}");
  EXPECT_TRUE(failed_with(PoolRecords(dir.path()).read(), ErrorCode::DataLoss));
}

}  // namespace
}  // namespace berth::volumes::helper
