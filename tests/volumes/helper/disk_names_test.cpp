// tests/volumes/helper/disk_names_test.cpp - under which names an attached disk is looked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "volumes/helper/cloud_disk.hpp"
#include "volumes/helper/fibre_channel.hpp"

namespace berth::volumes::helper {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

model::CloudDiskSource disk(const std::string& kind, const std::string& id, int partition = 0) {
  model::CloudDiskSource source;
  source.kind = kind;
  source.id = id;
  source.partition = partition;
  return source;
}

TEST(CloudDisk, AwsVolumesAreNvmeOrVirtioByTheirId) {
  const auto names = cloud_disk_candidates(disk("awsElasticBlockStore", "aws://us-east-1a/vol-0123456789abcdef0"));
  EXPECT_EQ(names.front(), "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0");
  EXPECT_THAT(names, Contains("/dev/disk/by-id/virtio-vol-0123456789abcdef"));
  EXPECT_EQ(cloud_disk_serial(disk("awsElasticBlockStore", "vol-0abc")), "vol0abc");
}

TEST(CloudDisk, PartitionIsASuffix) {
  const auto names = cloud_disk_candidates(disk("gcePersistentDisk", "data-disk", 1));
  EXPECT_THAT(names, ElementsAre("/dev/disk/by-id/google-data-disk-part1",
                                 "/dev/disk/by-id/scsi-0Google_PersistentDisk_data-disk-part1"));
}

TEST(CloudDisk, CinderVsphereAndAzureHaveTheirOwn) {
  const auto cinder = cloud_disk_candidates(disk("cinder", "bd82f7e2-wece-4c01-a505-4acf60b07f4a"));
  EXPECT_EQ(cinder.front(), "/dev/disk/by-id/virtio-bd82f7e2-wece-4c01-a");
  const auto vsphere = cloud_disk_candidates(disk("vsphereVolume", "6000C298-BB4C-1E5E-0F2C-A2D5DB25F9FF"));
  EXPECT_EQ(vsphere.front(), "/dev/disk/by-id/wwn-0x6000c298bb4c1e5e0f2ca2d5db25f9ff");
  auto azure = disk("azureDisk", "2");
  azure.uri = "/subscriptions/x/disks/data";
  EXPECT_THAT(cloud_disk_candidates(azure), Contains("/dev/disk/azure/scsi1/lun2"));
  EXPECT_THAT(cloud_disk_candidates(azure), Contains("/dev/disk/azure/data/by-name/data"));
}

TEST(CloudDisk, WhatIsNoIdIsRefusedAndWhatIsNotThereListsTheNames) {
  EXPECT_THAT(cloud_disk_candidates(disk("awsElasticBlockStore", "vol/..")), IsEmpty());
  EXPECT_THAT(cloud_disk_candidates(disk("cinder", "a b")), IsEmpty());
  EXPECT_TRUE(failed_with(find_cloud_disk(disk("cinder", "")), ErrorCode::InvalidArgument));
  const auto absent = find_cloud_disk(disk("awsElasticBlockStore", "vol-0fedcba9876543210"));
  ASSERT_TRUE(failed_with(absent, ErrorCode::NotFound));
  EXPECT_THAT(absent.error().message(), HasSubstr("nvme-Amazon_Elastic_Block_Store_vol0fedcba9876543210"));
  EXPECT_THAT(absent.error().message(), HasSubstr("serial number vol0fedcba9876543210"));
}

TEST(FibreChannel, IsFoundByPathOrById) {
  model::FcSource source;
  source.target_wwns = {"500A0982991B8DC5", "0x500a0982891b8dc5"};
  source.lun = 2;
  EXPECT_THAT(fibre_channel_names(source).by_path,
              ElementsAre("-fc-0x500a0982991b8dc5-lun-2", "-fc-0x500a0982891b8dc5-lun-2"));
  model::FcSource by_id;
  by_id.wwids = {"3600508b400105e210000900000490000"};
  EXPECT_THAT(fibre_channel_names(by_id).by_id,
              ElementsAre("scsi-3600508b400105e210000900000490000", "wwn-0x3600508b400105e210000900000490000",
                          "wwn-0x600508b400105e210000900000490000"));
}

TEST(FibreChannel, AbsentDiskNamesWhatWasLookedFor) {
  model::FcSource source;
  EXPECT_TRUE(failed_with(find_fibre_channel(source), ErrorCode::InvalidArgument));
  source.target_wwns = {"500a0982991b8dc5"};
  source.lun = 2;
  const auto absent = find_fibre_channel(source);
  ASSERT_TRUE(failed_with(absent, ErrorCode::NotFound));
  EXPECT_THAT(absent.error().message(), HasSubstr("/dev/disk/by-path/*-fc-0x500a0982991b8dc5-lun-2"));
}

}  // namespace
}  // namespace berth::volumes::helper
