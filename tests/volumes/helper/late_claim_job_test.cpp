// tests/volumes/helper/late_claim_job_test.cpp - what was asked for too long ago is not begun.
#include <gtest/gtest.h>

#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

template <typename Job>
Job late(Job job, BootTime until) {
  job.provisioner = "berth.io/none";
  job.ns = "default";
  job.claim = "data";
  job.until = until;
  return job;
}

TEST(LateClaimJob, NeitherMakesNorDestroys) {
  const auto made = provision(late(ProvisionJob{}, boot_time()));
  ASSERT_TRUE(failed_with(made, ErrorCode::Aborted)) << "asked anew, not a failure";
  EXPECT_EQ(made.error().message(), "default/data: too late, this may be another host's to do by now");
  EXPECT_TRUE(failed_with(reclaim(late(ReclaimJob{}, boot_time())), ErrorCode::Aborted));
  EXPECT_TRUE(failed_with(reclaim(late(ReclaimJob{}, BootTime::max())), ErrorCode::InvalidArgument)) << "begun";
}

TEST(LateClaimJob, ItsTimeIsInTheJob) {
  const BootTime until{123456789};
  EXPECT_EQ(decode_provision(encode(late(ProvisionJob{}, until)))->until, until);
  auto job = late(ReclaimJob{}, until);
  job.source = model::NfsSource{"nas", "/data", false};
  EXPECT_EQ(decode_reclaim(encode(job))->until, until);
}

}  // namespace
}  // namespace berth::volumes::helper
