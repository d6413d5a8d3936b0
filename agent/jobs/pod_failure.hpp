// agent/jobs/pod_failure.hpp - what a Job's podFailurePolicy says of a pod that failed. Pure.
#pragma once

#include <string>

#include "model/jobs.hpp"

namespace berth::agent {

struct FailureVerdict {
  bool counts = true;        ///< Against backoffLimit.
  bool fails_index = false;  ///< FailIndex.
  std::string fails_job;     ///< FailJob: why, in Kubernetes' words; else empty.
};

/// `pod` has failed. The first rule that matches decides; none: the failure counts.
FailureVerdict judge_failure(const model::Job& job, const model::Pod& pod);

}  // namespace berth::agent
