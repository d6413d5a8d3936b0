// tests/volumes/helper/lvm_test.cpp - lvm2's reports, names and command lines. The devices are in tests/qemu.
#include <gtest/gtest.h>

#include "volumes/helper/lvm_provisioner.hpp"
#include "volumes/helper/lvm_report.hpp"
#include "volumes/helper/step.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::int64_t kMi = 1024 * 1024;

// lvs of lvm2 2.03.16.
constexpr auto kVolumes = R"(  {
      "report": [
          {
              "lv": [
                  {"lv_name":"default.data-db-0", "lv_size":"104857600", "lv_tags":"berth,berth.claim=default/data-db-0,berth.new", "lv_attr":"-wi-ao----", "pool_lv":"", "data_percent":""},
                  {"lv_name":"pool", "lv_size":"419430400", "lv_tags":"", "lv_attr":"twi-aotz--", "pool_lv":"", "data_percent":"25.00"},
                  {"lv_name":"thin", "lv_size":"209715200", "lv_tags":"", "lv_attr":"Vwi---tz--", "pool_lv":"pool", "data_percent":"50.00"}
              ]
          }
      ]
  })";

TEST(LvmReport, VolumesWithTagsStateAndPool) {
  const auto volumes = parse_volumes(kVolumes);
  ASSERT_TRUE(volumes.ok()) << volumes.error().message();
  ASSERT_EQ(volumes->size(), 3U);
  const auto& data = volumes->at(0);
  EXPECT_EQ(data.bytes, 100 * kMi);
  EXPECT_TRUE(data.has_tag("berth"));
  EXPECT_TRUE(data.has_tag("berth.new"));
  EXPECT_FALSE(data.has_tag("ber"));
  EXPECT_TRUE(data.is_active());
  EXPECT_TRUE(data.is_open());
  EXPECT_TRUE(volumes->at(1).is_thin_pool());
  EXPECT_TRUE(volumes->at(1).tags.empty());
  EXPECT_FALSE(volumes->at(2).is_active());
}

TEST(LvmReport, WhatAPoolHasPromisedIsNotFree) {
  const auto volumes = parse_volumes(kVolumes);
  ASSERT_TRUE(volumes.ok());
  // 400 Mi, a quarter used; 200 Mi promised, half of that used already.
  EXPECT_EQ(unpromised_bytes(volumes->at(1), *volumes), 200 * kMi);
}

TEST(LvmReport, GroupsAndNone) {
  const auto groups = parse_groups(
      R"({"report":[{"vg":[{"vg_name":"vg0","vg_size":"1069547520","vg_free":"964689920","vg_extent_size":"4194304"}]}]})");
  ASSERT_TRUE(groups.ok());
  EXPECT_EQ(groups->at(0).name, "vg0");
  EXPECT_EQ(groups->at(0).free, 964'689'920);
  EXPECT_EQ(groups->at(0).extent, 4 * kMi);
  EXPECT_TRUE(parse_groups(R"({"report":[{"vg":[]}]})")->empty());
  EXPECT_TRUE(failed_with(parse_groups("  No volume groups"), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(parse_groups("[]"), ErrorCode::InvalidArgument));
}

TEST(LvmParameters, SayWhatIsWrong) {
  const auto complaint = [](const model::StringMap& parameters) {
    const auto read = lvm_parameters(parameters);
    return read.ok() ? std::string() : read.error().message();
  };
  EXPECT_EQ(complaint({}), "parameters.volumeGroup: must be given");
  EXPECT_EQ(complaint({{"volumeGroup", "/dev/vg0"}}),
            "parameters.volumeGroup: \"/dev/vg0\": not a volume group's name");
  EXPECT_EQ(complaint({{"volumeGroup", "-a"}}), "parameters.volumeGroup: \"-a\": not a volume group's name");
  EXPECT_EQ(complaint({{"volumeGroup", "vg0"}, {"stripes", "0"}}),
            "parameters.stripes: \"0\": must be a number from 1 to 128");
  EXPECT_EQ(complaint({{"volumeGroup", "vg0"}, {"stripes", "2"}, {"thinPool", "p"}}),
            "parameters.stripes: the thin pool has its own");
  EXPECT_EQ(complaint({{"volumeGroup", "vg0"}, {"overcommit", "true"}}),
            "parameters.overcommit: only a thinPool can be");
  EXPECT_EQ(complaint({{"volumegroup", "vg0"}}),
            "parameters.volumegroup: no such parameter; did you mean volumeGroup? there are: volumeGroup, thinPool, "
            "fsType, stripes, overcommit");
}

TEST(VolumeName, IsNamespaceAndClaimWhileLvm2CanHaveIt) {
  EXPECT_EQ(volume_name("vg0", "default", "data-db-0").value_or(""), "default.data-db-0");
  EXPECT_TRUE(failed_with(volume_name("vg0", "snapshots", "data"), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(volume_name("vg0", "default", "../data"), ErrorCode::InvalidArgument));
  EXPECT_TRUE(volume_name("vg", "a", std::string(122, 'x')).ok());
  EXPECT_TRUE(failed_with(volume_name("vg", "a", std::string(123, 'x')), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(volume_name("v-", "a", std::string(122, 'x')), ErrorCode::InvalidArgument));
}

TEST(CreateCommand, TagsTheVolumeAsUnfinishedFromItsFirstMoment) {
  LvmParameters parameters{.group = "vg0", .thin_pool = {}, .fs_type = "ext4"};
  EXPECT_EQ(create_command(parameters, "default.data", "berth.claim=default/data", 8 * kMi),
            (std::vector<std::string>{"lvcreate", "--yes", "--quiet", "--wipesignatures", "y", "--addtag", "berth",
                                      "--addtag", "berth.new", "--addtag", "berth.claim=default/data", "--name",
                                      "default.data", "--size", "8388608b", "vg0"}));
  parameters.thin_pool = "pool";
  const auto thin = create_command(parameters, "default.data", "t", 8 * kMi);
  EXPECT_EQ(std::vector<std::string>(thin.end() - 5, thin.end()),
            (std::vector<std::string>{"--virtualsize", "8388608b", "--thinpool", "pool", "vg0"}));
}

TEST(LastWords, AreTheEndOfWhatAProgramSaid) {
  EXPECT_EQ(last_words("  one\n\n  two \n"), "one; two");
  EXPECT_EQ(last_words(""), "");
  EXPECT_EQ(last_words(std::string(500, 'x')), std::string(400, 'x'));
  EXPECT_EQ(last_words(std::string(300, 'x') + "\n" + std::string(200, 'y')), std::string(200, 'y'));
}

TEST(Step, AProgramThatIsNotHereIsNamed) {
  const auto ran = run_step("look", {"no-such-program"}, std::chrono::seconds(5));
  ASSERT_TRUE(failed_with(ran, ErrorCode::NotFound));
  EXPECT_EQ(ran.error().message(), "look: no program no-such-program here");
}

TEST(Step, AFailureIsItsLastWordsAndAReportHasOnlyStdout) {
  const auto failed = run_step("try", {"sh", "-c", "echo one; echo two >&2; exit 3"}, std::chrono::seconds(5));
  ASSERT_TRUE(failed_with(failed, ErrorCode::Unknown));
  EXPECT_EQ(failed.error().message(), "try: sh: one; two");
  const auto report = read_step("try", {"sh", "-c", "echo one; echo two >&2"}, std::chrono::seconds(5));
  EXPECT_EQ(report.value_or(""), "one\n");
  EXPECT_EQ(read_step("try", {"sh", "-c", "echo two >&2; exit 1"}, std::chrono::seconds(5)).error().message(),
            "try: sh: two");
}

}  // namespace
}  // namespace berth::volumes::helper
