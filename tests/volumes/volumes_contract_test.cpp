// tests/volumes/volumes_contract_test.cpp - the contract on the fake, and on the real thing where it needs no mount.
#include "tests/contracts/volumes_contract.hpp"

#include "tests/fakes/fake_volumes.hpp"
#include "tests/temp_dir.hpp"

namespace berth::volumes {
namespace {

VolumesSubject make_fake() { return {nullptr, std::make_unique<FakeVolumes>(), "/fake/claims/data"}; }

/// /dev/shm is a tmpfs, as /run is: then secrets need no mount of their own.
VolumesSubject make_real() {
  const auto dir = std::make_shared<TempDir>("/dev/shm");
  const auto claim = dir->path() / "claim";
  std::filesystem::create_directory(claim);
  return {dir, make_pod_volumes({dir->path() / "run", dir->path() / "state"}), claim};
}

INSTANTIATE_TEST_SUITE_P(Fake, VolumesContract, ::testing::Values(MakeVolumes(make_fake)));
INSTANTIATE_TEST_SUITE_P(Real, VolumesContract, ::testing::Values(MakeVolumes(make_real)));

TEST(FakeVolumes, PlannedFailureHappensOnceAndCallsAreRecorded) {
  FakeVolumes fake;
  fake.fail_next("provision", Error(ErrorCode::ResourceExhausted, "disk full"));
  EXPECT_TRUE(failed_with(provision(fake, "default", "data-db-0"), ErrorCode::ResourceExhausted));
  EXPECT_TRUE(fake.provisioned().empty());
  EXPECT_TRUE(provision(fake, "default", "data-db-0").ok());
  EXPECT_EQ(fake.calls(), (std::vector<std::string>{"provision default/data-db-0", "provision default/data-db-0"}));
}

}  // namespace
}  // namespace berth::volumes
