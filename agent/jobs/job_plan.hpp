// agent/jobs/job_plan.hpp - what one Job should do now: which pods begin, which are stopped, which are counted. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/clock.hpp"
#include "model/jobs.hpp"

namespace berth::agent {

/// A pod to be made.
struct NewJobPod {
  std::optional<std::int32_t> index;  ///< Of an Indexed job.
  std::int32_t failures = 0;          ///< How often pods of this index have failed before, with backoffLimitPerIndex.
  std::int32_t ignored = 0;           ///< And how often that did not count.
};

struct JobSaying {
  std::string_view type;  ///< "Normal" or "Warning".
  std::string reason;
  std::string message;
};

/// What brings the Job one step further. An empty plan: nothing to do before something changes.
///
/// A pod has the finalizer batch.kubernetes.io/job-tracking until it is counted. `counted` and `status` are one fact:
/// the status has these pods in its numbers, and says so in the moment in which they lose the finalizer.
struct JobPlan {
  std::vector<NewJobPod> create;
  std::vector<PodPtr> stop;       ///< Not wanted any more (suspended, fewer in parallel): ended, and never counted.
  std::vector<PodPtr> end;        ///< The job is over: ended, and counted then.
  std::vector<PodPtr> counted;    ///< Lose their finalizer with this status.
  std::vector<PodPtr> untrack;    ///< Lose it without being counted: the job is over.
  json::object status;            ///< Empty: as it is.
  std::optional<JobSaying> said;  ///< With the status.
  bool remove = false;            ///< ttlSecondsAfterFinished is over.
  std::optional<std::chrono::milliseconds> look_again;
};

/// `pods` are those whose controller is the job.
JobPlan plan_job(const model::Job& job, const std::vector<PodPtr>& pods, WallTime now);

/// Which completion the pod is for; nullopt: none that is said.
std::optional<std::int32_t> completion_index(const model::Pod& pod);

/// Not counted yet.
bool is_tracked(const model::Pod& pod);

/// After so many failures in a row: 10 s, 20 s, 40 s, ... 6 min.
std::chrono::seconds job_back_off(int failures);

}  // namespace berth::agent
